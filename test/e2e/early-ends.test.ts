import { afterEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { systemClock, type Clock } from '../../src/base/clock.js';
import {
  Context,
  defineTool,
  Logger,
  Progress,
  token,
  type ErrandServer,
  type ServerOptions,
} from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { rejection, request, startTask } from '../helpers/raw-calls.js';
import { connectInMemory, type Peer } from '../helpers/transports.js';

interface Lease {
  readonly id: number;
}
const Lease = token<Lease>('Lease');

/** What has happened, in order. */
let events: string[] = [];
/** Opens the gate of the tool that is under way. */
let open: () => void;
/** What the tool saw of its Context after the gate. */
let seen: unknown[];
let server: ErrandServer;

const pass = (): Promise<void> => new Promise((resolve) => (open = resolve));
const code = (error: unknown): unknown => (error as { code?: unknown }).code;

/** Ignores its signal, and goes on when its gate opens. */
const stubborn = defineTool({
  name: 'stubborn',
  task: 'optional',
  inject: [Context, Progress, Lease, AbortSignal],
  run: async (_input, ctx, progress, _lease, signal) => {
    signal.addEventListener('abort', () => events.push(`abort ${String(code(signal.reason))}`));
    events.push('begun');
    await pass();
    seen = await Promise.all(
      [ctx.info('late'), ctx.reportProgress(1), progress.increment(), ctx.log('info', 'late')].map((each) =>
        each.then(() => 'accepted', code),
      ),
    );
    events.push('settled');
    return 'too late';
  },
});

/** Stops when it is told to, and needs a moment for it. */
const obedient = defineTool({
  name: 'obedient',
  task: 'optional',
  inject: [AbortSignal, Lease],
  run: async (_input, signal) => {
    events.push('begun');
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await new Promise((resolve) => setImmediate(resolve));
    events.push('settled');
    throw new TypeError('stopped');
  },
});

const throws = defineTool({
  name: 'throws',
  task: 'optional',
  inject: [Lease],
  run: async () => {
    events.push('begun');
    await new Promise((resolve) => setImmediate(resolve));
    events.push('settled');
    throw new TypeError('broken');
  },
});

async function serve(options: Pick<ServerOptions, 'timeout' | 'grace'>, clock: Clock = systemClock): Promise<Peer> {
  events = [];
  seen = [];
  const all = {
    name: 'ends',
    version: '1.0.0',
    components: [stubborn, obedient, throws],
    providers: [
      {
        provide: Lease,
        useFactory: () => ({ id: 1 }),
        lifetime: 'call' as const,
        dispose: () => void events.push('disposed'),
      },
    ],
    logger: new Logger((level, message) => {
      if (level === 'warning') events.push(`warning: ${message}`);
    }),
    ...options,
  };
  server = serverWithClock(all, clock);
  return connectInMemory(server);
}

afterEach(() => server.close());

type Call = (peer: Peer, name: string) => Promise<unknown>;
const inForeground: Call = ({ client }, name) => request(client, 'tools/call', { name });
const asTask: Call = async ({ client }, name) => {
  const { taskId } = await startTask(client, name);
  return client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
};

describe.each([
  ['in the foreground', inForeground],
  ['as a task', asTask],
])('a call that ends early, %s', (_mode, call) => {
  it('that times out is answered at once, and its container lives until the method has settled [F30]', async () => {
    await using peer = await serve({ timeout: 30, grace: '10s' });
    expect(await call(peer, 'stubborn')).toMatchObject({
      content: [{ type: 'text', text: 'The call did not finish within its timeout of 30 ms.' }],
      isError: true,
    });
    expect(events).toEqual(['begun', 'abort CALL_TIMED_OUT']);
    open();
    await eventually(() => expect(events).toContain('disposed'));
    expect(events).toEqual(['begun', 'abort CALL_TIMED_OUT', 'settled', 'disposed']);
    expect(seen).toEqual(Array(4).fill('CALL_TIMED_OUT'));
  });

  it('that does not settle is given up after its grace, with its container', async () => {
    await using peer = await serve({ timeout: 30, grace: 30 });
    await call(peer, 'stubborn');
    await eventually(() => expect(events).toContain('disposed'));
    expect(events.slice(1)).toEqual([
      'abort CALL_TIMED_OUT',
      'warning: A call that was ended did not stop within its grace; its container is disposed',
      'disposed',
    ]);
    open();
    await eventually(() => expect(seen).toEqual(Array(4).fill('CALL_TIMED_OUT')));
    expect(events.filter((event) => event === 'disposed')).toHaveLength(1);
  });

  it('that stops when it is told to is disposed after its last await', async () => {
    await using peer = await serve({ timeout: 30 });
    await call(peer, 'obedient');
    await eventually(() => expect(events).toEqual(['begun', 'settled', 'disposed']));
  });

  it('that throws before is disposed after its last await', async () => {
    await using peer = await serve({});
    expect(await call(peer, 'throws')).toMatchObject({ isError: true });
    expect(events).toEqual(['begun', 'settled', 'disposed']);
  });
});

describe('a call that is cancelled', () => {
  it('ends in the foreground when its request is cancelled', async () => {
    await using peer = await serve({});
    const gone = new AbortController();
    const calling = rejection(peer.client.callTool({ name: 'stubborn' }, undefined, { signal: gone.signal }));
    await eventually(() => expect(events).toEqual(['begun']));
    gone.abort();
    await calling;
    await eventually(() => expect(events).toEqual(['begun', 'abort CALL_CANCELLED']));
    open();
    await eventually(() => expect(events.slice(2)).toEqual(['settled', 'disposed']));
    expect(seen).toEqual(Array(4).fill('CALL_CANCELLED'));
  });

  it('ends in the background by tasks/cancel, and what it still returns is dropped [MX1] [MS1]', async () => {
    await using peer = await serve({});
    const { taskId } = await startTask(peer.client, 'stubborn');
    await eventually(() => expect(events).toEqual(['begun']));
    await peer.client.experimental.tasks.cancelTask(taskId);
    expect(events).toEqual(['begun', 'abort CALL_CANCELLED']);
    open();
    await eventually(() => expect(events.slice(2)).toEqual(['settled', 'disposed']));
    expect(seen).toEqual(Array(4).fill('CALL_CANCELLED'));
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'cancelled' });
  });

  it('keeps its slot until it has settled or its grace has passed', async () => {
    const clock = new FakeClock();
    await using peer = await serve({ grace: '1m' }, clock);
    const started = await Promise.all(Array.from({ length: 10 }, () => startTask(peer.client, 'stubborn')));
    await eventually(() => expect(events).toHaveLength(10));
    await Promise.all(started.map(({ taskId }) => peer.client.experimental.tasks.cancelTask(taskId)));
    const { taskId } = await startTask(peer.client, 'throws');
    await clock.advance(59_999);
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'working' });
    expect(events.filter((event) => event === 'disposed')).toEqual([]);
    await clock.advance(1);
    await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(events.filter((event) => event.startsWith('warning'))).toHaveLength(10);
  });
});
