import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { connect } from '../../src/client/connect.js';
import {
  Context,
  createServer,
  CurrentHeaders,
  CurrentPrincipal,
  defineTool,
  Logger,
  type ErrandServer,
  type FetchOptions,
  type HttpOptions,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { Gate } from '../helpers/gate.js';
import { authOf } from '../helpers/principals.js';
import { rejectionOf } from '../helpers/thrown.js';

const url = 'http://localhost/wherever/mcp';

let server: ErrandServer;
let ended: string[];
const held = new Gate();

const confirm = defineTool({
  name: 'confirm',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    await ctx.reportProgress(1, 2, 'asking');
    return (await ctx.elicit('Sure?', z.boolean())).action;
  },
});

const who = defineTool({
  name: 'who',
  inject: [CurrentPrincipal, CurrentHeaders],
  run: (_input, principal, headers) =>
    `${principal.facts.subject ?? principal.id} by ${headers.get('x-user') ?? 'nobody'}`,
});

const hold = defineTool({
  name: 'hold',
  inject: [Context],
  run: async (_input, ctx) => {
    await ctx.info('held');
    await held.stop();
    ended.push('hold');
    return 'let go';
  },
});

const make = (http: HttpOptions = {}): ErrandServer =>
  createServer({
    name: 'hosted',
    version: '1.0.0',
    components: [confirm, who, hold],
    logger: new Logger(() => undefined),
    http,
  });

beforeEach(() => {
  ended = [];
  held.clear();
  server = make();
});

afterEach(() => server.close());

/** A host that has nothing but `Request` and `Response`: the client talks to the server without any socket. */
function transport(options?: FetchOptions, seen: Response[] = []): StreamableHTTPClientTransport {
  const { fetch } = server;
  return new StreamableHTTPClientTransport(new URL(url), {
    fetch: async (input, init) => {
      const response = await fetch(new Request(input, init), options);
      seen.push(response);
      return response;
    },
  });
}

const text = (content: string) => ({ content: [{ type: 'text', text: content }] });

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

const post = (body: unknown, headers: Record<string, string> = {}, to = url): Request =>
  new Request(to, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('server.fetch()', () => {
  it('serves everything a client needs: calls, progress, questions of calls and tasks, the end of a session', async () => {
    const seen: Response[] = [];
    const progress: string[] = [];
    const client = await connect(transport(undefined, seen), {
      onElicit: () => ({ action: 'accept', content: { value: true } }),
    });
    const onProgress = ({ message = '' }): void => void progress.push(message);
    expect(await client.callTool('confirm', {}, { onProgress })).toMatchObject(text('accept'));
    expect(progress).toEqual(['asking']);
    const task = await client.callTool('confirm', {}, { task: true });
    expect(await task.result()).toMatchObject(text('accept'));
    await client.close();
    const session = seen[0]?.headers.get('mcp-session-id') ?? '';
    const after = await server.fetch(
      post(
        { jsonrpc: '2.0', id: 1, method: 'ping' },
        { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
      ),
    );
    expect(after.status).toBe(404);
  });

  it('takes the principal from its argument only', async () => {
    const client = await connect(transport({ auth: authOf({ subject: 'ada' }) }));
    expect(await client.callTool('who')).toMatchObject(text('ada by nobody'));
    await client.close();
    const anonymous = await connect(transport());
    expect(await anonymous.callTool('who')).toMatchObject(text('anonymous by nobody'));
    await anonymous.close();
    const forged = await server.fetch(post(initialize, { authorization: 'Bearer ada', 'x-user': 'ada' }));
    expect(forged.status).toBe(200);
    await forged.text();
  });

  it.each([
    ['the server of Bun', { port: 3000, requestIP: () => null }, 200],
    ['the environment of a worker', { AUTH: 'secret' }, 200],
    ['nothing', null, 200],
  ])('takes what hosts hand over beside the request for no identity: %s', async (_name, second, status) => {
    const response = await server.fetch(post(initialize), second as never);
    expect(response.status).toBe(status);
    await response.text();
  });

  it.each(['ada', 5, { token: 'x' }, []])('refuses an invalid identity: %p', async (auth) => {
    expect(await rejectionOf(server.fetch(post(initialize), { auth: auth as never }))).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('Pass { token, clientId, scopes }'),
    });
  });

  it('answers only requests with an expected Host and Origin, from the header or the URL', async () => {
    const status = async (request: Request): Promise<number> => {
      const response = await server.fetch(request);
      await response.text();
      return response.status;
    };
    expect(await status(post(initialize, {}, 'https://example.com/mcp'))).toBe(403);
    expect(await status(post(initialize, { host: 'evil.example' }))).toBe(403);
    expect(await status(post(initialize, { origin: 'https://evil.example' }))).toBe(403);
    expect(await status(post(initialize, { origin: 'http://localhost:5173' }))).toBe(200);
    await server.close();
    server = make({ allowedHosts: ['example.com'], allowedOrigins: ['https://app.example.com'] });
    expect(await status(post(initialize, {}, 'https://example.com/mcp'))).toBe(200);
    expect(await status(post(initialize, { origin: 'https://app.example.com' }, 'https://example.com/mcp'))).toBe(200);
    expect(await status(post(initialize))).toBe(403);
  });

  it('answers the preflight request of a page, and lets it read the responses', async () => {
    const headers = { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' };
    const response = await server.fetch(new Request(url, { method: 'OPTIONS', headers }));
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    const answer = await server.fetch(post(initialize, { origin: 'http://localhost:5173' }));
    expect(answer.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    await answer.text();
  });

  it.each([
    ['{', 400],
    ['x'.repeat(5 * 1024 * 1024), 413],
    [JSON.stringify([1]), 400],
  ])('refuses a body that is none', async (body, status) => {
    const response = await server.fetch(post(body));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ jsonrpc: '2.0', error: { message: expect.any(String) } });
  });

  it.each(['cancels the body', 'aborts the request'])(
    'goes on with a call when its client goes away: %s',
    async (how) => {
      const begun = await server.fetch(post(initialize));
      const session = begun.headers.get('mcp-session-id') ?? '';
      await begun.text();
      const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
      const gone = new AbortController();
      const request = new Request(
        post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'hold' } }, headers),
        {
          signal: gone.signal,
        },
      );
      const response = await server.fetch(request);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const { value } = await reader.read();
      expect(new TextDecoder().decode(value)).toContain('held');
      if (how === 'cancels the body') await reader.cancel();
      else gone.abort();
      // The id is free again once the stream is known to be gone.
      await eventually(async () => {
        const second = await server.fetch(post({ jsonrpc: '2.0', id: 1, method: 'ping' }, headers));
        await second.text();
        expect(second.status).toBe(200);
      });
      await held.pass();
      await eventually(() => expect(ended).toEqual(['hold']));
    },
  );

  it('refuses requests once the server is closed, and ends its streams', async () => {
    const response = await server.fetch(post(initialize));
    const session = response.headers.get('mcp-session-id') ?? '';
    await response.text();
    const headers = { 'mcp-session-id': session, accept: 'text/event-stream' };
    const stream = await server.fetch(new Request(url, { headers }));
    await server.close();
    expect(await stream.text()).toBe('');
    expect(await rejectionOf(server.fetch(post(initialize)))).toMatchObject({ code: 'SERVER_CLOSED' });
  });

  it('keeps nothing between requests with `http: { stateless: true }`', async () => {
    await server.close();
    server = make({ stateless: true });
    const client = await connect(transport());
    expect(await client.callTool('who')).toMatchObject(text('anonymous by nobody'));
    await client.close();
  });
});
