import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, defineTool, Logger, type ErrandServer, type HttpListener } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy } from '../helpers/http-spy.js';
import { rejection, request } from '../helpers/raw-calls.js';
import { connectHttp } from '../helpers/transports.js';

const hello = defineTool({ name: 'hello', run: () => 'hello' });
const options = {
  name: 'http',
  version: '1.0.0',
  components: [hello],
  logger: new Logger(() => undefined),
} as const;

let server: ErrandServer;
let listener: HttpListener;

beforeEach(async () => {
  server = createServer(options);
  listener = await server.listen();
});

afterEach(() => server.close());

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request as it is written, which `fetch` would not let choose its Host. */
function send(
  method: string,
  headers: Record<string, string>,
  body?: string | Buffer,
  { url } = listener,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const accepts = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});
const list = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' });
const post = (headers: Record<string, string>, body: string | Buffer = initialize): Promise<Reply> =>
  send('POST', { ...accepts, ...headers }, body);

async function openSession(): Promise<Record<string, string>> {
  const { headers } = await post({});
  return { 'mcp-session-id': headers['mcp-session-id'] as string, 'mcp-protocol-version': '2025-11-25' };
}

describe('the guard against rebinding', () => {
  it.each(['localhost', '127.0.0.1', '127.0.0.1:1', '[::1]:3000', 'LOCALHOST'])('lets Host %s in', async (host) => {
    expect(await post({ host })).toMatchObject({ status: 200 });
  });

  it.each(['example.com', 'localhost.example.com', '127.0.0.1.example.com', 'localhost@example.com', '%'])(
    'refuses Host %s',
    async (host) => {
      expect(await post({ host })).toMatchObject({ status: 403, body: expect.stringContaining('Host header') });
    },
  );

  it.each(['https://example.com', 'null', 'http://localhost.example.com', 'file://'])(
    'refuses Origin %s',
    async (origin) => {
      expect(await post({ origin })).toMatchObject({ status: 403, body: expect.stringContaining('Origin header') });
    },
  );

  it('lets pages of this machine in', async () => {
    expect(await post({ origin: 'http://localhost:5173' })).toMatchObject({ status: 200 });
  });

  it('takes the names and origins that it was told', async () => {
    const told = await server.listen({ allowedHosts: ['Example.com'], allowedOrigins: ['https://app.example.com'] });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await send('POST', { ...accepts, ...headers }, initialize, told)).status;
    expect(await status({ host: 'example.com:443', origin: 'https://app.example.com' })).toBe(200);
    expect(await status({ host: 'example.com', origin: 'http://localhost' })).toBe(403);
    expect(await status({ host: 'example.org' })).toBe(403);
  });
});

describe('requests over HTTP', () => {
  it('need a session that exists', async () => {
    expect(await post({ 'mcp-session-id': 'nobody' }, list)).toMatchObject({ status: 404 });
    expect(await post({}, list)).toMatchObject({ status: 400 });
    expect(await send('GET', { accept: 'text/event-stream' })).toMatchObject({ status: 400 });
    expect(await send('DELETE', {})).toMatchObject({ status: 400 });
    expect(await send('PUT', {})).toMatchObject({ status: 400 });
  });

  it('are answered in a session, and cannot initialize it twice', async () => {
    const session = await openSession();
    expect(await post(session, list)).toMatchObject({ status: 200, body: expect.stringContaining('"hello"') });
    expect((await post(session)).status).toBe(400);
  });

  it('are JSON', async () => {
    const session = await openSession();
    for (const headers of [{}, session]) {
      const { status, body } = await post(headers, '{"jsonrpc": ');
      expect(status).toBe(400);
      expect(JSON.parse(body)).toMatchObject({ jsonrpc: '2.0', error: { code: -32700 }, id: null });
    }
    for (const body of ['null', '7', '"text"', '[null]', '{}', '']) {
      const { status } = await post(session, body);
      expect([body, status]).toEqual([body, 400]);
    }
  });

  it('are not larger than 4 MiB', async () => {
    const large = JSON.stringify({
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/list',
      params: { pad: 'x'.repeat(5_000_000) },
    });
    const { status, body } = await post(await openSession(), large);
    expect(status).toBe(413);
    expect(JSON.parse(body)).toMatchObject({ error: { message: 'The body is larger than 4194304 bytes.' } });
  });

  it('go to the path', async () => {
    const other = { ...listener, url: listener.url.replace('/mcp', '/other') };
    expect(await send('POST', accepts, initialize, other)).toMatchObject({
      status: 404,
      body: expect.stringContaining('Use /mcp.'),
    });
    const query = { ...listener, url: `${listener.url}?x=1` };
    expect(await send('POST', accepts, initialize, query)).toMatchObject({ status: 200 });
  });
});

describe('a session over HTTP', () => {
  it('ends with DELETE', async () => {
    const session = await openSession();
    expect((await send('DELETE', session)).status).toBe(200);
    expect((await post(session, list)).status).toBe(404);
  });

  it('is swept when nobody uses it, but not while a stream is open', async () => {
    const clock = new FakeClock();
    const clocked = serverWithClock(options, clock);
    const { url } = await clocked.listen({ sessionTimeout: '10m' });
    const spy = new HttpSpy();
    await using peer = await connectHttp(url, { fetch: spy.fetch });
    await clock.advance(60 * 60_000);
    expect(await request(peer.client, 'tools/list')).toMatchObject({ tools: [{ name: 'hello' }] });
    spy.of('GET')[0]?.drop();
    await eventually(async () => {
      await clock.advance(12 * 60_000);
      expect(await rejection(request(peer.client, 'tools/list'))).toMatchObject({ code: 404 });
    });
    await clocked.close();
    expect(clock.armed).toBe(0);
  });
});

describe('server.listen()', () => {
  it('refuses a port that is taken', async () => {
    expect(await rejection(server.listen({ port: listener.port }))).toMatchObject({
      code: 'LISTEN_REFUSED',
      message: expect.stringMatching(
        /^Cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE.*\. Choose another port\.$/,
      ),
    });
  });

  it.each(['0.0.0.0', '::', '192.168.0.1'])('refuses %s without the names by which clients come', async (host) => {
    expect(await rejection(server.listen({ host }))).toMatchObject({
      code: 'LISTEN_REFUSED',
      message: expect.stringContaining('allowedHosts'),
    });
  });

  it('listens on every address for the names that it was told', async () => {
    const wide = await server.listen({ host: '0.0.0.0', allowedHosts: ['example.com'] });
    expect((await send('POST', { ...accepts, host: 'example.com' }, initialize, wide)).status).toBe(200);
    expect((await send('POST', { ...accepts, host: 'localhost' }, initialize, wide)).status).toBe(403);
  });

  it('frees its port when it is closed, also with a stream open', async () => {
    await using peer = await connectHttp(listener.url);
    await listener.close();
    await rejection(request(peer.client, 'ping'));
    const again = await server.listen({ port: listener.port });
    expect(again.port).toBe(listener.port);
    await listener.close();
    expect((await send('POST', accepts, initialize, again)).status).toBe(200);
  });
});
