import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createServer,
  defineTool,
  Logger,
  type ErrandServer,
  type HttpListener,
  type ListenOptions,
} from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy } from '../helpers/http-spy.js';
import { rejection, request } from '../helpers/raw-calls.js';
import { rejectionOf } from '../helpers/thrown.js';
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

async function openSession(version = '2025-11-25'): Promise<Record<string, string>> {
  const { headers } = await post({}, initialize.replace('2025-11-25', version));
  return { 'mcp-session-id': headers['mcp-session-id'] as string, 'mcp-protocol-version': version };
}

describe('the guard against DNS rebinding', () => {
  it.each(['localhost', '127.0.0.1', '127.0.0.1:1', '[::1]:3000', 'LOCALHOST'])('allows Host %s', async (host) => {
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

  it('allows pages of this machine', async () => {
    expect(await post({ origin: 'http://localhost:5173' })).toMatchObject({ status: 200 });
  });

  it('allows the given host names and origins', async () => {
    const told = await server.listen({ allowedHosts: ['Example.com'], allowedOrigins: ['https://app.example.com'] });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await send('POST', { ...accepts, ...headers }, initialize, told)).status;
    expect(await status({ host: 'example.com:443', origin: 'https://app.example.com' })).toBe(200);
    expect(await status({ host: 'example.com', origin: 'http://localhost' })).toBe(403);
    expect(await status({ host: 'example.org' })).toBe(403);
  });
});

describe('a web page', () => {
  const ask = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type, mcp-protocol-version',
  };
  const readable = (origin: string) => ({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'mcp-session-id, retry-after',
    vary: 'Origin',
  });

  it('with an allowed origin passes its preflight request and reads the response', async () => {
    const origin = 'https://app.example.com';
    const told = await server.listen({ allowedOrigins: [origin] });
    const before = await send('OPTIONS', { ...ask, origin }, undefined, told);
    expect(before).toMatchObject({
      status: 204,
      body: '',
      headers: {
        ...readable(origin),
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers':
          'content-type, accept, authorization, mcp-session-id, mcp-protocol-version, last-event-id, traceparent, tracestate, accept-language, x-request-id',
      },
    });
    const called = await send('POST', { ...accepts, origin }, initialize, told);
    expect(called).toMatchObject({ status: 200, headers: readable(origin) });
    expect(called.headers['mcp-session-id']).toBeDefined();
    const refused = await send('POST', { ...accepts, origin }, list, told);
    expect(refused).toMatchObject({ status: 400, headers: readable(origin) });
  });

  it('of this machine may call unless other origins are named', async () => {
    const origin = 'http://localhost:5173';
    expect(await send('OPTIONS', { ...ask, origin })).toMatchObject({ status: 204, headers: readable(origin) });
    expect(await post({ origin })).toMatchObject({ status: 200, headers: readable(origin) });
  });

  it('with any other origin reads nothing, whether refused or not', async () => {
    const told = await server.listen({ allowedHosts: ['example.com'] });
    for (const [origin, status] of [
      ['https://example.org', 403],
      ['https://example.com', 400],
    ] as const) {
      const before = await send('OPTIONS', { ...ask, origin }, undefined, told);
      expect(before.status).toBe(status);
      expect(Object.keys(before.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
    const { headers } = await post({});
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('requests over HTTP', () => {
  it('need an existing session', async () => {
    expect(await post({ 'mcp-session-id': 'nobody' }, list)).toMatchObject({ status: 404 });
    expect(await post({}, list)).toMatchObject({ status: 400 });
    expect(await send('GET', { accept: 'text/event-stream' })).toMatchObject({ status: 400 });
    expect(await send('DELETE', {})).toMatchObject({ status: 400 });
    expect(await send('PUT', {})).toMatchObject({ status: 400 });
  });

  it('are answered in their session, which cannot be initialized twice', async () => {
    const session = await openSession();
    expect(await post(session, list)).toMatchObject({ status: 200, body: expect.stringContaining('"hello"') });
    expect((await post(session)).status).toBe(400);
  });

  it('must be JSON', async () => {
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

  it('are single messages since revision 2025-06-18; earlier revisions allow batches', async () => {
    const both = `[${list},${list.replace('"id":2', '"id":3')}]`;
    for (const version of ['2025-11-25', '2025-06-18']) {
      const { status, body } = await post(await openSession(version), both);
      expect([version, status]).toEqual([version, 400]);
      expect(JSON.parse(body)).toMatchObject({ error: { code: -32600, message: expect.stringContaining(version) } });
    }
    const { status, body } = await post(await openSession('2025-03-26'), both);
    expect([status, body.match(/^data: /gm)?.length]).toEqual([200, 2]);
  });

  it('in a batch are answered even if one of them is cancelled', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const cancelled: string[] = [];
    const waits = defineTool({
      name: 'waits',
      inject: [AbortSignal],
      run: (_input, signal) =>
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(void cancelled.push('waits')))),
    });
    const late = defineTool({ name: 'late', run: () => gate.then(() => 'here I am') });
    const batching = createServer({ ...options, components: [waits, late] });
    listener = await batching.listen();
    const session = await openSession('2025-03-26');
    const calls = ['waits', 'late'].map((name) => ({
      jsonrpc: '2.0',
      id: name,
      method: 'tools/call',
      params: { name },
    }));
    const answers = await fetch(listener.url, {
      method: 'POST',
      headers: { ...accepts, ...session },
      body: JSON.stringify(calls),
    });
    const params = { requestId: 'waits' };
    await post(session, JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }));
    await eventually(() => expect(cancelled).toEqual(['waits']));
    await new Promise((resolve) => setImmediate(resolve));
    open();
    const stream = answers.body as ReadableStream<Uint8Array>;
    const { value } = await stream.getReader().read();
    expect(new TextDecoder().decode(value)).toContain('here I am');
    await batching.close();
  });

  it('must not exceed 4 MiB', async () => {
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

  it('must use the path of the listener', async () => {
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

  it('ends when there are too many, the least recently used idle one first', async () => {
    const clock = new FakeClock();
    const clocked = serverWithClock(options, clock);
    const few = await clocked.listen({ maximumSessions: 2 });
    const open = async (): Promise<Record<string, string>> => {
      await clock.advance(1);
      const { headers } = await send('POST', accepts, initialize, few);
      return { 'mcp-session-id': headers['mcp-session-id'] as string, 'mcp-protocol-version': '2025-11-25' };
    };
    const statusOf = async (session: Record<string, string>): Promise<number> => {
      await clock.advance(1);
      return (await send('POST', { ...accepts, ...session }, list, few)).status;
    };
    const [first, second] = [await open(), await open()];
    expect(await statusOf(first)).toBe(200);
    const third = await open();
    expect([await statusOf(second), await statusOf(first), await statusOf(third)]).toEqual([404, 200, 200]);
    await clocked.close();
  });

  it('is refused when the maximum number of sessions have an open stream', async () => {
    const one = await server.listen({ maximumSessions: 1 });
    await using peer = await connectHttp(one.url);
    expect(await send('POST', accepts, initialize, one)).toMatchObject({
      status: 503,
      body: expect.stringContaining('All sessions are in use.'),
    });
    expect(await request(peer.client, 'tools/list')).toMatchObject({ tools: [{ name: 'hello' }] });
  });

  it('ends when it is unused, but not while a stream is open [F18]', async () => {
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
  it.each<[ListenOptions, unknown]>([
    [{ port: 70_000 }, 'listen: port: Too big: expected number to be <=65535.'],
    [{ port: '80' as never }, 'listen: port: Invalid input: expected number, received string.'],
    [{ path: 'api' }, "listen: path: expected a path such as '/mcp'."],
    [{ host: 7 as never }, 'listen: host: Invalid input: expected string, received number.'],
    [{ allowedHosts: 'example.com' as never }, 'listen: allowedHosts: Invalid input: expected array, received string.'],
    [{ maximumSessions: 0 }, 'listen: maximumSessions: Too small: expected number to be >=1.'],
    [{ sessionTimeout: 'soon' as never }, expect.stringMatching(/^listen: sessionTimeout is "soon"\. /)],
    [{ hots: 'localhost' } as never, 'listen: "hots" is not an option (did you mean "host"?).'],
    [null as never, 'listen: Invalid input: expected object, received null.'],
  ])('refuses %p', async (wrong, message) => {
    expect(await rejectionOf(server.listen(wrong))).toEqual({ code: 'OPTIONS_INVALID', message });
  });

  it('refuses a port in use', async () => {
    expect(await rejection(server.listen({ port: listener.port }))).toMatchObject({
      code: 'LISTEN_REFUSED',
      message: expect.stringMatching(
        /^Cannot listen on 127\.0\.0\.1, port \d+: .*EADDRINUSE.*\. Choose another port\.$/,
      ),
    });
  });

  it.each(['0.0.0.0', '::', '192.168.0.1'])('refuses %s without allowedHosts', async (host) => {
    expect(await rejection(server.listen({ host }))).toMatchObject({
      code: 'LISTEN_REFUSED',
      message: expect.stringContaining('allowedHosts'),
    });
  });

  it('listens on every address for the allowed hosts', async () => {
    const wide = await server.listen({ host: '0.0.0.0', allowedHosts: ['example.com'] });
    expect((await send('POST', { ...accepts, host: 'example.com' }, initialize, wide)).status).toBe(200);
    expect((await send('POST', { ...accepts, host: 'localhost' }, initialize, wide)).status).toBe(403);
  });

  it('frees its port when it closes, even with an open stream', async () => {
    await using peer = await connectHttp(listener.url);
    await listener.close();
    await rejection(request(peer.client, 'ping'));
    const again = await server.listen({ port: listener.port });
    expect(again.port).toBe(listener.port);
    await listener.close();
    expect((await send('POST', accepts, initialize, again)).status).toBe(200);
  });
});
