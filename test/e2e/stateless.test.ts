import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
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
import { HttpSpy } from '../helpers/http-spy.js';
import { textOf } from '../helpers/in-memory.js';
import { rejection, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { rejectionOf } from '../helpers/thrown.js';
import { untilShown } from '../helpers/shown.js';
import { connectHttp, type Peer } from '../helpers/transports.js';

const favourite = defineTool({
  name: 'favourite',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Which?', z.string());
    return answer.action === 'accept' ? answer.content : answer.action;
  },
});
const steps = defineTool({
  name: 'steps',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await progress.setTotal(1);
    await ctx.debug('Working');
    await progress.increment();
    return 'done';
  },
});
const client = defineTool({
  name: 'client',
  task: 'optional',
  inject: [Context],
  run: (_input, { clientInfo, clientCapabilities, sessionId }) => ({ clientInfo, clientCapabilities, sessionId }),
});

let started = 0;
let finish: (text: string) => void;
let ended: Promise<string>;
const endless = defineTool({
  name: 'endless',
  task: 'optional',
  inject: [AbortSignal],
  run: async (_input, signal) => {
    started++;
    signal.addEventListener('abort', () => finish('cancelled'), { once: true });
    return ended;
  },
});

const leaks = fileURLToPath(new URL('fixtures/stateless-leaks.mjs', import.meta.url));

let server: ErrandServer;
let listeners: HttpListener[];

beforeEach(async () => {
  started = 0;
  ended = new Promise((resolve) => (finish = resolve));
  const logger = new Logger(() => undefined);
  const components = [favourite, steps, client, endless];
  server = createServer({ name: 'stateless', version: '1.0.0', components, logger, grace: '1s' });
  listeners = [await server.listen({ stateless: true }), await server.listen({ stateless: true })];
});

afterEach(async () => {
  finish('closed');
  await server.close();
});

/** A `fetch` that takes the listeners in turn, as a load balancer does, and keeps which of them got what. */
class RoundRobin {
  readonly served: { readonly what: string; readonly url: string }[] = [];
  readonly spy = new HttpSpy();

  readonly fetch: typeof fetch = (_input, init) => {
    const { url } = listeners[this.served.length % listeners.length]!;
    const answered = this.spy.fetch(url, init);
    const { what } = this.spy.exchanges.at(-1)!;
    // The answer to a ping does not change whose turn it is.
    if (what !== 'pong') this.served.push({ what, url });
    return answered;
  };

  /** The listener that got the last request of that kind. */
  servedBy(what: string): string | undefined {
    return this.served.findLast((each) => each.what === what)?.url;
  }
}

const resultOf = (peer: Peer, taskId: string): Promise<CallToolResult> =>
  peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);

const blue = (): { action: 'accept'; content: { value: string } } => ({ action: 'accept', content: { value: 'blue' } });

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

async function send(
  method: string,
  body: unknown,
  headers: Record<string, string> = {},
  { url } = listeners[0]!,
): Promise<Reply> {
  const response = await fetch(url, {
    method,
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

function initialize(params: Record<string, unknown> = {}): Promise<Reply> {
  const usual = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
  return send('POST', { jsonrpc: '2.0', id: 1, method: 'initialize', params: { ...usual, ...params } });
}

/** The JSON-RPC message that came as the only event of a stream. */
const messageIn = ({ body }: Reply): { result?: CallToolResult; error?: { code: number; message: string } } =>
  JSON.parse(/^data: (.*)$/m.exec(body)![1]!) as ReturnType<typeof messageIn>;

const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
const call = (name: string): object => ({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name } });

describe('a client whose requests go to listeners in turn', () => {
  it('follows a task to its end, and answers its question on another listener [F35] [MI2]', async () => {
    const robin = new RoundRobin();
    await using peer = await connectHttp(listeners[0]!.url, { fetch: robin.fetch, answer: blue });
    const { taskId } = await startTask(peer.client, 'favourite');
    await untilStatus(peer.client, taskId, 'input_required');
    expect(await resultOf(peer, taskId)).toMatchObject({ content: [{ type: 'text', text: 'blue' }] });
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'completed' });
    expect(told(peer, 'elicitation/create')).toHaveLength(1);
    expect(robin.spy.of('tasks/get')[0]?.text).toMatch(/^\{.*\}$/);
    expect(robin.servedBy('response')).not.toBe(robin.servedBy('tasks/result'));
    expect(new Set(robin.served.map(({ url }) => url)).size).toBe(2);
  });

  it('cancels a task that another listener accepted [MX1]', async () => {
    const robin = new RoundRobin();
    await using peer = await connectHttp(listeners[0]!.url, { fetch: robin.fetch });
    const { taskId } = await startTask(peer.client, 'endless');
    await eventually(() => expect(started).toBe(1));
    expect(await peer.client.experimental.tasks.cancelTask(taskId)).toMatchObject({ status: 'cancelled' });
    expect(await ended).toBe('cancelled');
    expect(robin.servedBy('tasks/cancel')).not.toBe(robin.servedBy('tools/call'));
    expect(await rejection(resultOf(peer, taskId))).toMatchObject({ code: -32603 });
  });

  it('is asked again when the stream of the question is dropped [MR4]', async () => {
    const robin = new RoundRobin();
    const prompts: (() => void)[] = [];
    const answer = (): Promise<ReturnType<typeof blue>> =>
      new Promise((resolve) => prompts.push(() => resolve(blue())));
    await using peer = await connectHttp(listeners[0]!.url, { fetch: robin.fetch, answer });
    const { taskId } = await startTask(peer.client, 'favourite');
    const lost = resultOf(peer, taskId).catch(() => 'lost');
    await untilTold(peer, 'elicitation/create', 1);
    robin.spy.of('tasks/result')[0]?.drop();
    await untilShown(server, taskId, { isReleased: true });
    const result = resultOf(peer, taskId);
    const [first, second] = await untilTold(peer, 'elicitation/create', 2);
    expect(second).toEqual(first);
    prompts[1]?.();
    expect(textOf(await result)).toBe('blue');
    await peer.client.close();
    expect(await lost).toBe('lost');
  });

  it('does not notice a restart of a listener [F35]', async () => {
    await using peer = await connectHttp(listeners[0]!.url, { answer: blue });
    const { taskId } = await startTask(peer.client, 'favourite');
    const { port } = listeners[0]!;
    await listeners[0]!.close();
    await server.listen({ port, stateless: true });
    // What the client keeps open to the old one fails once.
    await eventually(() => peer.client.ping());
    expect(textOf(await resultOf(peer, taskId))).toBe('blue');
    expect((await peer.client.callTool({ name: 'client' })).structuredContent).toMatchObject({
      clientInfo: { name: 'stock' },
    });
  });

  it.each(['foreground', 'background'])(
    'is known in the %s by its introduction to the first listener',
    async (mode) => {
      const robin = new RoundRobin();
      await using peer = await connectHttp(listeners[0]!.url, { fetch: robin.fetch, answer: blue });
      const once = async (): Promise<CallToolResult> => {
        if (mode === 'foreground') return (await peer.client.callTool({ name: 'client' })) as CallToolResult;
        return resultOf(peer, (await startTask(peer.client, 'client')).taskId);
      };
      const { structuredContent: first } = await once();
      expect(first).toEqual({
        clientInfo: { name: 'stock', version: '1.0.0' },
        clientCapabilities: { elicitation: { form: {} } },
        sessionId: expect.stringMatching(/^[\w-]{22}$/),
      });
      expect((await once()).structuredContent).toEqual(first);
    },
  );
});

describe('a foreground call without sessions', () => {
  it('sends its progress and log on its own stream', async () => {
    const spy = new HttpSpy();
    await using peer = await connectHttp(listeners[0]!.url, { fetch: spy.fetch });
    const progress: unknown[] = [];
    const params = { name: 'steps', arguments: {} };
    await peer.client.callTool(params, undefined, { onprogress: (told) => progress.push(told) });
    expect(progress).toEqual([
      { progress: 0, total: 1 },
      { progress: 1, total: 1 },
    ]);
    expect(told(peer, 'notifications/message')).toMatchObject([{ params: { level: 'debug', data: 'Working' } }]);
    expect(spy.of('tools/call')[0]?.text).toContain('Working');
  });

  it('cannot ask, and names the way out at once', async () => {
    await using peer = await connectHttp(listeners[0]!.url, { answer: blue });
    const result = (await peer.client.callTool({ name: 'favourite' })) as CallToolResult;
    expect(result.isError).toBe(true);
    expect(textOf(result)).toBe(
      'This call has to ask its client, but the listener keeps no sessions, so no answer could reach the call. Run it as a task, or listen with sessions.',
    );
    expect(told(peer, 'elicitation/create')).toEqual([]);
  });

  it('goes on when its stream is dropped, which is no cancellation', async () => {
    const spy = new HttpSpy();
    await using peer = await connectHttp(listeners[0]!.url, { fetch: spy.fetch });
    const lost = peer.client.callTool({ name: 'endless' }).catch(() => 'lost');
    await eventually(() => expect(started).toBe(1));
    spy.of('tools/call')[0]?.drop();
    let drained = false;
    const draining = listeners[0]!.drain().then(() => (drained = true));
    expect(await send('POST', list, {}, listeners[1])).toMatchObject({ status: 200 });
    expect(drained).toBe(false);
    finish('finished');
    await draining;
    expect(await ended).toBe('finished');
    await peer.client.close();
    expect(await lost).toBe('lost');
  });
});

describe('the session id from a listener without sessions', () => {
  it('carries what decides whether the client can be asked, in at most 4 KiB', async () => {
    const long = '\u0001'.repeat(10_000);
    const { headers } = await initialize({
      capabilities: {
        experimental: { large: { text: long } },
        elicitation: { form: { text: long }, url: { text: long } },
        sampling: { tools: {}, context: {}, other: {} },
        roots: { listChanged: true },
        tasks: { list: {}, cancel: {}, requests: { elicitation: { create: {} }, sampling: { createMessage: {} } } },
      },
      clientInfo: { name: long, version: long, title: long, icons: [{ src: `data:${long}` }] },
    });
    const session = headers.get('mcp-session-id')!;
    expect(session.length).toBeLessThanOrEqual(4096);
    const cut = long.slice(0, 128);
    const called = messageIn(await send('POST', call('client'), { 'mcp-session-id': session }));
    expect(called.result?.structuredContent).toMatchObject({
      clientInfo: { name: cut, version: cut, title: cut },
      clientCapabilities: {
        elicitation: { form: {}, url: {} },
        sampling: { tools: {}, context: {} },
        roots: { listChanged: true },
        tasks: { list: {}, cancel: {}, requests: { elicitation: { create: {} }, sampling: { createMessage: {} } } },
      },
    });
  });

  it('does not turn an unknown mode into a form', async () => {
    const { headers } = await initialize({ capabilities: { elicitation: { holograms: {} } } });
    const session = headers.get('mcp-session-id')!;
    const { result } = messageIn(await send('POST', call('client'), { 'mcp-session-id': session }));
    expect(result?.structuredContent).toMatchObject({ clientCapabilities: {} });
    expect(result?.structuredContent?.clientCapabilities).toEqual({});
  });

  it('is new each time, even for a client that sends an old one', async () => {
    const first = (await initialize()).headers.get('mcp-session-id');
    const again = await send(
      'POST',
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
      },
      { 'mcp-session-id': first! },
    );
    expect(again.status).toBe(200);
    expect(again.headers.get('mcp-session-id')).toMatch(/^[\w-]+$/);
    expect(again.headers.get('mcp-session-id')).not.toBe(first);
  });

  it('is not issued for a refused initialize', async () => {
    const reply = await initialize({ protocolVersion: 7 });
    expect(JSON.parse(reply.body)).toHaveProperty('error');
    expect(reply.headers.has('mcp-session-id')).toBe(false);
  });

  const claim = {
    version: 1,
    sessionId: 'A'.repeat(22),
    protocolVersion: '2025-11-25',
    capabilities: {},
    info: { name: 'forged', version: '1' },
  };
  const encoded = (json: unknown): string =>
    Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');

  it.each<[string, string]>([
    ['empty', ''],
    ['of another alphabet', `${encoded(claim)}!`],
    ['of sessions', '0b4f6e0e-3f0c-4d6c-9f3a-0a6c4b7f8a11'],
    ['not JSON', encoded('{"version":1')],
    ['no object', encoded('null')],
    ['an array', encoded([claim])],
    ['too long', encoded({ ...claim, info: { name: 'x'.repeat(4000), version: '1' } })],
    ['of another version', encoded({ ...claim, version: 2 })],
    ['of an unknown protocol', encoded({ ...claim, protocolVersion: '2031-01-01' })],
    ['of a wrong session', encoded({ ...claim, sessionId: '../../etc/passwd' })],
    ['of wrong capabilities', encoded({ ...claim, capabilities: { elicitation: true } })],
    ['of wrong names', encoded({ ...claim, info: { name: {}, version: 1 } })],
    ['made of a prototype', encoded('{"__proto__":{"version":1,"capabilities":{}}}')],
  ])('is unknown when it is %s', async (_what, session) => {
    const reply = await send('POST', list, { 'mcp-session-id': session });
    expect(reply).toMatchObject({ status: 404, body: expect.stringContaining('Initialize a new one.') });
  });

  it('drops unknown content, prototypes included', async () => {
    const hostile = JSON.stringify(claim).replace(
      '"capabilities":{}',
      '"__proto__":{"polluted":1},"admin":true,"capabilities":{"__proto__":{"elicitation":{"form":{}}},"constructor":{}}',
    );
    const { result } = messageIn(await send('POST', call('client'), { 'mcp-session-id': encoded(hostile) }));
    expect(result?.structuredContent).toEqual({
      clientInfo: claim.info,
      clientCapabilities: {},
      sessionId: claim.sessionId,
    });
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('a request without sessions', () => {
  it('needs no session id, but then the client cannot be asked', async () => {
    expect(await send('POST', list)).toMatchObject({ status: 200, body: expect.stringContaining('"favourite"') });
    const { result } = messageIn(await send('POST', call('client')));
    expect(result?.structuredContent).toEqual({ clientCapabilities: {} });
    const asked = messageIn(await send('POST', call('favourite')));
    expect(textOf(asked.result!)).toContain("did not declare the capability 'elicitation'");
  });

  it.each(['GET', 'DELETE', 'PUT'])('must not be a %s', async (method) => {
    const { headers } = await initialize();
    const session = { 'mcp-session-id': headers.get('mcp-session-id')!, accept: 'text/event-stream' };
    const reply = await send(method, undefined, session);
    expect(reply).toMatchObject({ status: 405, body: expect.stringContaining('keeps no sessions') });
    expect(reply.headers.get('allow')).toBe('POST');
  });

  it('is one message, unless the client speaks a revision with batches', async () => {
    const both = [list, { ...list, id: 3 }];
    const session = (await initialize()).headers.get('mcp-session-id')!;
    expect(await send('POST', both, { 'mcp-session-id': session })).toMatchObject({
      status: 400,
      body: expect.stringContaining('-32600'),
    });
    const old = (await initialize({ protocolVersion: '2025-03-26' })).headers.get('mcp-session-id')!;
    const { status, body } = await send('POST', both, { 'mcp-session-id': old });
    expect([status, body.match(/^data: /gm)?.length]).toEqual([200, 2]);
  });

  it('may set the log level, without effect', async () => {
    await using peer = await connectHttp(listeners[0]!.url);
    expect(await peer.client.setLoggingLevel('error')).toEqual({});
    await peer.client.callTool({ name: 'steps' });
    expect(told(peer, 'notifications/message')).toHaveLength(1);
  });

  it('is refused while the listener drains, so that another can take it', async () => {
    await listeners[0]!.drain();
    expect(await send('POST', list)).toMatchObject({ status: 503 });
  });
});

describe('a thousand requests without sessions', () => {
  it('leave no connection, watcher, transport or timer behind', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [leaks], { timeout: 120_000 });
    const { requests, before, after } = JSON.parse(stdout) as {
      requests: number;
      before: Record<string, number>;
      after: Record<string, number>;
    };
    expect(requests).toBeGreaterThan(1_000);
    const { timers, ...ours } = after;
    // What watches holds the feed of its connection.
    expect(ours).toEqual({ connections: 0, feeds: 0, deliveries: 0, transports: 0 });
    expect(timers).toBeLessThan(before.timers! + 20);
  }, 120_000);
});

describe('server.listen({ stateless: true })', () => {
  it.each([{ maximumSessions: 5 }, { sessionTimeout: '5m' as const }])('refuses %p', async (options) => {
    expect(await rejectionOf(server.listen({ stateless: true, ...options }))).toEqual({
      code: 'OPTIONS_INVALID',
      message: 'listen: a stateless listener has no sessions, so leave out sessionTimeout and maximumSessions.',
    });
  });
});
