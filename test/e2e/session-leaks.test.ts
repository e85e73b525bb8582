import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Connection } from '../../src/bindings/mcp-2025-11-25/connection.js';
import type { ExecutionRecord } from '../../src/docket/engine/record.js';
import { Context, defineTool, Logger, ToolError, type ErrandServer } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { request, startTask, told, untilStatus } from '../helpers/raw-calls.js';
import { connectHttp, connectInMemory, type Answering, type Peer } from '../helpers/transports.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const hour = 3_600_000;

const act = defineTool({
  name: 'act',
  input: z.object({ how: z.enum(['return', 'throw', 'work', 'ask']) }),
  task: 'optional',
  inject: [Context],
  run: async ({ how }, ctx) => {
    await ctx.reportProgress(1);
    if (how === 'throw') throw new ToolError('cannot work');
    // A session is kept as long as a call in the foreground asks its client.
    if (how === 'ask') await ctx.elicit('Go on?', z.boolean(), ctx.isBackground ? {} : { deadline: hour });
    if (how === 'work') {
      await new Promise((_resolve, reject) => {
        const abort = (): void => reject(ctx.signal.reason as Error);
        if (ctx.signal.aborted) abort();
        else ctx.signal.addEventListener('abort', abort, { once: true });
      });
    }
    return 'done';
  },
});

let clock: FakeClock;
let server: ErrandServer;
/** Everything that connections were made of. */
let made: Record<string, WeakRef<object>[]>;
const openConnection = Connection.open.bind(Connection);

beforeEach(() => {
  made = {};
  Connection.open = async (core, transport, onClosed, options) => {
    const connection = await openConnection(core, transport, onClosed, options);
    remember({ connection, transport, ...partsOf(connection), ...options });
    return connection;
  };
  clock = new FakeClock();
  server = serverWithClock(
    {
      name: 'leaks',
      version: '1.0.0',
      components: [act],
      docket: { ttl: hour, concurrency: 10_000 },
      timeout: 24 * hour,
      questionDeadline: 24 * hour,
      logger: new Logger(() => undefined),
    },
    clock,
  );
});

afterEach(async () => {
  Connection.open = openConnection;
  const closed = server.close();
  await clock.advance(hour);
  await closed;
});

function partsOf(connection: Connection): Record<string, unknown> {
  return {
    sdk: connection['sdk'],
    feed: connection['feed'],
    wire: connection['transport'],
    delivery: connection['delivery'],
    calls: connection['calls'],
    tasks: connection['tasks'],
  };
}

/** Remembers without holding. */
function remember(parts: Record<string, unknown>): void {
  for (const [name, part] of Object.entries(parts)) {
    if (typeof part === 'object' && part !== null) (made[name] ??= []).push(new WeakRef(part));
  }
}

/** What is still held of it. */
function living(): Record<string, number> {
  collectGarbage();
  const counts = Object.entries(made).map(([name, refs]) => [name, refs.filter((ref) => ref.deref()).length] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** The memory engine, as far as it is looked into. */
interface Inside {
  readonly executions: { readonly byKey: ReadonlyMap<string, { readonly record: ExecutionRecord }> };
  readonly watchers: { readonly size: number };
  readonly closeListeners: { readonly size: number };
}

const inside = (): Inside => server['background']!.engine as unknown as Inside;

/** What the engine holds. */
function held(): Record<'tasks' | 'watched' | 'waiting', number> {
  const { executions, watchers, closeListeners } = inside();
  const { byKey } = executions;
  return { tasks: byKey.size, watched: watchers.size, waiting: closeListeners.size };
}

/** A person who looks at a prompt and says nothing. */
const silent: Answering = () => new Promise(() => undefined);

const asks = { how: 'ask' };
const works = { how: 'work' };

/** Until the question is shown; on the standalone stream of HTTP that takes its time. */
const untilAsked = (peer: Peer): Promise<unknown> =>
  eventually(async () => {
    await clock.advance(250);
    expect(told(peer, 'elicitation/create')).toHaveLength(1);
  });

const ignoringItsEnd = (promise: Promise<unknown>): void => void promise.catch(() => undefined);

/** What a session has behind it when it is closed. */
const pasts: Record<string, (peer: Peer) => Promise<unknown>> = {
  'nothing at all': () => Promise.resolve(),
  'a call': ({ client }) => client.callTool({ name: 'act', arguments: { how: 'return' } }),
  'a call that works': async ({ client }) => {
    ignoringItsEnd(client.callTool({ name: 'act', arguments: works }));
    await request(client, 'ping');
  },
  'a call that asks': async (peer) => {
    ignoringItsEnd(peer.client.callTool({ name: 'act', arguments: asks }));
    await untilAsked(peer);
  },
  'a task that works': ({ client }) => startTask(client, 'act', works),
  'a task that asks': async (peer) => {
    await startTask(peer.client, 'act', asks);
    await untilAsked(peer);
  },
  'a task that asks, with its result waited for': async (peer) => {
    const { taskId } = await startTask(peer.client, 'act', asks);
    ignoringItsEnd(request(peer.client, 'tasks/result', { taskId }));
    await untilAsked(peer);
  },
  'a task that works, with its result waited for twice': async ({ client }) => {
    const { taskId } = await startTask(client, 'act', works);
    for (let times = 0; times < 2; times++) ignoringItsEnd(request(client, 'tasks/result', { taskId }));
    await request(client, 'tasks/get', { taskId });
  },
  'a task whose result is waited for no more': async ({ client }) => {
    const { taskId } = await startTask(client, 'act', works);
    const { signal, abort } = abortable();
    ignoringItsEnd(client.request({ method: 'tasks/result', params: { taskId } }, ResultSchema, { signal }));
    await request(client, 'tasks/get', { taskId });
    abort();
    await request(client, 'tasks/get', { taskId });
  },
  'a completed task': async ({ client }) => {
    const { taskId } = await startTask(client, 'act', { how: 'return' });
    await request(client, 'tasks/result', { taskId });
  },
  'a failed task': async ({ client }) => {
    const { taskId } = await startTask(client, 'act', { how: 'throw' });
    await untilStatus(client, taskId, 'failed');
  },
  'a cancelled task': async (peer) => {
    const { taskId } = await startTask(peer.client, 'act', asks);
    await untilAsked(peer);
    await request(peer.client, 'tasks/cancel', { taskId });
  },
  'the task of another session, followed by its id': async (peer) => {
    const [taskId] = inside().executions.byKey.keys();
    ignoringItsEnd(request(peer.client, 'tasks/result', { taskId }));
    await request(peer.client, 'tasks/get', { taskId });
  },
};

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Without a standalone stream and with nobody who waits for a result, so that questions are not shown. */
async function askUnseen({ client }: Peer): Promise<void> {
  const { taskId } = await startTask(client, 'act', asks);
  await untilStatus(client, taskId, 'input_required');
}

const withoutStandalone: typeof fetch = (input, init) =>
  init?.method === 'GET' ? Promise.resolve(new Response(null, { status: 405 })) : fetch(input, init);

/** A task of nobody who is connected, which others follow. */
async function leaveTask(connect: () => Promise<Peer>): Promise<void> {
  const { client } = await connect();
  await startTask(client, 'act', works);
  await client.close();
}

/** Nothing of the sessions is left, and nothing at all once their tasks have ended and were forgotten. */
async function expectNothingLeft(): Promise<void> {
  await eventually(() => expect(living()).toEqual({}));
  const { byKey } = inside().executions;
  const asking = [...byKey.values()].filter(({ record }) => record.openQuestions > 0);
  expect(asking.length).toBeGreaterThan(0);
  // The runs that ask watch for their answers.
  expect(held()).toEqual({ tasks: byKey.size, watched: asking.length, waiting: 0 });

  for (const key of byKey.keys()) await server.docket.cancel(key);
  await clock.advance(2 * hour);
  expect(held()).toEqual({ tasks: 0, watched: 0, waiting: 0 });
}

describe('closed sessions leave no timer, listener, watcher or relay behind', () => {
  it('of a thousand in memory, with tasks in every state', async () => {
    const connect = (): Promise<Peer> => connectInMemory(server, { answer: silent });
    await leaveTask(connect);
    const all = Object.values(pasts);
    for (let session = 0; session < 1_000; session++) {
      const peer = await connect();
      await all[session % all.length]!(peer);
      await peer.client.close();
    }
    expect(made.connection).toHaveLength(1_001);
    expect(server['open'].size).toBe(0);
    await expectNothingLeft();
    expect(clock.armed).toBe(0);
  }, 120_000);

  it('of many over HTTP, ended by their clients or dropped and swept', async () => {
    const listener = await server.listen({ sessionTimeout: hour });
    const connect = (): Promise<Peer> => connectHttp(listener.url, { answer: silent });
    const connectUnseen = (): Promise<Peer> => connectHttp(listener.url, { answer: silent, fetch: withoutStandalone });
    await leaveTask(connect);
    const all = [
      ...Object.values(pasts).map((live) => ({ connect, live })),
      { connect: connectUnseen, live: askUnseen },
    ];
    for (let session = 0; session < 10 * all.length; session++) {
      const { connect, live } = all[session % all.length]!;
      const peer = await connect();
      await live(peer);
      const isEnded = session < 5 * all.length;
      if (isEnded) await (peer.client.transport as StreamableHTTPClientTransport).terminateSession();
      await peer.client.close();
    }
    await eventually(() => expect(living()).toMatchObject({ connection: 5 * all.length + 1 }));
    await clock.advance(2 * hour);
    await expectNothingLeft();
    await listener.close();
    expect(server['open'].size).toBe(0);
    expect(clock.armed).toBe(0);
  }, 120_000);
});
