import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  CurrentExecution,
  defineTool,
  Logger,
  type ErrandServer,
  type ServerOptions,
} from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { Gate } from '../helpers/gate.js';
import { request, startTask, told, untilStatus } from '../helpers/raw-calls.js';
import { connectInMemory, type Answering, type Peer } from '../helpers/transports.js';

const minute = 60_000;

const valueOf = async (answer: ReturnType<Context['elicit']>): Promise<string> => {
  const given = await answer;
  return given.action === 'accept' ? String(given.content) : given.action;
};

const { stop: gate, pass, clear } = new Gate();

const inTurn = defineTool({
  name: 'inTurn',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const first = await valueOf(ctx.elicit('First?', z.string()));
    await gate();
    const second = await valueOf(ctx.elicit('Second?', z.string()));
    await gate();
    return `${first}, ${second}`;
  },
});

const atOnce = defineTool({
  name: 'atOnce',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const answers = ['First?', 'Second?'].map((message) => valueOf(ctx.elicit(message, z.string())));
    const text = (await Promise.all(answers)).join(', ');
    await gate();
    return text;
  },
});

/** Its first attempt fails while its question is open. */
const retried = defineTool({
  name: 'retried',
  task: 'required',
  retry: { attempts: 2, delay: 10 * minute },
  inject: [Context, CurrentExecution],
  run: async (_input, ctx, { attempt }) => {
    const answer = valueOf(ctx.elicit('Still?', z.string(), { deadline: 60 * minute }));
    if (attempt > 1) return `attempt ${attempt}: ${await answer}`;
    answer.catch(() => undefined);
    await gate();
    throw new TypeError('the network went away');
  },
});

const hurried = defineTool({
  name: 'hurried',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await valueOf(ctx.elicit('Quick?', z.string(), { deadline: minute }));
    await gate();
    return answer;
  },
});

let clock: FakeClock;
let server: ErrandServer;
/** Answers the open prompt with that message. */
let answers: Map<string, (value: string) => void>;

function serve(docket: ServerOptions['docket'] = {}): Promise<Peer> {
  const components = [inTurn, atOnce, retried, hurried];
  const logger = new Logger(() => undefined);
  server = serverWithClock({ name: 'input', version: '1.0.0', components, logger, docket, grace: 0 }, clock);
  const answer: Answering = ({ message }) =>
    new Promise<ElicitResult>((resolve) =>
      answers.set(message, (value) => resolve({ action: 'accept', content: { value } })),
    );
  return connectInMemory(server, { answer });
}

beforeEach(() => {
  clock = new FakeClock();
  answers = new Map();
  clear();
});

afterEach(() => server.close());

async function answer(message: string, value: string): Promise<void> {
  const give = await eventually(() => {
    const found = answers.get(message);
    if (found === undefined) throw new Error(`'${message}' was not asked`);
    return found;
  });
  give(value);
}

const statusesTold = (peer: Peer): unknown[] =>
  told(peer, 'notifications/tasks/status').map(({ params }) => params.status);

const statusOf = async ({ client }: Peer, taskId: string): Promise<string> =>
  (await client.experimental.tasks.getTask(taskId)).status;

const resultOf = async ({ client }: Peer, taskId: string): Promise<unknown> =>
  (await client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema)).content;

describe('a task is input_required while and only while a question is open', () => {
  it('with two questions one after the other [MS2] [F58]', async () => {
    await using peer = await serve();
    const { taskId } = await startTask(peer.client, 'inTurn');
    await answer('First?', 'one');
    await untilStatus(peer.client, taskId, 'working');
    await pass();
    await untilStatus(peer.client, taskId, 'input_required');
    await answer('Second?', 'two');
    await untilStatus(peer.client, taskId, 'working');
    await pass();
    expect(await resultOf(peer, taskId)).toEqual([{ type: 'text', text: 'one, two' }]);
    expect(statusesTold(peer)).toEqual(['input_required', 'working', 'input_required', 'working', 'completed']);
  });

  it('with two questions at once, until the last is answered [MS2] [F54] [F58]', async () => {
    await using peer = await serve();
    const { taskId } = await startTask(peer.client, 'atOnce');
    await answer('Second?', 'two');
    await request(peer.client, 'ping');
    expect(await statusOf(peer, taskId)).toBe('input_required');
    await answer('First?', 'one');
    await untilStatus(peer.client, taskId, 'working');
    await pass();
    expect(await resultOf(peer, taskId)).toEqual([{ type: 'text', text: 'one, two' }]);
    expect(statusesTold(peer)).toEqual(['input_required', 'working', 'completed']);
  });

  it('also when its worker is gone, and the answer is there when another takes it up [MS2] [F1]', async () => {
    await using peer = await serve({ worker: false });
    const worker = await server.startWorker();
    const { taskId } = await startTask(peer.client, 'hurried');
    await untilStatus(peer.client, taskId, 'input_required');
    await worker.stop();
    expect(await statusOf(peer, taskId)).toBe('input_required');
    await answer('Quick?', 'kept');
    await untilStatus(peer.client, taskId, 'working');
    const other = await server.startWorker();
    const result = resultOf(peer, taskId);
    await pass();
    expect(await result).toEqual([{ type: 'text', text: 'kept' }]);
    expect(told(peer, 'elicitation/create')).toHaveLength(1);
    expect(statusesTold(peer)).toEqual(['input_required', 'working', 'completed']);
    await other.stop();
  });

  it('also while it waits for its next attempt [MS2]', async () => {
    await using peer = await serve();
    const { taskId } = await startTask(peer.client, 'retried');
    await untilStatus(peer.client, taskId, 'input_required');
    await pass();
    const execution = await server.docket.get(taskId);
    await eventually(async () => expect(await execution?.state()).toBe('scheduled'));
    expect(await statusOf(peer, taskId)).toBe('input_required');
    await answer('Still?', 'yes');
    await untilStatus(peer.client, taskId, 'working');
    await clock.advance(10 * minute);
    expect(await resultOf(peer, taskId)).toEqual([{ type: 'text', text: 'attempt 2: yes' }]);
    expect(told(peer, 'elicitation/create')).toHaveLength(1);
    expect(statusesTold(peer)).toEqual(['input_required', 'working', 'completed']);
  });

  it('no longer than the deadline of the question [MS2]', async () => {
    await using peer = await serve();
    const { taskId } = await startTask(peer.client, 'hurried');
    await untilStatus(peer.client, taskId, 'input_required');
    await clock.advance(minute - 1);
    expect(await statusOf(peer, taskId)).toBe('input_required');
    await clock.advance(1);
    expect(await statusOf(peer, taskId)).toBe('working');
    await pass();
    expect(await resultOf(peer, taskId)).toEqual([{ type: 'text', text: 'cancel' }]);
    expect(statusesTold(peer)).toEqual(['input_required', 'working', 'completed']);
  });

  it('no longer than that also when no worker runs it [MS2]', async () => {
    await using peer = await serve({ worker: false });
    const worker = await server.startWorker();
    const { taskId } = await startTask(peer.client, 'hurried');
    await untilStatus(peer.client, taskId, 'input_required');
    await worker.stop();
    await clock.advance(minute);
    expect(await statusOf(peer, taskId)).toBe('working');
    expect(statusesTold(peer)).toEqual(['input_required', 'working']);
  });

  it('and not when it is cancelled with its question open [MS1] [MS2]', async () => {
    await using peer = await serve();
    const { taskId } = await startTask(peer.client, 'inTurn');
    await eventually(() => expect(answers.size).toBe(1));
    expect(await statusOf(peer, taskId)).toBe('input_required');
    await peer.client.experimental.tasks.cancelTask(taskId);
    await answer('First?', 'too late');
    await request(peer.client, 'ping');
    expect(await statusOf(peer, taskId)).toBe('cancelled');
    expect(statusesTold(peer)).toEqual(['input_required', 'cancelled']);
  });
});
