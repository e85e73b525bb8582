import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { createServer, defineTool, Logger, type ErrandServer, type HttpListener } from '../../src/index.js';
import { ClientAddresses } from '../../src/transports/http/client-address.js';
import { HostGuard } from '../../src/transports/http/host-guard.js';
import { HttpHandler } from '../../src/transports/http/http-handler.js';
import { clientLimitsOf } from '../../src/transports/http/http-options.js';
import { eventually } from '../helpers/eventually.js';

const hello = defineTool({ name: 'hello', task: 'optional', run: () => 'hello' });

let server: ErrandServer;
let log: { level: string; message: string; fields: Record<string, unknown> }[];

beforeEach(() => {
  log = [];
  const logger = new Logger((level, message, fields) => log.push({ level, message, fields }));
  const http = { allowedHeaders: ['X-Tenant'] };
  const docket = { headers: ['x-request-id', 'traceparent'] };
  server = createServer({ name: 'refusing', version: '1.0.0', components: [hello], logger, http, docket });
});

afterEach(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly message: { id?: unknown; result?: object; error?: { code: number; message: string } };
}

async function post(
  { url }: HttpListener,
  body: string | object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const [json = '{}'] = /\{.*\}/.exec(await response.text()) ?? [];
  return {
    status: response.status,
    headers: response.headers,
    message: JSON.parse(json) as Answer['message'],
  };
}

const initialize = (params: object = {}): object => ({
  jsonrpc: '2.0',
  id: 'first',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' }, ...params },
});

async function sessionOf(listener: HttpListener): Promise<Record<string, string>> {
  const { headers } = await post(listener, initialize());
  return { 'mcp-session-id': headers.get('mcp-session-id')! };
}

const nested = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

describe.each([
  ['with sessions', false],
  ['without sessions', true],
])('a listener %s', (_name, stateless) => {
  let listener: HttpListener;

  beforeEach(async () => {
    listener = await server.listen({ stateless });
  });

  it.each<[string, unknown, unknown]>([
    ['no method', { jsonrpc: '2.0', id: 5 }, 5],
    ['another version', { jsonrpc: '1.0', id: 'a', method: 'ping' }, 'a'],
    ['a strange key', { jsonrpc: '2.0', id: 6, method: 'ping', more: 1 }, 6],
    ['parameters that are a list', { jsonrpc: '2.0', id: 7, method: 'ping', params: [] }, 7],
    ['a strange `_meta`', { jsonrpc: '2.0', id: 8, method: 'ping', params: { _meta: 1 } }, 8],
    [
      'a strange task',
      { jsonrpc: '2.0', id: 9, method: 'ping', params: { _meta: { 'io.modelcontextprotocol/related-task': 1 } } },
      9,
    ],
    ['an id that is none', { jsonrpc: '2.0', id: 1.5, method: 'ping' }, null],
    ['an answer that is none', { jsonrpc: '2.0', id: 10, result: 5 }, null],
    ['a string', 'text', null],
  ])('[C6] answers JSON that is no message with -32600 and its id: %s', async (_what, body, id) => {
    const sessions = [{}, await sessionOf(listener)];
    for (const headers of sessions) {
      const { status, message } = await post(listener, JSON.stringify(body), headers);
      expect([status, message]).toMatchObject([400, { id, error: { code: -32600 } }]);
    }
  });

  it.each<[string, object, string]>([
    ['no version of the client', { clientInfo: { name: 'x' } }, 'params.clientInfo.version'],
    ['a capability that is true', { capabilities: { sampling: true } }, 'params.capabilities.sampling'],
    ['a capability that is null', { capabilities: { roots: null } }, 'params.capabilities.roots'],
    ['no revision', { protocolVersion: undefined }, 'params.protocolVersion'],
  ])('[C6] says and logs what is wrong with an initialize, under its id: %s', async (_what, params, where) => {
    const { status, message } = await post(listener, initialize(params));
    const said = expect.stringContaining(`Invalid initialize: ${where}: `);
    expect([status, message]).toMatchObject([400, { id: 'first', error: { code: -32602, message: said } }]);
    expect(log).toEqual([{ level: 'warning', message: 'A client could not initialize', fields: { problem: said } }]);
  });

  it('[C6] answers a log level that does not exist with -32602', async () => {
    const body = { jsonrpc: '2.0', id: 2, method: 'logging/setLevel', params: { level: 'loud' } };
    const { message } = await post(listener, body, await sessionOf(listener));
    const said = expect.stringContaining('Invalid logging/setLevel: level: ');
    expect(message).toMatchObject({ id: 2, error: { code: -32602, message: said } });
  });

  it.each(['*/*', 'application/*, text/*', 'application/json;q=0.9, text/event-stream;q=0.1', 'text/*, */*;q=0.1'])(
    '[C6] accepts `Accept: %s`',
    async (accept) => {
      const { status, headers } = await post(listener, initialize(), { accept });
      const session = { 'mcp-session-id': headers.get('mcp-session-id')!, accept };
      const list = await post(listener, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, session);
      expect([status, list.status]).toEqual([200, 200]);
    },
  );

  it.each([
    [406, { accept: 'application/json' }],
    [406, { accept: '*/*, text/event-stream;q=0' }],
    [406, { accept: 'text/html' }],
    [415, { 'content-type': 'text/plain' }],
  ])('[C6] refuses with %i what it cannot serve: %p', async (expected, headers) => {
    const { status, message } = await post(listener, initialize(), headers);
    expect([status, message.error?.code]).toEqual([expected, -32000]);
  });

  it('[B6] refuses an initialize that is nested too deep, under its id', async () => {
    const body = JSON.stringify(initialize()).replace('"capabilities":{}', `"capabilities":${nested(10_000)}`);
    const { status, message } = await post(listener, body);
    expect(status).toBe(413);
    expect(message).toMatchObject({ id: 'first', error: { message: 'The body is nested deeper than 256 levels.' } });
    expect(log).toEqual([]);
  });
});

describe('a session', () => {
  it('[C6] is initialized once, and says so under the id', async () => {
    const listener = await server.listen();
    const { status, message } = await post(listener, initialize(), await sessionOf(listener));
    expect([status, message]).toMatchObject([400, { id: 'first', error: { code: -32600 } }]);
  });

  it('[C6] is missing, and the request that lacks it is named', async () => {
    const { status, message } = await post(await server.listen(), { jsonrpc: '2.0', id: 3, method: 'tools/list' });
    expect([status, message]).toMatchObject([400, { id: 3, error: { code: -32000 } }]);
  });
});

describe('a connection with a single stream', () => {
  async function answersTo(...messages: object[]): Promise<JSONRPCMessage[]> {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const answers: JSONRPCMessage[] = [];
    ours.onmessage = (message) => answers.push(message);
    await server.connect(theirs);
    await ours.start();
    for (const message of messages) await ours.send(message as JSONRPCMessage);
    await eventually(() => expect(answers).toHaveLength(messages.length));
    await ours.close();
    return answers;
  }

  it('[C6] says and logs what is wrong with an initialize and with a log level, under their ids', async () => {
    const wrong = initialize({ clientInfo: { name: 'x' } });
    const level = { jsonrpc: '2.0', id: 2, method: 'logging/setLevel', params: { level: 'loud' } };
    expect(await answersTo(wrong, initialize(), level)).toMatchObject([
      { id: 'first', error: { code: -32602, message: expect.stringContaining('clientInfo.version') } },
      { id: 'first', result: { protocolVersion: '2025-11-25' } },
      { id: 2, error: { code: -32602 } },
    ]);
    expect(log.map(({ message }) => message)).toEqual(['A client could not initialize']);
  });
});

describe('the log', () => {
  it('[B6] has ten lines a minute of the answers that somebody makes up', async () => {
    const listener = await server.listen();
    const session = await sessionOf(listener);
    const forged = [
      ...Array.from({ length: 60 }, (_, n) => `errand:abcdefghijklmnopqrstuvw${n}:question`),
      ...Array.from({ length: 60 }, (_, n) => `errand:${n}`),
    ];
    for (const id of forged) await post(listener, { jsonrpc: '2.0', id, result: {} }, session);
    const body = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
    expect((await post(listener, body, session)).status).toBe(200);
    expect(log.length).toBeGreaterThan(0);
    expect(log.length).toBeLessThanOrEqual(10);
  });
});

describe('a request that fails', () => {
  it('[B6] is answered with a JSON-RPC error under its id, whatever is thrown', async () => {
    const side = await server['serveHttp']();
    const handler = new HttpHandler({
      endpoint: {
        ...side['server'].bindings.endpoint('stateless', clientLimitsOf({})),
        admit: () => ({ largest: 1_000 }),
        handle: () => Promise.reject(new RangeError('Maximum call stack size exceeded')),
      },
      guard: new HostGuard(undefined, undefined, undefined),
      addresses: new ClientAddresses(undefined, new Logger(() => undefined)),
      intake: side['intake'],
      log: side['log'],
      allowedHeaders: [],
    });
    const headers = new Headers({ host: 'localhost', accept: '*/*', 'content-type': 'application/json' });
    async function* body(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('{"jsonrpc":"2.0","id":4,"method":"x"}'));
    }
    for (let count = 0; count < 20; count++) {
      const { response } = await handler.handle({ method: 'POST', url: 'http://localhost/', headers, body: body() });
      const error = { code: -32603, message: 'Internal error' };
      expect([response.status, await response.json()]).toEqual([500, { jsonrpc: '2.0', id: 4, error }]);
    }
    expect(log.map(({ message }) => message)).toEqual(Array(10).fill('An HTTP request failed'));
  });
});

describe('a web page', () => {
  it('[C6] may send the headers that Errand documents, and those of an option', async () => {
    const listener = await server.listen();
    const headers = { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' };
    const asked = [
      await fetch(listener.url, { method: 'OPTIONS', headers }),
      await server.fetch(new Request('http://localhost/', { method: 'OPTIONS', headers })),
    ];
    for (const response of asked) {
      const allowed = response.headers.get('access-control-allow-headers')!.split(', ');
      expect(allowed).toEqual(expect.arrayContaining(['traceparent', 'tracestate', 'x-request-id', 'x-tenant']));
      expect(new Set(allowed).size).toBe(allowed.length);
    }
  });

  it('[C6] may send no header whose name is none', () => {
    const http = { allowedHeaders: ['x y'] };
    expect(() => createServer({ name: 'x', version: '1', components: [hello], http })).toThrow(
      'http.allowedHeaders.0: expected the name of a header',
    );
  });
});
