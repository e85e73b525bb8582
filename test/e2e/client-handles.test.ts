import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { McpError, type Result, type Task } from '@modelcontextprotocol/sdk/types.js';
import type { Client } from '../../src/client/client.js';
import { connect } from '../../src/client/connect.js';
import type { TaskEvent, ToolTask } from '../../src/client/tasks/task-handle.js';
import { eventually } from '../helpers/eventually.js';
import { allTasks, ForeignServer, type Answer } from '../helpers/foreign-server.js';
import { rejection } from '../helpers/raw-calls.js';
import { answeredWith, rejectionOf } from '../helpers/thrown.js';

/** Longer than any test: whoever waits for a poll fails. */
const never = 3_600_000;

let server: ForeignServer;
let client: Client;
let errors: unknown[];

async function open(answers: Record<string, Answer> = {}, interval?: number): Promise<void> {
  server = new ForeignServer(answers, allTasks, interval);
  errors = [];
  client = await connect(server, { onError: (error) => errors.push(error) });
}

const start = (): Promise<ToolTask> => client.callTool('any', {}, { task: true });

/** Waits until the client has heard what the server told: it answers what comes after that. */
const heard = (): Promise<unknown> => server.ask('ping');

afterEach(async () => {
  await client.close();
});

describe('the status of a task', () => {
  it('is fresh each time while the task runs, and asked for no more once it has ended [F60]', async () => {
    await open();
    const task = await start();
    expect((await task.status()).statusMessage).toBeUndefined();
    server.move(task.taskId, { statusMessage: 'half' });
    expect((await task.status()).statusMessage).toBe('half');
    server.end(task.taskId);
    const ended = await task.status();
    expect(ended.status).toBe('completed');
    expect(await task.status()).toBe(ended);
    expect(server.count('tasks/get')).toBe(3);
  });

  it('is the one that the server just told, as long as the poll interval', async () => {
    await open({}, never);
    const task = await start();
    server.move(task.taskId, { statusMessage: 'told' });
    await server.tell(task.taskId);
    await heard();
    server.move(task.taskId, { statusMessage: 'fresh' });
    expect((await task.status()).statusMessage).toBe('told');
    expect(server.count('tasks/get')).toBe(0);
    const toldAt = performance.now();
    await server.tell(task.taskId, { statusMessage: 'told', pollInterval: 60 });
    await heard();
    await eventually(async () => expect((await task.status()).statusMessage).toBe('fresh'));
    expect(performance.now() - toldAt).toBeGreaterThan(57);
    expect(server.count('tasks/get')).toBe(1);
  });

  it('is not set back by what comes late', async () => {
    await open({}, never);
    const task = await start();
    const old = { lastUpdatedAt: new Date(0).toISOString() };
    await server.tell(task.taskId, { status: 'input_required' });
    await server.tell(task.taskId, { status: 'working', ...old });
    await heard();
    expect((await task.status()).status).toBe('input_required');
    await server.tell(task.taskId, { status: 'completed', ...old });
    await server.tell(task.taskId, { status: 'working' });
    await heard();
    expect((await task.status()).status).toBe('completed');
  });

  it('is believed when it is asked for, whatever the clocks of the server say', async () => {
    await open();
    const task = await start();
    server.move(task.taskId, { status: 'input_required', lastUpdatedAt: new Date(0).toISOString() });
    expect((await task.status()).status).toBe('input_required');
  });

  it('of a task that the server does not know is an error', async () => {
    await open();
    await expect(client.toolTask('strange').status()).rejects.toMatchObject(answeredWith(-32602));
  });
});

describe('waiting for a task', () => {
  it('asks once per poll interval of the server while no notification comes [F60]', async () => {
    await open({}, 60);
    const task = await start();
    const waiting = Promise.all([task.wait(), task.wait({ state: 'completed' })]);
    await eventually(() => expect(server.count('tasks/get')).toBeGreaterThan(3));
    server.end(task.taskId);
    expect((await waiting).map(({ status }) => status)).toEqual(['completed', 'completed']);
    const times = server.asked.filter(({ method }) => method === 'tasks/get').map(({ at }) => at);
    // A timer may fire a millisecond early.
    for (const [index, at] of times.slice(1).entries()) expect(at - times[index]!).toBeGreaterThan(57);
  });

  it('hears at once what the server tells', async () => {
    await open({}, never);
    const task = await start();
    const asking = task.wait({ state: ['input_required', 'cancelled'] });
    const ending = task.wait();
    await eventually(() => expect(server.count('tasks/get')).toBe(1));
    await server.tell(task.taskId, { status: 'input_required' });
    expect((await asking).status).toBe('input_required');
    await server.tell(task.taskId, { status: 'working' });
    await server.tell(task.taskId, { status: 'failed' });
    expect((await ending).status).toBe('failed');
    expect(server.count('tasks/get')).toBe(1);
  });

  it('goes on through questions to the end, or to a wanted state, or past it to the end [F16]', async () => {
    await open();
    const task = await start();
    server.move(task.taskId, { status: 'input_required' });
    expect((await task.wait({ state: 'input_required' })).status).toBe('input_required');
    const ends = [task.wait(), task.wait({ state: 'working' })];
    server.end(task.taskId);
    for (const end of ends) expect((await end).status).toBe('completed');
    expect((await task.wait({ state: 'input_required', timeout: 0 })).status).toBe('completed');
  });

  it('ends with its timeout, also when the server never answers', async () => {
    await open({ 'tasks/get': () => new Promise(() => undefined) });
    const task = await start();
    expect(await rejectionOf(task.wait({ timeout: 30 }))).toEqual({
      code: 'WAIT_TIMED_OUT',
      message: `Task '${task.taskId}' is still working after 30 ms.`,
    });
    expect(await rejectionOf(client.toolTask('unheard').wait({ timeout: 30 }))).toMatchObject({
      message: "Task 'unheard' is still not known to have ended after 30 ms.",
    });
  });

  it('fails when the server does not know the task (any more)', async () => {
    await open();
    const task = await start();
    const waiting = rejection(task.wait());
    server.tasks.clear();
    expect(await waiting).toMatchObject(answeredWith(-32602));
  });

  it('fails at once when the connection is closed, between two polls too', async () => {
    await open({}, never);
    const task = await start();
    const waiting = rejection(task.wait());
    const result = rejection(task.result());
    const following = rejection(eventsOf(task));
    await eventually(() => expect(server.count('tasks/get')).toBe(1));
    await server.sdk.close();
    for (const failed of [waiting, result, following]) {
      expect(await failed).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('has ended') });
    }
    await expect(task.status()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(task.wait()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await expect(client.listTools()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('the result of a task', () => {
  it.each<[string, Result]>([
    ['a result', { content: [{ type: 'text', text: 'done' }] }],
    ['a result with isError', { content: [{ type: 'text', text: 'broken' }], isError: true }],
  ])('is what the server has, asked for once and there after the connection: %s [F17]', async (_what, result) => {
    await open();
    const task = await start();
    const results = [task.result(), task.result(), client.toolTask(task.taskId).result()];
    server.end(task.taskId, result);
    const [first, again, another] = await Promise.all(results);
    expect(first).toEqual(result);
    expect(again).toBe(first);
    expect(another).toEqual(first);
    expect(server.count('tasks/result')).toBe(1);
    await client.close();
    expect(await task.result()).toBe(first);
  });

  it('is the error of the protocol with its code, message and data, there after the connection too', async () => {
    await open();
    const task = await start();
    for (const code of [-32_000, -32_001, -32_602, 7]) {
      const failed = await start();
      server.end(failed.taskId, new McpError(code, 'no such table', { table: 7 }));
      const expected = { ...answeredWith(code, 'no such table'), cause: { code, data: { table: 7 } } };
      expect(await rejection(failed.result())).toMatchObject(expected);
      expect(server.count('tasks/result')).toBe(1);
      server.asked.length = 0;
      expect(await rejection(failed.result())).toMatchObject(expected);
      expect(server.count('tasks/result')).toBe(0);
    }
    server.end(task.taskId, new McpError(7, 'late'));
    await rejection(task.result());
    await client.close();
    expect(await rejection(task.result())).toMatchObject(answeredWith(7));
  });

  it('is not what `await` gives: a handle has no `then`', async () => {
    await open();
    expect('then' in (await start())).toBe(false);
  });
});

describe('a listener for the status', () => {
  it('is called for each change, once, however the client learns of it, until it is taken off', async () => {
    await open({}, never);
    const task = await start();
    const statuses: Task['status'][] = [];
    const stop = task.onStatusChange(({ status }) => void statuses.push(status));
    const tell = async (status: Task['status']): Promise<void> => {
      server.move(task.taskId, { status });
      await server.tell(task.taskId);
      await server.tell(task.taskId);
      await heard();
    };
    await tell('working');
    await tell('input_required');
    await tell('working');
    await client.toolTask(task.taskId).status();
    expect(statuses).toEqual(['input_required', 'working']);
    stop();
    await tell('input_required');
    expect(statuses).toHaveLength(2);
    const late: Task['status'][] = [];
    task.onStatusChange(({ status }) => void late.push(status));
    server.end(task.taskId);
    await server.tell(task.taskId);
    await heard();
    expect(late).toEqual(['completed']);
    task.onStatusChange(({ status }) => void late.push(status));
    await eventually(() => expect(late).toEqual(['completed', 'completed']));
  });

  it('that throws, at once or later, breaks nothing, and onError learns why', async () => {
    await open();
    const task = await start();
    const statuses: Task['status'][] = [];
    task.onStatusChange(() => {
      throw new TypeError('at once');
    });
    task.onStatusChange(async () => {
      await heard();
      throw new TypeError('later');
    });
    task.onStatusChange(({ status }) => void statuses.push(status));
    server.end(task.taskId);
    expect((await task.wait()).status).toBe('completed');
    expect(statuses).toEqual(['completed']);
    await eventually(() => expect(errors.map((error) => (error as Error).message)).toEqual(['at once', 'later']));
  });
});

describe('iterating over a task', () => {
  it('gives status and progress until the end, by notifications and by polls', async () => {
    await open();
    const task = await start();
    const token = progressTokenOf(server.asked[0]);
    const events: unknown[] = [];
    for await (const event of task) {
      events.push(event.type === 'status' ? event.task.status : event);
      if (events.length === 1) await tellProgress(token, task.taskId, 1);
      if (events.length === 2) server.move(task.taskId, { status: 'input_required' });
      if (events.length === 3) {
        await server.tell(task.taskId, { status: 'working' });
        await tellProgress(token, undefined, 2);
      }
      if (events.length === 5) server.end(task.taskId);
    }
    expect(events).toEqual([
      'working',
      { type: 'progress', progress: 1, total: 2, message: 'going' },
      'input_required',
      'working',
      { type: 'progress', progress: 2, total: 2, message: 'going' },
      'completed',
    ]);
    expect(await eventsOf(task)).toMatchObject([
      { type: 'progress', progress: 2 },
      { type: 'status', task: { status: 'completed' } },
    ]);
  });

  it('begins with what was told before, be it before the task was known', async () => {
    await open({
      'tools/call': async (params) => {
        const task = server.make();
        await tellProgress(progressTokenOf({ method: '', params, at: 0 }), task.taskId, 1);
        return { task };
      },
    });
    const task = await start();
    const events = task[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: 'status', task: { status: 'working' } });
    expect((await events.next()).value).toMatchObject({ type: 'progress', progress: 1 });
    await events.return();
    await tellProgress('strange', task.taskId, 2);
    server.end(task.taskId);
    await task.wait();
    expect(await eventsOf(task)).toMatchObject([{ progress: 2 }, { task: { status: 'completed' } }]);
  });

  it('asks for nothing more once it is left', async () => {
    await open();
    const task = await start();
    for await (const event of task) {
      expect(event.type).toBe('status');
      break;
    }
    const askedOf = ({ taskId }: ToolTask): number =>
      server.asked.filter(({ params }) => params?.taskId === taskId).length;
    // A task that is followed meanwhile shows that several poll intervals pass.
    const other = await start();
    const following = other.wait();
    await eventually(() => expect(askedOf(other)).toBeGreaterThan(3));
    // The one poll may have been under way.
    expect(askedOf(task)).toBeLessThanOrEqual(1);
    server.end(other.taskId);
    await following;
  });

  it('fails with what a poll fails with', async () => {
    await open();
    const task = await start();
    server.tasks.clear();
    expect(await rejection(eventsOf(task))).toMatchObject(answeredWith(-32602));
  });

  it('leaves out progress when it is read slowly, never a status', async () => {
    await open({}, never);
    const task = await start();
    const token = progressTokenOf(server.asked[0]);
    const events = task[Symbol.asyncIterator]();
    await events.next();
    for (let progress = 1; progress <= 200; progress++) await tellProgress(token, task.taskId, progress);
    await server.tell(task.taskId, { status: 'input_required' });
    server.end(task.taskId);
    await server.tell(task.taskId);
    await heard();
    const rest: TaskEvent[] = [];
    for await (const event of events) rest.push(event);
    expect(rest).toHaveLength(102);
    expect(rest.slice(-3)).toMatchObject([
      { progress: 200 },
      { task: { status: 'input_required' } },
      { type: 'status' },
    ]);
  });
});

describe('the progress of a task', () => {
  beforeEach(() => open());

  it('comes by the task that a notification names, not by a token that another client used too', async () => {
    const mine: number[] = [];
    const known: number[] = [];
    const task = await client.callTool('any', {}, { task: true, onProgress: ({ progress }) => mine.push(progress) });
    const token = progressTokenOf(server.asked[0]);
    server.make('known');
    client.toolTask('known', { onProgress: ({ progress }) => known.push(progress) });
    await tellProgress(token, 'known', 5);
    await tellProgress('strange', task.taskId, 1);
    await tellProgress(token, undefined, 2);
    await tellProgress('strange', undefined, 3);
    await heard();
    expect({ mine, known }).toEqual({ mine: [1, 2], known: [5] });
  });

  it('has a token of its own for each task, asked for or not, and ends with the task', async () => {
    const progress: number[] = [];
    const task = await client.callTool('any', {}, { task: true, onProgress: (told) => progress.push(told.progress) });
    await start();
    const tokens = server.asked.map(progressTokenOf);
    expect(new Set(tokens).size).toBe(2);
    expect(tokens).toEqual([expect.any(String), expect.any(String)]);
    server.end(task.taskId);
    await task.wait();
    await tellProgress(tokens[0], task.taskId, 9);
    await tellProgress(tokens[0], undefined, 9);
    await heard();
    expect(progress).toEqual([]);
  });

  it('may make its listener throw, which breaks nothing', async () => {
    const task = await client.callTool(
      'any',
      {},
      {
        task: true,
        onProgress: () => {
          throw new TypeError('no bar');
        },
      },
    );
    await tellProgress(progressTokenOf(server.asked[0]), task.taskId, 1);
    await eventually(() => expect(errors).toMatchObject([{ message: 'no bar' }]));
  });
});

it('cancels a task, which then is cancelled for everybody who waits', async () => {
  await open({}, never);
  const task = await start();
  const waiting = task.wait();
  expect((await task.cancel()).status).toBe('cancelled');
  expect((await waiting).status).toBe('cancelled');
  expect((await task.status()).status).toBe('cancelled');
});

it('has what a host may give its model meanwhile', async () => {
  await open({
    'tools/call': () => ({
      task: server.make(),
      _meta: { 'io.modelcontextprotocol/model-immediate-response': 'Started' },
    }),
  });
  expect((await start()).immediateResponse).toBe('Started');
});

it('does not take half a task for an answer', async () => {
  await open({ 'tools/call': () => ({ task: { taskId: 'half' } }) });
  await expect(start()).rejects.toThrow();
});

async function eventsOf(task: ToolTask): Promise<TaskEvent[]> {
  const events: TaskEvent[] = [];
  for await (const event of task) events.push(event);
  return events;
}

const progressTokenOf = (request: ForeignServer['asked'][number] | undefined): unknown =>
  request?.params?._meta?.progressToken;

async function tellProgress(progressToken: unknown, taskId: string | undefined, progress: number): Promise<void> {
  const related = taskId !== undefined && { _meta: { 'io.modelcontextprotocol/related-task': { taskId } } };
  const params = { progressToken, progress, total: 2, message: 'going', ...related };
  await server.sdk.notification({ method: 'notifications/progress', params });
}
