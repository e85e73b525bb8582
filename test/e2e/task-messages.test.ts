import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, createServer, defineTool, Logger, Progress, type ErrandServer } from '../../src/index.js';
import { request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectInMemory } from '../helpers/transports.js';

const talks = defineTool({
  name: 'talks',
  task: 'optional',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await ctx.debug('a detail');
    await ctx.warning('careful', { step: 1 });
    await progress.setMessage('first');
    await ctx.reportProgress(1, 3);
    await ctx.reportProgress(0.5);
    await ctx.reportProgress(1);
    await ctx.reportProgress(3, 3, 'last');
    return 'said';
  },
});

const asksAndTalks = defineTool({
  name: 'asksAndTalks',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const { action } = await ctx.elicit('Go on?', z.boolean());
    await ctx.reportProgress(1, 1, 'answered');
    return action;
  },
});

/** Lets the tool go on that nothing stops. */
let goOn: () => void;
let hasEnded: Promise<void>;

const goesOn = defineTool({
  name: 'goesOn',
  task: 'required',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    let end = (): void => undefined;
    hasEnded = new Promise((resolve) => (end = resolve));
    await ctx.reportProgress(1, 3);
    await new Promise<void>((resolve) => (goOn = resolve));
    await Promise.allSettled([ctx.reportProgress(2, 3), progress.increment(), ctx.warning('late')]);
    end();
    return 'too late';
  },
});

let server: ErrandServer;

beforeEach(() => {
  const logger = new Logger(() => undefined);
  server = createServer({ name: 'talking', version: '1.0.0', components: [talks, asksAndTalks, goesOn], logger });
});

afterEach(() => server.close());

const relatedTo = (taskId: string) => ({ 'io.modelcontextprotocol/related-task': { taskId } });

it('tells progress under the token of the call, upwards only, and logs from the level that was asked for [MP1] [MP2] [MI1]', async () => {
  await using peer = await connectInMemory(server);
  await peer.client.setLoggingLevel('info');
  const params = { name: 'talks', task: {}, _meta: { progressToken: 'mine' } };
  const { task } = (await request(peer.client, 'tools/call', params)) as unknown as { task: { taskId: string } };
  await untilStatus(peer.client, task.taskId, 'completed');
  const _meta = relatedTo(task.taskId);
  expect(told(peer, 'notifications/progress').map((each) => each.params)).toEqual([
    { progressToken: 'mine', progress: 0, message: 'first', _meta },
    { progressToken: 'mine', progress: 1, total: 3, message: 'first', _meta },
    { progressToken: 'mine', progress: 3, total: 3, message: 'last', _meta },
  ]);
  expect(told(peer, 'notifications/message').map((each) => each.params)).toEqual([
    { level: 'warning', logger: 'talks', data: { message: 'careful', step: 1 }, _meta },
  ]);
});

it('tells other clients that follow the task nothing under a token that is not theirs [MP1]', async () => {
  await using maker = await connectInMemory(server, { answer: () => new Promise(() => undefined) });
  await using follower = await connectInMemory(server, { answer: () => ({ action: 'decline' }) });
  const params = { name: 'asksAndTalks', task: {}, _meta: { progressToken: 1 } };
  const { task } = (await request(maker.client, 'tools/call', params)) as unknown as { task: { taskId: string } };
  const { content } = await follower.client.experimental.tasks.getTaskResult(task.taskId, CallToolResultSchema);
  expect(content).toEqual([{ type: 'text', text: 'decline' }]);
  expect(told(maker, 'notifications/progress').map((each) => each.params.progressToken)).toEqual([1]);
  expect(told(follower, 'notifications/progress')).toEqual([]);
  const statuses = told(follower, 'notifications/tasks/status');
  expect(statuses.map((each) => each.params.statusMessage)).toContain('answered');
});

it('tells the message of the progress in the status where the call had no token', async () => {
  await using peer = await connectInMemory(server);
  const { taskId } = await startTask(peer.client, 'talks');
  await untilStatus(peer.client, taskId, 'completed');
  expect(told(peer, 'notifications/progress')).toEqual([]);
  const statuses = await untilTold(peer, 'notifications/tasks/status', 3);
  expect(statuses.map(({ params }) => params.statusMessage)).toEqual(['first', 'last', 'last']);
  expect(statuses.every(({ params }) => params._meta === undefined)).toBe(true);
});

it('says nothing after the end [MP1]', async () => {
  await using peer = await connectInMemory(server);
  const { taskId } = await startTask(peer.client, 'talks');
  await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
  await request(peer.client, 'ping');
  const last = told(peer, 'notifications/tasks/status').at(-1);
  expect(last?.params.status).toBe('completed');
  expect(peer.received.filter((each) => 'method' in each).at(-1)).toBe(last);
});

it('tells nothing of a tool that goes on after its task was cancelled [MP1] [MP2] [MS1]', async () => {
  await using peer = await connectInMemory(server);
  const params = { name: 'goesOn', task: {}, _meta: { progressToken: 'mine' } };
  const { task } = (await request(peer.client, 'tools/call', params)) as unknown as { task: { taskId: string } };
  await untilTold(peer, 'notifications/progress', 1);
  await request(peer.client, 'tasks/cancel', { taskId: task.taskId });
  goOn();
  await hasEnded;
  await request(peer.client, 'ping');
  expect(told(peer, 'notifications/progress')).toHaveLength(1);
  expect(told(peer, 'notifications/message')).toEqual([]);
  expect(told(peer, 'notifications/tasks/status').map(({ params }) => params.status)).toEqual(['cancelled']);
});

it('ignores a related task that the client puts into a call', async () => {
  await using peer = await connectInMemory(server);
  const params = { name: 'talks', _meta: { progressToken: 7, ...relatedTo('made-up') } };
  expect(await request(peer.client, 'tools/call', params)).toEqual({ content: [{ type: 'text', text: 'said' }] });
  expect(told(peer, 'notifications/progress')).toHaveLength(3);
});
