import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { Logger } from '../../src/base/logger.js';
import { defineTool } from '../../src/components/define.js';
import { createServer } from '../../src/server/create-server.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { rejection, request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectInMemory, openFixture, wires, type Answering, type Peer } from '../helpers/transports.js';

const accept = () => ({ action: 'accept' as const, content: { smoking: true } });

describe.each(wires)('tasks, %s', (wire) => {
  // One connection for all: a process for each test would take a second each.
  let peer: Peer;
  let answer: Answering;
  beforeAll(async () => {
    peer = await openFixture(wire, 'errands', { answer: (...question) => answer(...question) });
  });
  beforeEach(() => {
    peer.received.length = 0;
    answer = accept;
  });
  afterAll(async () => {
    await peer[Symbol.asyncDispose]();
  });

  it('begin as working, are there at once and before any news of them [MT1] [MT3] [MT4] [MT7] [F66]', async () => {
    const task = await startTask(peer.client, 'errand', {}, { ttl: 5_000 });
    expect(task).toEqual({
      taskId: expect.stringMatching(/^[A-Za-z0-9_-]{32}$/),
      status: 'working',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      lastUpdatedAt: expect.any(String),
      ttl: 5_000,
      pollInterval: expect.any(Number),
    });
    expect(await peer.client.experimental.tasks.getTask(task.taskId)).toMatchObject({ taskId: task.taskId });
    await untilTold(peer, 'notifications/tasks/status', 1);
    expect('result' in peer.received[0]!).toBe(true);
  });

  it('tell working, input_required and their end [MS2] [MN1] [F2] [F58]', async () => {
    const { taskId } = await startTask(peer.client, 'book', { guests: 2 });
    await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    const told = await untilTold(peer, 'notifications/tasks/status', 3);
    expect(told.map(({ params }) => params.status)).toEqual(['input_required', 'working', 'completed']);
    expect(told[0]?.params).toEqual({
      taskId,
      status: 'input_required',
      createdAt: expect.any(String),
      lastUpdatedAt: expect.any(String),
      ttl: 3_600_000,
      pollInterval: expect.any(Number),
    });
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ taskId, status: 'completed' });
  });

  it('give their result to all who wait, and at once after the end [MR1] [MR2] [F2] [F59]', async () => {
    let open = (): void => undefined;
    const answered = new Promise<void>((resolve) => (open = resolve));
    answer = () => answered.then(accept);
    const { tasks } = peer.client.experimental;
    const { taskId } = await startTask(peer.client, 'book', { guests: 2 });
    await untilStatus(peer.client, taskId, 'input_required');
    const waiting = [1, 2, 3].map(() => tasks.getTaskResult(taskId, CallToolResultSchema));
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    open();
    const result = {
      content: [{ type: 'text', text: 'booked, smoking: true' }],
      _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
    };
    expect(await Promise.all(waiting)).toEqual([result, result, result]);
    expect(await tasks.getTaskResult(taskId, CallToolResultSchema)).toEqual(result);
  });

  it('are cancelled before the answer to tasks/cancel, for whoever waits, and only once [MX1] [MR3] [MS1] [ME3] [F59]', async () => {
    const { tasks } = peer.client.experimental;
    const { taskId } = await startTask(peer.client, 'forever');
    const waiting = [1, 2].map(() => rejection(tasks.getTaskResult(taskId, CallToolResultSchema)));
    expect(await tasks.cancelTask(taskId)).toMatchObject({ taskId, status: 'cancelled' });
    for (const error of [...(await Promise.all(waiting)), await rejection(tasks.getTaskResult(taskId))]) {
      expect(error).toMatchObject({ code: -32603, message: 'MCP error -32603: Task was cancelled' });
    }
    expect(await rejection(tasks.cancelTask(taskId))).toMatchObject({
      code: -32602,
      message: expect.stringContaining('it is already cancelled'),
    });
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'cancelled' });
    const statuses = await untilTold(peer, 'notifications/tasks/status', 1);
    expect(statuses.map(({ params }) => params.status)).toEqual(['cancelled']);
    expect(told(peer, 'notifications/message')).toEqual([]);
  });

  it('cannot be cancelled after their end [ME3] [MS1] [F59]', async () => {
    const { taskId } = await startTask(peer.client, 'errand');
    await untilStatus(peer.client, taskId, 'completed');
    expect(await rejection(peer.client.experimental.tasks.cancelTask(taskId))).toMatchObject({
      code: -32602,
      message: expect.stringContaining('it is already completed'),
    });
  });

  it('of an unknown id are invalid params everywhere [ME1]', async () => {
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      expect(await rejection(request(peer.client, method, { taskId: 'nobody' }))).toMatchObject({ code: -32602 });
      expect(await rejection(request(peer.client, method, {}))).toMatchObject({ code: -32602 });
    }
  });

  it('are failed when the result is an error, and keep the result [MS3] [MR2]', async () => {
    const { tasks } = peer.client.experimental;
    const { taskId } = await startTask(peer.client, 'refuse');
    expect(await tasks.getTaskResult(taskId, CallToolResultSchema)).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'closed on Mondays' }],
    });
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'failed', statusMessage: 'closed on Mondays' });
  });

  it('give back the JSON-RPC error that was thrown, as the foreground does [MR2] [MS3]', async () => {
    const { tasks } = peer.client.experimental;
    const { taskId } = await startTask(peer.client, 'protocol');
    const background = await rejection(tasks.getTaskResult(taskId, CallToolResultSchema));
    const foreground = await rejection(peer.client.callTool({ name: 'protocol' }));
    for (const error of [background, foreground]) {
      expect(error).toMatchObject({ code: -32042, message: 'MCP error -32042: no such table', data: { table: 7 } });
    }
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'failed', statusMessage: 'no such table' });
  });

  it('are refused where the tool does not allow them, and asked for where it needs them [MC6] [F67]', async () => {
    expect(await rejection(startTask(peer.client, 'now'))).toMatchObject({ code: -32601 });
    expect(await rejection(request(peer.client, 'tools/call', { name: 'errand' }))).toMatchObject({ code: -32601 });
    expect(await rejection(startTask(peer.client, 'nothing'))).toMatchObject({ code: -32602 });
  });

  it('are listed only where everybody is one user [MC1] [MC3] [MA2]', async () => {
    const capability = peer.client.getServerCapabilities()?.tasks;
    expect(capability).toEqual({
      cancel: {},
      requests: { tools: { call: {} } },
      ...(wire !== 'http' && { list: {} }),
    });
    const { taskId } = await startTask(peer.client, 'errand');
    const listing = request(peer.client, 'tasks/list');
    if (wire === 'http') expect(await rejection(listing)).toMatchObject({ code: -32601 });
    else expect(await listing).toMatchObject({ tasks: expect.arrayContaining([expect.objectContaining({ taskId })]) });
  });
});

describe('tasks/list', () => {
  it('pages, newest first, without a double or a gap [ML1]', async () => {
    await using peer = await openFixture('in memory', 'errands');
    const made: string[] = [];
    for (let count = 0; count < 120; count++) made.push((await startTask(peer.client, 'errand')).taskId);
    const listed: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await peer.client.experimental.tasks.listTasks(cursor);
      listed.push(...page.tasks.map(({ taskId }) => taskId));
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== undefined);
    expect(listed).toEqual(made.reverse());
    expect(pages).toBe(3);
  });

  it('refuses a cursor that it did not give [ME2] [ML1]', async () => {
    await using peer = await openFixture('in memory', 'errands');
    expect(await rejection(peer.client.experimental.tasks.listTasks('made-up'))).toMatchObject({ code: -32602 });
  });
});

describe('the ttl of a task', () => {
  const work = defineTool({ name: 'work', task: 'required', run: () => 'done' });

  it('is what the client asks for, up to a limit, and after it nothing is known of the task [MT4] [MA3] [ME1]', async () => {
    const clock = new FakeClock();
    const docket = { ttl: '1h', limits: { ttl: '2h' } } as const;
    const logger = new Logger(() => undefined);
    const server = serverWithClock({ name: 'ttl', version: '1.0.0', components: [work], docket, logger }, clock);
    await using peer = await connectInMemory(server);
    const { tasks } = peer.client.experimental;
    const granted = async (task: { ttl?: number }): Promise<unknown> =>
      (await startTask(peer.client, 'work', {}, task)).ttl;
    expect(await granted({})).toBe(60 * 60_000);
    expect(await granted({ ttl: 24 * 60 * 60_000 })).toBe(2 * 60 * 60_000);

    const { taskId } = await startTask(peer.client, 'work', {}, { ttl: 1_000 });
    await tasks.getTaskResult(taskId, CallToolResultSchema);
    await clock.advance(999);
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'completed', ttl: 1_000 });
    await clock.advance(1);
    expect(await rejection(tasks.getTask(taskId))).toMatchObject({ code: -32602 });
    expect(await rejection(tasks.getTaskResult(taskId))).toMatchObject({ code: -32602 });
    await server.close();
  });

  it('is a number of milliseconds', async () => {
    await using peer = await openFixture('in memory', 'errands');
    for (const ttl of [-1, 1.5, 'soon']) {
      expect(await rejection(startTask(peer.client, 'errand', {}, { ttl: ttl as number }))).toMatchObject({
        code: -32602,
      });
    }
  });
});

describe('a server without task tools', () => {
  it('ignores `task` and has no tasks/* [MC2] [MC3] [F67]', async () => {
    const hello = defineTool({ name: 'hello', run: () => 'hello' });
    const server = createServer({ name: 'plain', version: '1.0.0', components: [hello] });
    await using peer = await connectInMemory(server);
    expect(peer.client.getServerCapabilities()?.tasks).toBeUndefined();
    expect(await request(peer.client, 'tools/call', { name: 'hello', task: { ttl: 1 } })).toEqual({
      content: [{ type: 'text', text: 'hello' }],
    });
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/list']) {
      expect(await rejection(request(peer.client, method, { taskId: 'x' }))).toMatchObject({ code: -32601 });
    }
    await server.close();
  });
});
