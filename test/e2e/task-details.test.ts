import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  CurrentExecution,
  defineTool,
  Logger,
  Progress,
  prompt,
  text,
  toolResult,
  type ErrandServer,
  type ServerOptions,
} from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { Gate } from '../helpers/gate.js';
import { HttpSpy } from '../helpers/http-spy.js';
import { rejection, request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectHttp, connectInMemory, type Peer, type PeerOptions } from '../helpers/transports.js';

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

class Prompts {
  @prompt({ task: 'optional' })
  broken(): string {
    throw new TypeError('the password is 1234');
  }
}

let clock: FakeClock;
let server: ErrandServer;

const all: ServerOptions['components'] = [steps, endless, quick, named, Prompts];

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
  it('when it was made and changed, and how long it is kept, wherever it is shown [T4] [F19] [F65]', async () => {
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

  it('whole numbers only, whatever the options and the client say [T4] [T5] [F29]', async () => {
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

  it('what went wrong in few words, and all of it in its result [S3] [R2]', async () => {
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

  it('enough for its client to see it, even when that wants it kept for no time at all [T7]', async () => {
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

  it('an id that its own run knows, that no other task has and that nobody can guess [T2] [A2]', async () => {
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
  it('is in all that a task sends, and in its result [I1] [P1] [P2] [R2]', async () => {
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

  it('is added to what else a result says of itself, which is the same in the foreground [R2]', async () => {
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

  it('is not where a task is shown: get, list, cancel and status notifications [G1] [N1] [T1]', async () => {
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

  it('and `task` are ignored in requests about tasks: taskId alone says which [G1] [C2]', async () => {
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

  it('is all that a question carries beside itself: no client is asked to make a task of it [C4]', async () => {
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
  it('is refused where a tool forbids it or does not speak of it, and asked for where a tool requires it [C5] [C6]', async () => {
    const silent = defineTool({ name: 'silent', run: () => 'done' });
    const forbids = defineTool({ name: 'forbids', task: 'forbidden', run: () => 'done' });
    await using peer = await connectInMemory(serve({}, [silent, forbids, quick, steps]));
    const { tools } = await peer.client.listTools();
    const support = Object.fromEntries(
      tools.map(({ name, execution }) => [name, execution?.taskSupport ?? 'forbidden']),
    );
    expect(support).toEqual({ silent: 'forbidden', forbids: 'forbidden', quick: 'required', steps: 'optional' });
    for (const name of ['silent', 'forbids']) {
      const message = `MCP error -32601: Tool '${name}' does not run as a task. Ask for it without \`task\`.`;
      expect(await rejection(startTask(peer.client, name))).toMatchObject({ code: -32601, message });
      expect(await request(peer.client, 'tools/call', { name })).toMatchObject({ content: [{ text: 'done' }] });
    }
    expect(await rejection(request(peer.client, 'tools/call', { name: 'quick' }))).toMatchObject({
      code: -32601,
      message: "MCP error -32601: Tool 'quick' runs only as a task. Ask for it with `task`.",
    });
    expect(told(peer, 'notifications/tasks/status')).toEqual([]);
    expect(await request(peer.client, 'tasks/list')).toEqual({ tasks: [] });
  });
});

describe('notifications/cancelled', () => {
  it('of a request whose answer has not come leaves no task behind that nobody knows', async () => {
    await using peer = await connectInMemory(serve());
    const { client } = peer;
    const params = { name: 'endless', task: {} };
    await client.transport!.send({ jsonrpc: '2.0', id: 'given-up', method: 'tools/call', params });
    await client.notification({ method: 'notifications/cancelled', params: { requestId: 'given-up' } });
    await eventually(async () => {
      const { tasks } = await client.experimental.tasks.listTasks();
      expect(tasks).toMatchObject([{ status: 'cancelled' }]);
    });
    expect(peer.received.filter((message) => 'id' in message && message.id === 'given-up')).toEqual([]);
  });

  it('of the request that made a task, or of one about it, does not touch the task [X2] [R4]', async () => {
    await using peer = await connectInMemory(serve());
    const { taskId } = await startTask(peer.client, 'endless');
    const { client, received } = peer;
    const [made] = received as unknown as [{ id: number }];
    const waiting = rejection(request(client, 'tasks/result', { taskId }));
    const cancel = (requestId: unknown): Promise<void> =>
      client.notification({ method: 'notifications/cancelled', params: { requestId: requestId as number } });
    for (const id of [made.id, made.id + 1, taskId]) await cancel(id);
    expect(await client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'working' });
    await client.experimental.tasks.cancelTask(taskId);
    expect(told(peer, 'notifications/tasks/status').map(({ params }) => params.status)).toEqual(['cancelled']);
    await client.close();
    await waiting;
  });
});

describe('tasks/list', () => {
  it('pages through ten thousand tasks, each once, by cursors that say nothing [L1] [E2]', async () => {
    await using peer = await connectInMemory(serve({ limits: { openTasks: 20_000 } }));
    const { tasks } = peer.client.experimental;
    const made: string[] = [];
    for (let count = 0; count < 10_000; count += 100) {
      const batch = await Promise.all(Array.from({ length: 100 }, () => startTask(peer.client, 'quick')));
      made.push(...batch.map(({ taskId }) => taskId));
    }
    const listed: string[] = [];
    const cursors = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await tasks.listTasks(cursor);
      expect(page.tasks.length).toBeGreaterThan(0);
      expect(page.tasks.length).toBeLessThanOrEqual(100);
      listed.push(...page.tasks.map(({ taskId }) => taskId));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
      expect(cursors.has(cursor)).toBe(false);
      cursors.add(cursor);
      expect(listed.some((taskId) => cursor?.includes(taskId))).toBe(false);
    } while (cursors.size < 1_000);
    expect(listed).toEqual(made.reverse());
    for (const changed of [`${[...cursors][0]}x`, `${[...cursors][0]}=`, [...cursors][0]!.slice(1), '', '0', 'null']) {
      expect(await rejection(request(peer.client, 'tasks/list', { cursor: changed }))).toMatchObject({ code: -32602 });
    }
  });

  it('goes on from its cursor while tasks come and go [L1]', async () => {
    await using peer = await connectInMemory(serve());
    const { tasks } = peer.client.experimental;
    const made: string[] = [];
    for (let count = 0; count < 60; count++) {
      made.unshift((await startTask(peer.client, 'quick', {}, { ttl: count === 10 ? minute : 60 * minute })).taskId);
    }
    const first = await tasks.listTasks();
    await clock.advance(minute);
    await startTask(peer.client, 'quick');
    const second = await tasks.listTasks(first.nextCursor);
    const listed = [...first.tasks, ...second.tasks].map(({ taskId }) => taskId);
    expect(listed).toEqual(made.filter((_taskId, index) => index !== 49 || listed.includes(made[49]!)));
    expect(listed.length).toBeGreaterThanOrEqual(59);
    expect(second.nextCursor).toBeUndefined();
  });
});

describe('what fails inside', () => {
  it('is an internal error without its details, in both modes [E4] [S3] [R2]', async () => {
    await using peer = await connectInMemory(serve());
    const foreground = await rejection(request(peer.client, 'prompts/get', { name: 'broken' }));
    const params = { name: 'broken', task: {} };
    const { task } = (await request(peer.client, 'prompts/get', params)) as unknown as { task: Task };
    const background = await rejection(request(peer.client, 'tasks/result', { taskId: task.taskId }));
    for (const error of [foreground, background]) {
      expect(error).toMatchObject({ code: -32603, message: expect.stringContaining('broken failed') });
      expect(error.message).not.toContain('1234');
    }
    const ended = await peer.client.experimental.tasks.getTask(task.taskId);
    expect(ended).toMatchObject({ status: 'failed', statusMessage: expect.stringContaining('broken failed') });
    expect(ended.statusMessage).not.toContain('1234');
  });

  it('is an internal error without its details when it is the docket that fails [E4]', async () => {
    await using peer = await connectInMemory(serve());
    await server['background']!.engine.close();
    const failing: [string, Record<string, unknown>][] = [
      ['tasks/get', { taskId: 'any' }],
      ['tasks/result', { taskId: 'any' }],
      ['tasks/cancel', { taskId: 'any' }],
      ['tasks/list', {}],
      ['tools/call', { name: 'quick', task: {} }],
    ];
    for (const [method, params] of failing) {
      expect(await rejection(request(peer.client, method, params))).toMatchObject({
        code: -32603,
        message: 'MCP error -32603: Internal error',
      });
    }
  });

  it('is said of parameters that are none [E1] [E2]', async () => {
    await using peer = await connectInMemory(serve());
    const malformed: [string, Record<string, unknown>][] = [
      ['tasks/get', {}],
      ['tasks/result', { taskId: 7 }],
      ['tasks/cancel', { taskId: null }],
      ['tasks/get', { taskId: '__proto__' }],
      ['tasks/list', { cursor: 7 }],
    ];
    for (const [method, params] of malformed) {
      expect(await rejection(request(peer.client, method, params))).toMatchObject({ code: -32602 });
    }
  });
});

describe('over HTTP', () => {
  it.each([{}, { stateless: true }])('requests that poll are answered in plain JSON, with %j [I2]', async (options) => {
    const spy = new HttpSpy();
    const { url } = await serve().listen(options);
    await using peer = await connectHttp(url, { fetch: spy.fetch });
    const { taskId } = await startTask(peer.client, 'endless');
    await request(peer.client, 'tasks/get', { taskId });
    expect(await rejection(request(peer.client, 'tasks/get', { taskId: 'nobody' }))).toMatchObject({ code: -32602 });
    await request(peer.client, 'tasks/cancel', { taskId });
    expect(await rejection(request(peer.client, 'tasks/list'))).toMatchObject({ code: -32601 });
    const polls = [...spy.of('tasks/get'), ...spy.of('tasks/cancel'), ...spy.of('tasks/list')];
    expect(polls).toHaveLength(4);
    for (const { type, text } of polls) {
      expect(type).toBe('application/json');
      expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0' });
    }
    expect(spy.of('tools/call')[0]?.type).toBe('text/event-stream');
  });

  it('a client that drops the streams of its requests about a task does not touch it [R4]', async () => {
    const spy = new HttpSpy();
    await using peer = await connectHttp((await serve().listen()).url, { fetch: spy.fetch });
    const { taskId } = await startTask(peer.client, 'endless');
    const dropped = ['tasks/result', 'tasks/result', 'tasks/get'].map((method) =>
      request(peer.client, method, { taskId }).catch(() => undefined),
    );
    await eventually(() => expect(spy.of('tasks/result')).toHaveLength(2));
    for (const exchange of [...spy.of('tasks/result'), ...spy.of('tasks/get')]) exchange.drop();
    const { tasks } = peer.client.experimental;
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'working' });
    const result = rejection(tasks.getTaskResult(taskId, CallToolResultSchema));
    expect(await tasks.cancelTask(taskId)).toMatchObject({ status: 'cancelled' });
    expect(await result).toMatchObject({ code: -32603 });
    await peer.client.close();
    await Promise.all(dropped);
  });

  it('what is told of a task goes to the tasks/result that waits, else to the standalone stream [I2] [N1]', async () => {
    const spy = new HttpSpy();
    await using peer = await connectHttp((await serve().listen()).url, { fetch: spy.fetch });
    const alone = await startTask(peer.client, 'endless');
    await peer.client.experimental.tasks.cancelTask(alone.taskId);
    await eventually(() => expect(spy.of('GET')[0]?.text).toContain(alone.taskId));
    const { taskId } = await startTask(peer.client, 'endless');
    const waiting = rejection(request(peer.client, 'tasks/result', { taskId }));
    await eventually(() => expect(spy.of('tasks/result')).toHaveLength(1));
    await untilStatus(peer.client, taskId, 'working');
    await peer.client.experimental.tasks.cancelTask(taskId);
    await waiting;
    expect(spy.of('tasks/result')[0]?.text).toContain('notifications/tasks/status');
    expect(spy.of('GET')[0]?.text).not.toContain(taskId);
    for (const { text } of [...spy.of('tasks/get'), ...spy.of('tasks/cancel'), ...spy.of('tools/call')]) {
      expect(text).not.toContain('notifications/');
    }
  });
});
