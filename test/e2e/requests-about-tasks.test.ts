import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import { defineTool, Logger, prompt, type ErrandServer, type ServerOptions } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy } from '../helpers/http-spy.js';
import { rejection, request, startTask, told, untilStatus } from '../helpers/raw-calls.js';
import { connectHttp, connectInMemory } from '../helpers/transports.js';

const minute = 60_000;

/** Ends only when it is stopped. */
const endless = defineTool({
  name: 'endless',
  task: 'required',
  inject: [AbortSignal],
  run: (_input, signal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
});

const quick = defineTool({ name: 'quick', task: 'required', run: () => 'done' });

class Prompts {
  @prompt({ task: 'optional' })
  broken(): string {
    throw new TypeError('the password is 1234');
  }
}

let clock: FakeClock;
let server: ErrandServer;

function serve(docket: ServerOptions['docket'] = {}): ErrandServer {
  const components = [endless, quick, Prompts];
  const logger = new Logger(() => undefined);
  server = serverWithClock({ name: 'details', version: '1.0.0', components, logger, docket }, clock);
  return server;
}

beforeEach(() => {
  clock = new FakeClock(Date.UTC(2026, 0, 1));
});

afterEach(() => server.close());

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

  it('of the request that made a task, or of one about it, does not touch the task [MX2] [MR4]', async () => {
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
  it('pages through ten thousand tasks, each once, by cursors that say nothing [ML1] [ME2]', async () => {
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

  it('goes on from its cursor while tasks come and go [ML1]', async () => {
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
  it('is an internal error without its details, in both modes [ME4] [MS3] [MR2]', async () => {
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

  it('is an internal error that says no more than that the tasks are away when it is the docket that fails [ME4]', async () => {
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
        message: 'MCP error -32603: The tasks of this server are not available at the moment. Try again later.',
      });
    }
  });

  it('is said of parameters that are none [ME1] [ME2]', async () => {
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
  it.each([{}, { stateless: true }])(
    'requests that poll are answered in plain JSON, with %j [MI2]',
    async (options) => {
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
    },
  );

  it('a client that drops the streams of its requests about a task does not touch it [MR4]', async () => {
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

  it('what is told of a task goes to the tasks/result that waits, else to the standalone stream [MI2] [MN1]', async () => {
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
