import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, defineTool, Logger, type ErrandServer, type HttpListener } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { afterTest, closeOpened } from '../helpers/in-memory.js';

const kib = 1024;
const mib = 1024 * kib;

/** Small, so that few bodies use it up. */
const bodyBudget = mib;

const options = {
  name: 'bodies',
  version: '1.0.0',
  components: [defineTool({ name: 'hello', run: () => 'hello' })],
  http: { bodyBudget },
  logger: new Logger(() => undefined),
} as const;

let clock: FakeClock;
let server: ErrandServer;
let listener: HttpListener;
let session: string;

beforeEach(async () => {
  clock = new FakeClock();
  server = serverWithClock(options, clock);
  listener = await server.listen();
  session = await openSession();
});

afterEach(async () => {
  await closeOpened();
  await server.close();
  expect(clock.armed).toBe(0);
});

const accepts = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});

const ping = '{"jsonrpc":"2.0","id":2,"method":"ping"}';

async function openSession(): Promise<string> {
  const response = await fetch(listener.url, { method: 'POST', headers: accepts, body: initialize });
  await response.text();
  return response.headers.get('mcp-session-id')!;
}

function post(body: string): Promise<Response> {
  return fetch(listener.url, { method: 'POST', headers: { ...accepts, 'mcp-session-id': session }, body });
}

/** A connection on which a test writes what it wants, and what came back. */
interface Raw {
  readonly socket: Socket;
  received: string;
}

async function open(): Promise<Raw> {
  const socket = connect(listener.port, '127.0.0.1');
  const raw: Raw = { socket, received: '' };
  socket.setEncoding('utf8').on('data', (text: string) => (raw.received += text));
  socket.on('error', () => undefined);
  afterTest(() => Promise.resolve(socket.destroy()));
  await once(socket, 'connect');
  return raw;
}

function head(headers: Record<string, string | number>, path = '/mcp'): string {
  const all = { host: 'localhost', ...accepts, ...headers };
  return `POST ${path} HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
}

/** Sends a head and the beginning of a body. */
async function begin(headers: Record<string, string | number>, part = ''): Promise<Raw> {
  const raw = await open();
  raw.socket.write(head(headers) + part);
  return raw;
}

const untilAnswered = (raw: Raw, status: number): Promise<void> =>
  eventually(() => expect(raw.received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*\\r\\n\\r\\n.+`, 's')));

const untilClosed = ({ socket }: Raw): Promise<void> => eventually(() => expect(socket.closed).toBe(true));

const held = (): number => server['http']!['intake']['held'];

describe('a request with a body', () => {
  it.each<[string, number, () => Record<string, string | number>]>([
    ['without a session', 413, () => ({ 'content-length': 64 * kib + 1 })],
    ['of an unknown session', 404, () => ({ 'content-length': 9, 'mcp-session-id': 'unknown' })],
    ['of a foreign Host', 403, () => ({ 'content-length': 9, host: 'example.com' })],
    ['of a foreign Origin', 403, () => ({ 'content-length': 9, origin: 'https://example.com' })],
    ['too large', 413, () => ({ 'content-length': 4 * mib + 1, 'mcp-session-id': session })],
    ['with no room for it', 503, () => ({ 'content-length': mib + 1, 'mcp-session-id': session })],
  ])('[B2] is refused by its head, before a byte of the body has come: %s', async (_name, status, headers) => {
    const raw = await begin(headers());
    await untilAnswered(raw, status);
    expect(JSON.parse(/^\{.*\}/m.exec(raw.received)![0])).toMatchObject({ jsonrpc: '2.0', id: null });
  });

  it('[B2] sends the body only if its head is accepted, when it asks first', async () => {
    const refused = await begin({ expect: '100-continue', 'content-length': 5, 'mcp-session-id': 'unknown' });
    await untilAnswered(refused, 404);
    const accepted = await begin({ expect: '100-continue', 'content-length': ping.length, 'mcp-session-id': session });
    await eventually(() => expect(accepted.received).toBe('HTTP/1.1 100 Continue\r\n\r\n'));
    accepted.socket.write(ping);
    await eventually(() => expect(accepted.received).toContain('200 OK'));
  });

  it('[B2] that is refused leaves a connection that can be used', async () => {
    const raw = await begin({ 'transfer-encoding': 'chunked', 'mcp-session-id': session });
    const chunk = 'x'.repeat(64 * kib);
    for (let sent = 0; sent < 2 * mib; sent += chunk.length) {
      if (!raw.socket.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`)) await once(raw.socket, 'drain');
    }
    raw.socket.write('0\r\n\r\n');
    await untilAnswered(raw, 503);
    raw.socket.write(head({ 'content-length': ping.length, 'mcp-session-id': session }) + ping);
    await eventually(() => expect(raw.received).toContain('"result":{}'));
  });
});

describe('the bodies that are arriving', () => {
  const half = 'x'.repeat(bodyBudget / 2 - kib);

  it.each([
    ['a declared length', (size: number): Record<string, string | number> => ({ 'content-length': size })],
    ['no declared length', (): Record<string, string | number> => ({ 'transfer-encoding': 'chunked' })],
  ])('[B2] take no more than the budget together: %s', async (_name, length) => {
    const headers = { ...length(half.length + 1), 'mcp-session-id': session };
    const part = 'transfer-encoding' in headers ? `${half.length.toString(16)}\r\n${half}\r\n` : half;
    const some = await Promise.all(Array.from({ length: 6 }, () => begin(headers, part)));
    const answered = (): Raw[] => some.filter(({ received }) => received.startsWith('HTTP/1.1 503 '));
    await eventually(() => expect(answered().length).toBeGreaterThanOrEqual(4));
    expect(held()).toBeLessThanOrEqual(bodyBudget);
    for (const { received } of answered()) expect(received).toMatch(/^retry-after: 1\r$/m);
    for (const { socket } of some) socket.destroy();
    await eventually(() => expect(held()).toBe(0));
    expect((await post(ping)).status).toBe(200);
  });

  it('[B2] make room for others after two seconds, the oldest first', async () => {
    const headers = { 'content-length': half.length + 1, 'mcp-session-id': session };
    const first = await begin(headers, half);
    await eventually(() => expect(held()).toBeGreaterThanOrEqual(half.length));
    await clock.advance(1_000);
    const second = await begin(headers, half);
    await eventually(() => expect(held()).toBeGreaterThanOrEqual(2 * half.length));
    const large = ping.padEnd(4 * kib);
    expect((await post(large)).status).toBe(503);
    await clock.advance(1_000);
    expect((await post(large)).status).toBe(200);
    await untilAnswered(first, 503);
    await untilClosed(first);
    expect(second.received).toBe('');
  });

  it('[B2] are refused when they are slow, and so are their connections', async () => {
    const headers = { 'content-length': ping.length, 'mcp-session-id': session };
    const slow = await begin(headers, ping.slice(0, 5));
    const silent = await begin(headers);
    const intake = server['http']!['intake'];
    await eventually(() => expect([intake['arriving'].size, held()]).toEqual([2, 5]));
    await clock.advance(29_999);
    slow.socket.write(ping.slice(5, 6));
    await eventually(() => expect(held()).toBeGreaterThan(5));
    expect(slow.received + silent.received).toBe('');
    await clock.advance(1);
    for (const raw of [slow, silent]) {
      await untilAnswered(raw, 408);
      expect(raw.received).toContain('The body did not arrive within 30000 ms.');
      await untilClosed(raw);
    }
    expect(held()).toBe(0);
  });
});

describe('server.fetch()', () => {
  const url = 'http://localhost/mcp';

  /** A request whose body is read only by what asks for it. */
  function unread(
    headers: Record<string, string>,
    parts: readonly string[] = [],
  ): { request: Request; reads: () => number } {
    let reads = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const part = parts[reads++];
          if (part !== undefined) controller.enqueue(new TextEncoder().encode(part));
          else await new Promise(() => undefined);
        },
      },
      { highWaterMark: 0 },
    );
    const init = { method: 'POST', headers: { ...accepts, ...headers }, body, duplex: 'half' };
    return { request: new Request(url, init as RequestInit), reads: () => reads };
  }

  it.each<[number, Record<string, string>]>([
    [413, { 'content-length': String(64 * kib + 1) }],
    [404, { 'mcp-session-id': 'unknown' }],
    [403, { host: 'example.com' }],
  ])('[B2] refuses with %i by the head, before a byte of the body is read', async (status, headers) => {
    const { request, reads } = unread(headers);
    expect((await server.fetch(request)).status).toBe(status);
    expect(reads()).toBe(0);
  });

  it('[B2] shares the budget of the listeners, and refuses slow bodies', async () => {
    const raw = await begin(
      { 'content-length': bodyBudget - kib, 'mcp-session-id': session },
      'x'.repeat(bodyBudget - 2 * kib),
    );
    await eventually(() => expect(held()).toBeGreaterThanOrEqual(bodyBudget - 2 * kib));
    const many = unread({}, [' '.repeat(kib), ' '.repeat(2 * kib), ' '.repeat(4 * kib)]);
    expect((await server.fetch(many.request)).status).toBe(503);
    raw.socket.destroy();
    await eventually(() => expect(held()).toBe(0));
    const slow = unread({}, [initialize.slice(0, 10)]);
    const answered = server.fetch(slow.request);
    await eventually(() => expect(held()).toBe(10));
    await clock.advance(30_000);
    expect((await answered).status).toBe(408);
  });
});

describe('the options', () => {
  it.each([
    [{ bodyBudget: 0 }, 'createServer: http.bodyBudget: Too small: expected number to be >=1.'],
    [{ bodyTimeout: 'soon' as never }, /createServer: http\.bodyTimeout is "soon"/],
  ])('[B2] are checked: %p', (http, message) => {
    expect(() => createServer({ ...options, http })).toThrow(message);
  });
});
