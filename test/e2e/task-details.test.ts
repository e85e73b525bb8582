import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  CurrentExecution,
  defineTool,
  Logger,
  Progress,
  text,
  toolResult,
  type ErrandServer,
  type ServerOptions,
} from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { Gate } from '../helpers/gate.js';
import { rejection, request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectInMemory, type Peer, type PeerOptions } from '../helpers/transports.js';

const minute = 60_000;

const { stop: gate, pass, clear } = new Gate();

const steps = defineTool({
  name: 'steps',
  task: 'optional',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await gate();
    await progress.setMessage('half way');
    await ctx.reportProgress(1, 2);
    await gate();
    await ctx.elicit('Go on?', z.boolean());
    await ctx.info('going on');
    await gate();
    return 'done';
  },
});

/** Ends only when it is stopped. */
const endless = defineTool({
  name: 'endless',
  task: 'required',
  inject: [AbortSignal],
  run: (_input, signal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
});

const quick = defineTool({ name: 'quick', task: 'required', run: () => 'done' });

/** Tells its task id while it runs. */
const named = defineTool({
  name: 'named',
  task: 'required',
  inject: [CurrentExecution],
  run: (_input, { key }) => key,
});

let clock: FakeClock;
let server: ErrandServer;

const all: ServerOptions['components'] = [steps, endless, quick, named];

function serve(docket: ServerOptions['docket'] = {}, components = all): ErrandServer {
  const logger = new Logger(() => undefined);
  server = serverWithClock({ name: 'details', version: '1.0.0', components, logger, docket }, clock);
  return server;
}

beforeEach(() => {
  clock = new FakeClock(Date.UTC(2026, 0, 1));
  clear();
});

afterEach(() => server.close());

const never: PeerOptions = { answer: () => new Promise(() => undefined) };
const after = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
const relatedTo = (taskId: string) => ({ 'io.modelcontextprotocol/related-task': { taskId } });

/** The raw results of the server, the newest last. */
const resultsTo = ({ received }: Peer): Record<string, unknown>[] =>
  received.flatMap((message) => ('result' in message ? [message.result] : []));

describe('a task says of itself', () => {
  it('when it was made and changed, and how long it is kept, wherever it is shown [MT4] [F19] [F65]', async () => {
    await using peer = await connectInMemory(serve(), never);
    const { tasks } = peer.client.experimental;
    const made = await startTask(peer.client, 'steps', {}, { ttl: 5 * minute });
    const { taskId } = made;
    const at = (ms: number) => ({ taskId, createdAt: after(0), lastUpdatedAt: after(ms), ttl: 5 * minute });
    expect(made).toMatchObject({ ...at(0), status: 'working' });

    await clock.advance(minute);
    expect(await tasks.getTask(taskId)).toMatchObject(at(0));
    await pass();
    await eventually(async () => expect(await tasks.getTask(taskId)).toMatchObject({ statusMessage: 'half way' }));
    expect(await tasks.getTask(taskId)).toMatchObject(at(minute));

    await clock.advance(minute);
    await pass();
    await untilStatus(peer.client, taskId, 'input_required');
    const asked = at(2 * minute);
    expect(await tasks.getTask(taskId)).toMatchObject(asked);
    expect((await tasks.listTasks()).tasks).toEqual([expect.objectContaining(asked)]);
    expect(told(peer, 'notifications/tasks/status').at(-1)?.params).toMatchObject(asked);

    await clock.advance(minute);
    expect(await tasks.cancelTask(taskId)).toMatchObject({ ...at(3 * minute), status: 'cancelled' });
    expect(told(peer, 'notifications/tasks/status').at(-1)?.params).toMatchObject(at(3 * minute));
  });

  it('whole numbers only, whatever the options and the client say [MT4] [MT5] [F29]', async () => {
    await using peer = await connectInMemory(serve({ ttl: 1_000.7 }));
    await startTask(peer.client, 'quick');
    await startTask(peer.client, 'quick', {}, { ttl: 60_000 });
    const { tasks } = await peer.client.experimental.tasks.listTasks();
    for (const { ttl, pollInterval } of tasks) {
      expect(Number.isInteger(ttl)).toBe(true);
      expect(Number.isInteger(pollInterval)).toBe(true);
      expect(pollInterval).toBeGreaterThan(0);
    }
  });

  it('what went wrong in few words, and all of it in its result [MS3] [MR2]', async () => {
    const long = 'no '.repeat(10_000);
    const failing = defineTool({
      name: 'failing',
      task: 'required',
      run: () => toolResult({ content: [text(long)], isError: true }),
    });
    await using peer = await connectInMemory(serve({}, [failing]));
    const { taskId } = await startTask(peer.client, 'failing');
    expect(await request(peer.client, 'tasks/result', { taskId })).toMatchObject({ content: [{ text: long }] });
    const { statusMessage } = await peer.client.experimental.tasks.getTask(taskId);
    expect(statusMessage).toMatch(/^no no .*…$/);
    expect(statusMessage!.length).toBe(1_000);
  });

  it('enough for its client to see it, even when that wants it kept for no time at all [MT7]', async () => {
    await using peer = await connectInMemory(serve());
    const { tasks } = peer.client.experimental;
    const { taskId } = await startTask(peer.client, 'quick', {}, { ttl: 0 });
    expect(await tasks.getTaskResult(taskId, CallToolResultSchema)).toMatchObject({ content: [{ text: 'done' }] });
    const { ttl } = await tasks.getTask(taskId);
    const ended = await startTask(peer.client, 'endless', {}, { ttl: 0 });
    expect(await tasks.cancelTask(ended.taskId)).toMatchObject({ status: 'cancelled', ttl });
    await clock.advance(ttl!);
    expect(await rejection(tasks.getTask(taskId))).toMatchObject({ code: -32602 });
  });

  it('an id that its own run knows, that no other task has and that nobody can guess [MT2] [MA2]', async () => {
    await using peer = await connectInMemory(serve());
    const ids = new Set<string>();
    for (let count = 0; count < 50; count++) {
      const { taskId } = await startTask(peer.client, 'named');
      const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
      expect(result.content).toEqual([{ type: 'text', text: taskId }]);
      // 32 characters of 6 bits each.
      expect(taskId).toMatch(/^[A-Za-z0-9_-]{32}$/);
      ids.add(taskId);
    }
    expect(ids.size).toBe(50);
    // No part of an id counts, tells the time or stays the same: one place in fifty ids has 35 characters on average.
    for (let place = 0; place < 32; place++) {
      expect(new Set([...ids].map((id) => id[place])).size).toBeGreaterThan(15);
    }
  });
});

describe('related-task metadata', () => {
  it('is in all that a task sends, and in its result [MI1] [MP1] [MP2] [MR2]', async () => {
    await using peer = await connectInMemory(serve(), { answer: () => ({ action: 'decline' }) });
    const params = { name: 'steps', task: {}, _meta: { progressToken: 'mine' } };
    const { task } = (await request(peer.client, 'tools/call', params)) as unknown as { task: Task };
    for (let count = 0; count < 3; count++) await pass();
    const result = await request(peer.client, 'tasks/result', { taskId: task.taskId });
    const _meta = relatedTo(task.taskId);
    expect(result).toEqual({ content: [{ type: 'text', text: 'done' }], _meta });
    for (const method of ['notifications/progress', 'notifications/message', 'elicitation/create']) {
      const messages = told(peer, method);
      expect(messages.length).toBeGreaterThan(0);
      for (const message of messages) expect(message.params._meta).toEqual(_meta);
    }
  });

  it('is added to what else a result says of itself, which is the same in the foreground [MR2]', async () => {
    const _meta = { 'example.com/cost': 7 };
    const run = () => toolResult({ content: [text('done')], _meta });
    const telling = defineTool({ name: 'telling', task: 'optional', run });
    await using peer = await connectInMemory(serve({}, [telling]));
    const content = [{ type: 'text', text: 'done' }];
    expect(await request(peer.client, 'tools/call', { name: 'telling' })).toEqual({ content, _meta });
    const { taskId } = await startTask(peer.client, 'telling');
    const result = await request(peer.client, 'tasks/result', { taskId });
    expect(result).toEqual({ content, _meta: { ..._meta, ...relatedTo(taskId) } });
  });

  it('is not where a task is shown: get, list, cancel and status notifications [MG1] [MN1] [MT1]', async () => {
    await using peer = await connectInMemory(serve());
    const { taskId } = await startTask(peer.client, 'endless');
    await request(peer.client, 'tasks/get', { taskId });
    await request(peer.client, 'tasks/list');
    await request(peer.client, 'tasks/cancel', { taskId });
    const shown = {
      taskId,
      status: 'working',
      createdAt: expect.any(String),
      lastUpdatedAt: expect.any(String),
      ttl: expect.any(Number),
      pollInterval: expect.any(Number),
    };
    const ended = { ...shown, status: 'cancelled', statusMessage: expect.any(String) };
    expect(resultsTo(peer)).toEqual([{ task: shown }, shown, { tasks: [shown] }, ended]);
    const [notification] = await untilTold(peer, 'notifications/tasks/status', 1);
    expect(notification?.params).toEqual(ended);
  });

  it('and `task` are ignored in requests about tasks: taskId alone says which [MG1] [MC2]', async () => {
    await using peer = await connectInMemory(serve());
    const { taskId } = await startTask(peer.client, 'endless');
    const other = await startTask(peer.client, 'quick');
    const strays = { task: { ttl: 60_000 }, _meta: { progressToken: 99, ...relatedTo(other.taskId) } };
    expect(await request(peer.client, 'tasks/get', { taskId, ...strays })).toMatchObject({ taskId, status: 'working' });
    const listed = (await request(peer.client, 'tasks/list', strays)) as unknown as { tasks: Task[] };
    expect(listed.tasks).toHaveLength(2);
    const result = await request(peer.client, 'tasks/result', { taskId: other.taskId, ...strays });
    expect(result._meta).toEqual(relatedTo(other.taskId));
    const cancelled = await request(peer.client, 'tasks/cancel', { taskId, ...strays });
    expect(cancelled).toMatchObject({ taskId, status: 'cancelled' });
    expect(told(peer, 'notifications/progress')).toEqual([]);
  });

  it('is all that a question carries beside itself: no client is asked to make a task of it [MC4]', async () => {
    await using peer = await connectInMemory(serve(), never);
    const { taskId } = await startTask(peer.client, 'steps');
    await pass();
    await pass();
    const [question] = await untilTold(peer, 'elicitation/create', 1);
    expect(Object.keys(question!.params).sort()).toEqual(['_meta', 'message', 'mode', 'requestedSchema']);
    expect(question?.params._meta).toEqual(relatedTo(taskId));
  });
});

describe('`task`', () => {
  it('is refused where a tool forbids it or does not speak of it, and asked for where a tool requires it [MC5] [MC6]', async () => {
    const silent = defineTool({ name: 'silent', run: () => 'done' });
    const forbids = defineTool({ name: 'forbids', task: 'forbidden', run: () => 'done' });
    await using peer = await connectInMemory(serve({}, [silent, forbids, quick, steps]));
    const { tools } = await peer.client.listTools();
    const support = Object.fromEntries(
      tools.map(({ name, execution }) => [name, execution?.taskSupport ?? 'forbidden']),
    );
    expect(support).toEqual({ silent: 'forbidden', forbids: 'forbidden', quick: 'required', steps: 'optional' });
    for (const name of ['silent', 'forbids']) {
      const message = `MCP error -32601: Tool '${name}' does not run as a task. Call it without \`task\`.`;
      expect(await rejection(startTask(peer.client, name))).toMatchObject({ code: -32601, message });
      expect(await request(peer.client, 'tools/call', { name })).toMatchObject({ content: [{ text: 'done' }] });
    }
    expect(await rejection(request(peer.client, 'tools/call', { name: 'quick' }))).toMatchObject({
      code: -32601,
      message: "MCP error -32601: Tool 'quick' runs only as a task. Call it with `task`.",
    });
    expect(told(peer, 'notifications/tasks/status')).toEqual([]);
    expect(await request(peer.client, 'tasks/list')).toEqual({ tasks: [] });
  });
});
