import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpError, type Result, type Task } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Client } from '../../src/client/client.js';
import { connect } from '../../src/client/connect.js';
import type { ClientOptions } from '../../src/client/options.js';
import {
  Context,
  createServer,
  Logger,
  param,
  Progress,
  prompt,
  resource,
  tool,
  type ErrandServer,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { ForeignServer } from '../helpers/foreign-server.js';
import { HttpSpy } from '../helpers/http-spy.js';

class Library {
  @tool({ task: 'required' })
  async lend(ctx: Context, progress: Progress) {
    await progress.setTotal(1);
    await progress.setMessage('at the desk');
    const answer = await ctx.elicit('For how long?', z.string());
    await progress.increment();
    return answer.action === 'accept' ? `lent for ${answer.content}` : answer.action;
  }

  @prompt({ task: 'optional' })
  async review(@param('title', z.string()) title: string, ctx: Context, progress: Progress) {
    await progress.increment();
    const answer = await ctx.elicit('Strict?', z.boolean());
    return `Review ${title}, ${answer.action}`;
  }

  @resource('library://{author}', { task: 'optional' })
  async page(@param('author', z.string()) author: string, ctx: Context, progress: Progress) {
    await progress.increment();
    const answer = await ctx.elicit('Read it?', z.boolean());
    return `${author}, ${answer.action}`;
  }

  @resource('library:index')
  index() {
    return 'ada';
  }
}

const decline = { onElicit: () => ({ action: 'decline' as const }) };

let server: ErrandServer;
const clients: Client[] = [];

async function open(target: Parameters<typeof connect>[0], options?: ClientOptions): Promise<Client> {
  const client = await connect(target, options);
  clients.push(client);
  return client;
}

beforeEach(() => {
  const logger = new Logger(() => undefined);
  server = createServer({ name: 'library', version: '1.0.0', components: [Library], grace: '1s', logger });
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await server.close();
});

const targets: Record<string, () => Promise<ErrandServer | string>> = {
  'in memory': () => Promise.resolve(server),
  http: async () => (await server.listen()).url,
};

describe.each(Object.entries(targets))('%s', (_name, target) => {
  it('prompts and resources run as tasks like tools, with progress and questions', async () => {
    const client = await open(await target(), { elicitation: true });
    const progress: number[] = [];
    const handlers = { ...decline, onProgress: (told: { progress: number }) => progress.push(told.progress) };
    const plain = await client.getPrompt('review', { title: 'Notes' }, decline);
    const prompted = await client.getPrompt('review', { title: 'Notes' }, { task: true, ttl: 60_000, ...handlers });
    expect((await prompted.result()).messages).toEqual(plain.messages);
    expect(await prompted.status()).toMatchObject({ status: 'completed', ttl: 60_000 });
    const read = await client.readResource('library://ada', { task: true, ...handlers });
    expect((await read.result()).contents).toMatchObject([{ uri: 'library://ada', text: 'ada, decline' }]);
    expect((await client.readResource('library://ada', decline)).contents).toEqual((await read.result()).contents);
    expect([prompted, read].map((task) => task.returnedImmediately)).toEqual([false, false]);
    expect(progress).toEqual([1, 1]);
  });

  it('everything that the server has is listed', async () => {
    const client = await open(await target());
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['lend']);
    expect((await client.listPrompts()).map(({ name }) => name)).toEqual(['review']);
    expect((await client.listResources()).map(({ uri }) => uri)).toEqual(['library:index']);
    expect((await client.listResourceTemplates()).map(({ uriTemplate }) => uriTemplate)).toEqual([
      'library://{author}',
    ]);
  });

  it('a task is followed to its end after a reconnect, by another client that answers its question', async () => {
    const to = await target();
    const first = await open(to, { onElicit: () => new Promise(() => undefined) });
    const tasks = [
      await first.callTool('lend', {}, { task: true }),
      await first.getPrompt('review', { title: 'Notes' }, { task: true }),
      await first.readResource('library://ada', { task: true }),
    ] as const;
    for (const task of tasks) await task.wait({ state: 'input_required' });
    await first.close();

    const second = await open(to, { elicitation: true });
    const lent = second.toolTask(tasks[0].taskId, {
      onElicit: () => ({ action: 'accept', content: { value: 'a week' } }),
    });
    expect(await lent.result()).toMatchObject({ content: [{ text: 'lent for a week' }] });
    expect((await lent.wait()).status).toBe('completed');
    const reviewed = second.promptTask(tasks[1].taskId, decline);
    expect((await reviewed.result()).messages).toMatchObject([{ content: { text: 'Review Notes, decline' } }]);
    const read = second.resourceTask(tasks[2].taskId, decline);
    expect((await read.result()).contents).toMatchObject([{ text: 'ada, decline' }]);
  });

  it('the question of a task goes to the client that waits for it, not to the idle one that has it [A9]', async () => {
    const to = await target();
    const idle = await open(to, { onElicit: () => new Promise(() => undefined) });
    const mine = await idle.callTool('lend', {}, { task: true });
    await mine.wait({ state: 'input_required' });
    const other = await open(to, { onElicit: () => ({ action: 'accept', content: { value: 'a week' } }) });
    const theirs = other.toolTask(mine.taskId);
    expect(await theirs.result()).toMatchObject({ content: [{ text: 'lent for a week' }] });
    expect((await mine.wait()).status).toBe('completed');
  });

  it('another client is told no progress of a task, but by its status how far it is', async () => {
    const to = await target();
    const told = { maker: [] as number[], other: [] as number[] };
    const maker = await open(to, { onElicit: () => new Promise(() => undefined) });
    const onProgress = ({ progress }: { progress: number }) => told.maker.push(progress);
    const { taskId } = await maker.callTool('lend', {}, { task: true, onProgress });
    await eventually(() => expect(told.maker).toEqual([0]));

    const other = await open(to);
    const task = other.toolTask(taskId, { onProgress: ({ progress }) => told.other.push(progress) });
    expect(await task.wait({ state: 'input_required' })).toMatchObject({ statusMessage: 'at the desk' });
    await task.cancel();
    expect(told).toEqual({ maker: [0], other: [] });
  });

  it('the tasks are listed, by the server or one by one', async () => {
    const client = await open(await target(), decline);
    const tasks = [];
    for (let made = 0; made < 3; made++) tasks.push(await client.callTool('lend', {}, { task: true }));
    await tasks[0]?.result();
    const listed = await listOf(client);
    expect(listed.map(({ taskId }) => taskId).sort()).toEqual(tasks.map(({ taskId }) => taskId).sort());
    for (const task of listed) expect(task).toMatchObject({ ttl: 3_600_000, pollInterval: expect.any(Number) });
  });
});

it('closing a client over HTTP ends its session', async () => {
  const spy = new HttpSpy();
  const { url } = await server.listen();
  const client = await connect(new StreamableHTTPClientTransport(new URL(url), { fetch: spy.fetch }));
  expect(await client.listTools()).toHaveLength(1);
  await client.close();
  expect(spy.of('DELETE')).toHaveLength(1);
});

it('whoever listens at a transport that is handed over still hears all', async () => {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const heard: unknown[] = [];
  ours.onmessage = (message) => heard.push(message);
  await server.connect(theirs);
  await (await open(ours)).listTools();
  expect(heard).toMatchObject([{ result: { serverInfo: { name: 'library' } } }, { result: { tools: [{}] } }]);
});

it('all pages of a list are read', async () => {
  const page =
    (key: string, items: readonly object[]) =>
    ({ cursor = '0' }): object => ({
      [key]: items.slice(Number(cursor), Number(cursor) + 1),
      ...(Number(cursor) + 1 < items.length && { nextCursor: String(Number(cursor) + 1) }),
    });
  const inputSchema = { type: 'object' };
  const foreign: ForeignServer = new ForeignServer({
    'tools/list': page(
      'tools',
      ['a', 'b', 'c'].map((name) => ({ name, inputSchema })),
    ),
    'prompts/list': page(
      'prompts',
      ['a', 'b'].map((name) => ({ name })),
    ),
    'resources/list': page(
      'resources',
      ['a', 'b'].map((name) => ({ name, uri: name })),
    ),
    'resources/templates/list': page(
      'resourceTemplates',
      ['a', 'b'].map((name) => ({ name, uriTemplate: name })),
    ),
    'tasks/list': (params) => page('tasks', [foreign.make('a'), foreign.make('b')])(params),
  });
  const client = await open(foreign);
  expect(await client.listTools()).toHaveLength(3);
  expect(await client.listPrompts()).toHaveLength(2);
  expect(await client.listResources()).toHaveLength(2);
  expect(await client.listResourceTemplates()).toHaveLength(2);
  expect(await listOf(client)).toHaveLength(2);
});

describe('where the server lists no tasks', () => {
  const capabilities = { tools: {}, tasks: { requests: { tools: { call: {} } } } };

  it('those that it does not know any more are left out, and other errors are not', async () => {
    const foreign = new ForeignServer({}, capabilities);
    const client = await open(foreign);
    const tasks = [];
    for (let made = 0; made < 3; made++) tasks.push(await client.callTool('any', {}, { task: true }));
    foreign.tasks.delete('t2');
    expect((await listOf(client)).map(({ taskId }) => taskId)).toEqual(['t1', 't3']);
    await foreign.sdk.close();
    await expect(listOf(client)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(tasks).toHaveLength(3);
  });

  it('a client keeps nothing of tasks that have ended and that nobody holds', async () => {
    const collect = garbageCollector();
    const foreign = new ForeignServer({}, capabilities);
    const client = await open(foreign, { elicitation: true });
    const held = await client.callTool('any', {}, { task: true });
    for (let made = 0; made < 20; made++) {
      const { taskId } = await client.callTool('any', {}, { task: true, ...decline });
      foreign.end(taskId);
      if (made % 2 === 0) await client.toolTask(taskId).result();
      else await foreign.tell(taskId);
    }
    const running = await client.callTool('any', {}, { task: true }).then(({ taskId }) => taskId);
    await eventually(async () => {
      await collect();
      expect((await listOf(client)).map(({ taskId }) => taskId)).toEqual([held.taskId, running]);
    });
  });
});

describe('the result of a task', () => {
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = async (ms: number): Promise<void> => {
    await jest.advanceTimersByTimeAsync(ms);
    await settle();
  };

  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is waited for as long as the task lives, with one request [A1]', async () => {
    const foreign = new ForeignServer();
    const client = await open(foreign);
    const task = await client.callTool('any', {}, { task: true });
    const result = task.result();
    await pass(3 * 60 * 60_000);
    expect(foreign.count('tasks/result')).toBe(1);
    foreign.end(task.taskId);
    expect(await result).toMatchObject({ content: [{ text: 't1 is done' }] });
  });

  it('is asked for by an idle client only when a question comes no other way [A9]', async () => {
    const foreign = new ForeignServer();
    const client = await open(foreign, { onElicit: () => ({ action: 'decline' }) });
    const task = await client.callTool('any', {}, { task: true });
    await foreign.tell(task.taskId, { status: 'input_required' });
    await pass(4_000);
    expect(foreign.count('tasks/result')).toBe(0);
    await pass(2_000);
    expect(foreign.count('tasks/result')).toBe(1);
  });

  it('is no longer asked for when whoever waited for the task has left, and is when it is wanted', async () => {
    const foreign = new ForeignServer();
    const client = await open(foreign, { onElicit: () => ({ action: 'decline' }) });
    const task = await client.callTool('any', {}, { task: true });
    const left = task.wait({ timeout: 10_000 }).catch(() => 'left');
    await foreign.tell(task.taskId, { status: 'input_required' });
    await settle();
    expect(foreign.count('tasks/result')).toBe(1);
    await pass(10_000);
    expect(await left).toBe('left');
    const result = task.result();
    await settle();
    expect(foreign.count('tasks/result')).toBe(2);
    foreign.end(task.taskId);
    expect(await result).toMatchObject({ content: [{ text: 't1 is done' }] });
  });

  it('is asked for again when the task has ended and nothing came, or its question is shown nowhere here [A1]', async () => {
    const given: ((result: Result) => void)[] = [];
    const foreign = new ForeignServer({ 'tasks/result': () => new Promise<Result>((give) => given.push(give)) });
    const client = await open(foreign);
    const task = await client.callTool('any', {}, { task: true });
    const result = task.result();
    await pass(59_000);
    expect(foreign.count('tasks/get')).toBe(0);
    foreign.move(task.taskId, { status: 'input_required' });
    await pass(2_000);
    expect([foreign.count('tasks/get'), given.length]).toEqual([1, 2]);
    foreign.move(task.taskId, { status: 'completed' });
    await pass(60_000);
    expect([foreign.count('tasks/get'), given.length]).toEqual([2, 2]);
    await pass(3_000);
    expect(given).toHaveLength(3);
    // Any of those that are still open may be answered.
    given[1]!({ content: [{ type: 'text', text: 'late' }] });
    expect(await result).toMatchObject({ content: [{ text: 'late' }] });
    await pass(300_000);
    expect([foreign.count('tasks/get'), given.length]).toEqual([2, 3]);
  });

  it('is not waited for any longer when the task is forgotten, and whoever looks meanwhile may fail [A1]', async () => {
    const foreign = new ForeignServer({
      'tasks/get': () => {
        throw new McpError(-32603, 'busy');
      },
    });
    const client = await open(foreign);
    const task = await client.callTool('any', {}, { task: true });
    const lost: ForeignServer = new ForeignServer({
      'tasks/result': () => (lost.tasks.size === 0 ? { content: [] } : new Promise<Result>(() => undefined)),
    });
    const result = task.result();
    await pass(600_000);
    expect(foreign.count('tasks/get')).toBe(10);
    foreign.end(task.taskId);
    expect(await result).toMatchObject({ content: [{ text: 't1 is done' }] });

    const other = await open(lost);
    const forgotten = await other.callTool('any', {}, { task: true });
    const nothing = forgotten.result();
    await settle();
    lost.tasks.clear();
    await pass(64_000);
    expect(await nothing).toEqual({ content: [] });
  });
});

async function listOf(client: Client): Promise<Task[]> {
  const tasks: Task[] = [];
  for await (const task of client.listTasks()) tasks.push(task);
  return tasks;
}

/** Collects garbage when called, without a flag of the command. */
function garbageCollector(): () => Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  return async () => {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  };
}
