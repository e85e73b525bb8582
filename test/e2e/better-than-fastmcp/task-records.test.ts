import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, CurrentExecution, defineTool, Logger, type ErrandServer } from '../../../src/index.js';
import { serverWithClock } from '../../helpers/clocked-server.js';
import { eventually } from '../../helpers/eventually.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { rejection, request, startTask, untilTold } from '../../helpers/raw-calls.js';
import { connectInMemory, type Peer } from '../../helpers/transports.js';

const hours = 3_600_000;
const start = Date.UTC(2026, 10, 20, 9, 0, 0, 250);

/** Asks in its first attempt, which fails; says what its second one was given. */
const order = defineTool({
  name: 'order',
  task: 'required',
  input: z.object({ table: z.number(), dishes: z.array(z.string()) }),
  retry: { attempts: 2, delay: '30s' },
  inject: [Context, CurrentExecution],
  run: async (input, ctx, { attempt }) => {
    await ctx.elicit('Really?', z.boolean(), { deadline: '5h' });
    if (attempt === 1) throw new TypeError('the kitchen is on fire');
    return input;
  },
});

const dinner = { table: 7, dishes: ['soup', 'cake'] };

const docket = { worker: false } as const;

let clock: FakeClock;
let server: ErrandServer;
let answer: () => void;
let peer: Peer;

beforeEach(async () => {
  clock = new FakeClock(start);
  const logger = new Logger(() => undefined);
  server = serverWithClock({ name: 'records', version: '1.0.0', components: [order], docket, logger }, clock);
  peer = await connectInMemory(server, {
    answer: () => new Promise((resolve) => (answer = () => resolve({ action: 'accept', content: { value: true } }))),
  });
});

afterEach(async () => {
  await peer[Symbol.asyncDispose]();
  await server.close();
});

const get = async (taskId: string): Promise<Task> => (await request(peer.client, 'tasks/get', { taskId })) as Task;

describe('a task that takes much longer than its ttl', () => {
  it('is known all the time with its whole input, and for its ttl after its end [F26] [F52]', async () => {
    const { taskId } = await startTask(peer.client, 'order', dinner, { ttl: 60_000 });
    await clock.advance(20 * hours);
    expect(await get(taskId)).toMatchObject({ status: 'working', ttl: 60_000 });

    const worker = await server.startWorker();
    await untilTold(peer, 'elicitation/create', 1);
    await clock.advance(4 * hours);
    expect(await get(taskId)).toMatchObject({ status: 'input_required' });
    answer();
    const ended = await eventually(async () => {
      await clock.advance(30_000);
      const task = await get(taskId);
      expect(task.status).toBe('completed');
      return Date.parse(task.lastUpdatedAt);
    });
    const { structuredContent } = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(structuredContent).toEqual(dinner);

    await clock.advance(ended + 59_999 - clock.now());
    expect(await get(taskId)).toMatchObject({ status: 'completed' });
    await clock.advance(1);
    expect(await rejection(get(taskId))).toMatchObject({ code: -32602 });
    await worker.stop();
  });
});

describe('what a server says of a task', () => {
  it('is the ttl and the times of the record, as whole numbers, wherever it says it [F19] [F29] [F65]', async () => {
    const { taskId } = await startTask(peer.client, 'order', dinner, { ttl: 90_000 });
    await clock.advance(1_500.75);
    const worker = await server.startWorker();
    const [told] = await untilTold(peer, 'notifications/tasks/status', 1);
    await clock.advance(2 * hours);

    const asked = new Date(start + 1_500.75).toISOString();
    const said = { taskId, status: 'input_required', ttl: 90_000, pollInterval: 500 };
    const times = { createdAt: new Date(start).toISOString(), lastUpdatedAt: asked };
    expect(told?.params).toEqual({ ...said, ...times });
    expect(await get(taskId)).toEqual({ ...said, ...times });
    expect((await peer.client.experimental.tasks.listTasks()).tasks).toEqual([{ ...said, ...times }]);
    expect(await request(peer.client, 'tasks/cancel', { taskId })).toMatchObject({
      ttl: 90_000,
      createdAt: times.createdAt,
      lastUpdatedAt: new Date(clock.now()).toISOString(),
    });
    await worker.stop();
  });
});

describe('the capability for tasks', () => {
  it('stands where the specification has it, and nothing is experimental [F15]', async () => {
    expect(peer.client.getServerCapabilities()).toEqual({
      tools: {},
      logging: {},
      tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
    });
    const { tools } = await peer.client.listTools();
    expect(tools.map(({ execution }) => execution)).toEqual([{ taskSupport: 'required' }]);
  });
});
