import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { HttpSession } from '../../src/bindings/mcp-2025-11-25/http/http-session.js';
import { HttpSessions } from '../../src/bindings/mcp-2025-11-25/http/http-sessions.js';
import {
  Context,
  createServer,
  defineTool,
  Logger,
  Progress,
  type ErrandServer,
  type HttpListener,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { listenForUsers, sharesFor } from '../helpers/users-over-http.js';

let asked: (() => void) | undefined;
let outcome: Promise<unknown>;

/** Ends when the test says so. */
const waits = defineTool({
  name: 'waits',
  task: 'optional',
  input: z.object({ message: z.string().default('') }),
  inject: [Progress],
  run: async ({ message }, progress) => {
    await progress.setMessage(message);
    await new Promise<void>((resolve) => (asked = resolve));
    return 'waited';
  },
});
/** Asks when the test says so. */
const asks = defineTool({
  name: 'asks',
  inject: [Context],
  run: (_input, ctx) => {
    const answer = new Promise<void>((resolve) => (asked = resolve)).then(() => ctx.elicit('Which?', z.string()));
    outcome = answer.catch((error: unknown) => error);
    return answer.then(() => 'answered');
  },
});

let server: ErrandServer;
let logged: string[];

beforeEach(() => {
  asked = undefined;
  logged = [];
  const logger = new Logger((level, message) => logged.push(`${level}: ${message}`));
  server = createServer({ name: 'hostile', version: '1.0.0', components: [waits, asks], logger, grace: '1s' });
});

afterEach(async () => {
  asked?.();
  await server.close();
});

const accepts = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

async function post(
  { url }: { readonly url: string },
  message: object,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Reply> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...accepts, ...headers },
    body,
    ...(signal && { signal }),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const initialize = (params: object = {}): object => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' }, ...params },
});

async function openSession(listener: { readonly url: string }, params?: object): Promise<Record<string, string>> {
  const { headers } = await post(listener, initialize(params));
  return { 'mcp-session-id': headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' };
}

const callOf = (name: string, params: object = {}): object => ({
  method: 'tools/call',
  params: { name, arguments: {}, ...params },
});

async function startTask(
  listener: { readonly url: string },
  session: Record<string, string>,
  message: string,
): Promise<string> {
  const { body } = await post(listener, { id: 2, ...callOf('waits', { arguments: { message }, task: {} }) }, session);
  return /"taskId":"([\w-]+)"/.exec(body)![1]!;
}

/** A connection on which a test writes what it wants. */
async function connectTo({ port }: HttpListener): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

function written(headers: Record<string, string>, body: string, length = Buffer.byteLength(body)): string {
  const all = { host: 'localhost', ...accepts, ...headers, 'content-length': String(length) };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /mcp HTTP/1.1\r\n${head.join('')}\r\n${body}`;
}

const both = [
  ['with sessions', false],
  ['without sessions', true],
] as const;

describe.each(both)('a listener %s', (_name, stateless) => {
  it('answers polls with the whole JSON, whatever a task reports', async () => {
    const listener = await server.listen({ stateless });
    const session = await openSession(listener);
    const message = 'one\u2028two\u2029three';
    const taskId = await startTask(listener, session, message);
    await eventually(async () => {
      const { body } = await post(listener, { id: 3, method: 'tasks/get', params: { taskId } }, session);
      expect(JSON.parse(body)).toMatchObject({ result: { statusMessage: message } });
    });
  });

  it.each([{ sampling: { context: [] } }, { elicitation: { url: [] } }, { tasks: { list: [], cancel: [] } }])(
    'accepts any capability that the SDK accepts: %j',
    async (capabilities) => {
      const listener = await server.listen({ stateless });
      const session = await openSession(listener, { capabilities });
      expect(await post(listener, { id: 2, method: 'ping' }, session)).toMatchObject({ status: 200 });
    },
  );

  it('refuses long ids and progress tokens, which it would store with each task', async () => {
    const listener = await server.listen({ stateless });
    const session = await openSession(listener);
    const long = 'x'.repeat(1_025);
    const id = await post(listener, { id: long, ...callOf('waits', { task: {} }) }, session);
    expect(id.body).toContain('"code":-32600,"message":"The id of a request may have at most 1024 characters"');
    const token = await post(
      listener,
      { id: 2, ...callOf('waits', { task: {}, _meta: { progressToken: long } }) },
      session,
    );
    expect(token.body).toContain('"code":-32602');
    expect(token.body).toContain('_meta.progressToken');
  });

  it('logs no error when a client goes away before its request is complete', async () => {
    const listener = await server.listen({ stateless });
    const socket = await connectTo(listener);
    socket.write(written({ expect: '100-continue' }, '{"json', 1_000));
    await once(socket, 'data');
    socket.destroy();
    await eventually(() => expect(logged).toEqual(['debug: A client went away before its request was complete']));
  });
});

describe('a session', () => {
  let listener: HttpListener;

  beforeEach(async () => {
    listener = await server.listen({ maximumSessions: 1 });
  });

  it('becomes idle when a connection with pipelined requests is gone', async () => {
    const session = await openSession(listener);
    const taskId = await startTask(listener, session, '');
    const socket = await connectTo(listener);
    const waiting = [3, 4, 5].map((id) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: 'tasks/result', params: { taskId } }),
    );
    socket.write(waiting.map((body) => written(session, body)).join(''));
    await once(socket, 'data');
    expect(await post(listener, initialize())).toMatchObject({ status: 503 });
    socket.destroy();
    await eventually(async () => expect(await post(listener, initialize())).toMatchObject({ status: 200 }));
  });

  it('refuses a request whose id is already in progress, and still answers the first', async () => {
    const session = await openSession(listener);
    const call = post(listener, { id: 7, ...callOf('waits') }, session);
    await eventually(() => expect(asked).toBeDefined());
    const second = await post(listener, { id: 7, method: 'tools/list' }, session);
    expect([second.status, JSON.parse(second.body)]).toMatchObject([
      400,
      { error: { code: -32600, message: 'A request with the id 7 is already in progress. Use each id once.' } },
    ]);
    asked?.();
    expect((await call).body).toContain('waited');
    expect(await post(listener, { id: 7, method: 'tools/list' }, session)).toMatchObject({ status: 200 });
  });

  it('cannot be initialized with more than 64 KiB', async () => {
    const large = initialize({ clientInfo: { name: 'x'.repeat(70_000), version: '1' } });
    expect(await post(listener, large)).toMatchObject({ status: 413 });
    expect(await post(listener, initialize())).toMatchObject({ status: 200 });
  });
});

describe('the only session of a listener', () => {
  let endpoint: HttpSessions;
  let listener: Awaited<ReturnType<typeof listenForUsers>>;
  const held = (): HttpSession => [...endpoint['sessions'].values()][0]!;

  beforeEach(async () => {
    const limits = { idleTimeout: 60_000, maximum: 1 };
    listener = await listenForUsers(server, (core) => (endpoint = new HttpSessions(core, limits, sharesFor(core))));
  });

  afterEach(async () => {
    await listener[Symbol.asyncDispose]();
  });

  it('asks nothing on a stream that was dropped', async () => {
    const session = await openSession(listener, { capabilities: { elicitation: {} } });
    const dropping = new AbortController();
    const call = post(listener, { id: 2, ...callOf('asks') }, session, dropping.signal).catch(() => 'dropped');
    await eventually(() => expect(asked).toBeDefined());
    dropping.abort();
    expect(await call).toBe('dropped');
    // It is idle once the server has noticed.
    await eventually(() => expect(held().isIdle).toBe(true));
    asked?.();
    expect(await outcome).toMatchObject({ code: 'ANSWER_FAILED' });
  });

  it('forgets cancelled requests', async () => {
    const session = await openSession(listener);
    const taskId = await startTask(listener, session, '');
    for (let id = 10; id < 20; id++) {
      const waiting = post(listener, { id, method: 'tasks/result', params: { taskId } }, session);
      await eventually(() => expect(held().isIdle).toBe(false));
      await post(listener, { method: 'notifications/cancelled', params: { requestId: id } }, session);
      expect((await waiting).body).toBe('');
    }
    expect(held()['transport']['_requestToStreamMapping']).toHaveProperty('size', 0);
  });
});

describe('sessions opened at the same time', () => {
  const request: unknown = { method: 'POST', url: 'http://localhost/mcp', headers: new Headers(accepts) };
  const open = async (sessions: HttpSessions): Promise<number> =>
    (await sessions.handle({ request: request as Request, body: initialize() })).response.status;

  it('do not exceed the maximum', async () => {
    const core = await server['start']();
    const sessions = new HttpSessions(core, { idleTimeout: 60_000, maximum: 1 }, sharesFor(core));
    expect(await Promise.all([open(sessions), open(sessions), open(sessions)])).toEqual([200, 503, 503]);
    await sessions.close();
  });

  it('are refused while the listener drains', async () => {
    const core = await server['start']();
    const sessions = new HttpSessions(core, { idleTimeout: 60_000, maximum: 10 }, sharesFor(core));
    const opening = open(sessions);
    await sessions.drain();
    expect(await opening).toBe(503);
  });
});
