import { afterEach, describe, expect, it } from '@jest/globals';
import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Client } from '../../src/client/client.js';
import { connect } from '../../src/client/connect.js';
import type { ConnectTarget } from '../../src/client/connection/targets.js';
import type { ClientOptions } from '../../src/client/options.js';
import type { TaskEvent, TaskHandle } from '../../src/client/tasks/task-handle.js';
import { defineTool } from '../../src/components/define.js';
import { createServer } from '../../src/server/create-server.js';
import { ForeignServer } from '../helpers/foreign-server.js';
import { rejection } from '../helpers/raw-calls.js';
import { answeredWith } from '../helpers/thrown.js';

const clients: Client[] = [];

async function open(target: ConnectTarget, options?: ClientOptions): Promise<Client> {
  const client = await connect(target, options);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** The SDK's own server: a tool, a prompt and a resource, and no tasks. */
function stockServer(): McpServer {
  const server = new McpServer({ name: 'stock', version: '1.0.0' }, { capabilities: { logging: {} } });
  server.registerTool('add', { inputSchema: { one: z.number() } }, async ({ one }, extra) => {
    const progressToken = extra._meta?.progressToken;
    if (progressToken !== undefined) {
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: one } });
    }
    const asked = await extra.sendRequest(
      {
        method: 'elicitation/create',
        params: { message: 'Really?', requestedSchema: { type: 'object', properties: {} } },
      },
      ElicitResultSchema,
    );
    return { content: [{ type: 'text', text: `${one + 1}, ${asked.action}` }], isError: one < 0 };
  });
  server.registerPrompt('greet', {}, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }],
  }));
  server.registerResource('note', 'note:///one', {}, ({ href }) => ({ contents: [{ uri: href, text: 'one' }] }));
  return server;
}

async function eventsOf(task: TaskHandle): Promise<TaskEvent[]> {
  const events: TaskEvent[] = [];
  for await (const event of task) events.push(event);
  return events;
}

describe('from a server without tasks', () => {
  it('a handle has the result of the call itself, with its progress and its question', async () => {
    const progress: number[] = [];
    const client = await open(stockServer(), { elicitation: true });
    const task = await client.callTool(
      'add',
      { one: 1 },
      {
        task: true,
        ttl: 5,
        onProgress: (told) => progress.push(told.progress),
        onElicit: () => ({ action: 'decline' }),
      },
    );
    expect(task.returnedImmediately).toBe(true);
    expect(task.taskId).toMatch(/^immediate-[0-9a-f-]{36}$/);
    expect(progress).toEqual([1]);
    const result = await task.result();
    expect(result.content).toEqual([{ type: 'text', text: '2, decline' }]);
    expect(await task.result()).toBe(result);
  });

  it.each([
    [1, 'completed'],
    [-1, 'failed'],
  ])('a handle for %p is %s, for everybody who asks, waits, listens or cancels', async (one, status) => {
    const client = await open(stockServer(), { elicitation: true });
    const task = await client.callTool('add', { one }, { task: true });
    const now = await task.status();
    expect(now).toMatchObject({ taskId: task.taskId, status, ttl: null });
    expect(await task.wait()).toBe(now);
    expect(await task.wait({ state: 'working', timeout: 0 })).toBe(now);
    expect(await task.cancel()).toBe(now);
    expect(await eventsOf(task)).toEqual([{ type: 'status', task: now }]);
    expect(await new Promise((resolve) => task.onStatusChange(resolve))).toBe(now);
    await client.close();
    expect((await task.result()).isError).toBe(status === 'failed');
  });

  it('prompts and resources have handles too', async () => {
    const client = await open(stockServer());
    const prompt = await client.getPrompt('greet', {}, { task: true });
    expect((await prompt.result()).messages).toEqual((await client.getPrompt('greet')).messages);
    const resource = await client.readResource('note:///one', { task: true });
    expect((await resource.result()).contents).toEqual((await client.readResource('note:///one')).contents);
    expect([prompt, resource].map((task) => task.returnedImmediately)).toEqual([true, true]);
  });

  it('an error of the protocol is one of the call, and no handle', async () => {
    const client = await open(stockServer());
    await expect(client.getPrompt('strange', {}, { task: true })).rejects.toMatchObject(answeredWith(-32602));
  });

  it('nothing is asked that only a server of tasks knows', async () => {
    const answer = { content: [{ type: 'text', text: 'now' }] };
    const server = new ForeignServer({ 'tools/call': () => answer }, { tools: {} });
    const client = await open(server);
    const task = await client.callTool('any', { one: 1 }, { task: true, ttl: 5 });
    await task.status();
    await task.wait();
    await task.cancel();
    expect(await task.result()).toEqual(answer);
    const tasks = [];
    for await (const each of client.listTasks()) tasks.push(each);
    expect(tasks).toEqual([]);
    expect(server.asked).toMatchObject([{ method: 'tools/call', params: { name: 'any', arguments: { one: 1 } } }]);
    expect(server.asked[0]?.params).not.toHaveProperty('task');
  });
});

describe('a handle has the result at once', () => {
  it('where tasks are declared for other requests only', async () => {
    const answer = { contents: [] };
    const capabilities = { resources: {}, tasks: { requests: { tools: { call: {} } } } };
    const server = new ForeignServer({ 'resources/read': () => answer }, capabilities);
    const client = await open(server);
    const task = await client.readResource('any:///', { task: true });
    expect(task.returnedImmediately).toBe(true);
    expect(server.asked[0]?.params).not.toHaveProperty('task');
  });

  it('where the server answers without a task, though it declared them', async () => {
    const server = new ForeignServer({ 'tools/call': () => ({ content: [] }) });
    const client = await open(server);
    const task = await client.callTool('any', {}, { task: true });
    expect(await task.result()).toEqual({ content: [] });
    expect(task.returnedImmediately).toBe(true);
    expect(server.asked[0]?.params).toHaveProperty('task', {});
  });

  it.each<[string, ClientOptions, string]>([
    ['its own handler', { elicitation: true }, 'decline'],
    ['the handler of the client where there is one', { onElicit: () => ({ action: 'cancel' }) }, 'cancel'],
  ])('whose question goes to %s', async (_whose, options, action) => {
    const server: ForeignServer = new ForeignServer({
      'tools/call': async () => {
        const requestedSchema = { type: 'object', properties: {} };
        const answer = await server.ask('elicitation/create', { message: 'Really?', requestedSchema });
        return { content: [{ type: 'text', text: answer.action }] };
      },
    });
    const client = await open(server, options);
    const task = await client.callTool('any', {}, { task: true, onElicit: () => ({ action: 'decline' }) });
    expect(await task.result()).toEqual({ content: [{ type: 'text', text: action }] });
    expect(
      await server.ask('elicitation/create', {
        message: 'Really?',
        requestedSchema: { type: 'object', properties: {} },
      }),
    ).toEqual({ action: 'cancel' });
  });

  it('from a server of Errand with no tool that may run as a task', async () => {
    const count = defineTool({ name: 'count', output: z.number(), run: () => 7 });
    const server = createServer({ name: 'plain', version: '1.0.0', components: [count] });
    const client = await connect(server);
    const task = await client.callTool('count', {}, { task: true });
    expect((await task.result()).structuredContent?.result).toBe(7);
    expect(task.returnedImmediately).toBe(true);
    await client.close();
    await server.close();
  });
});

describe("from a server with the SDK's tasks", () => {
  const taskStore = new InMemoryTaskStore();
  afterEach(() => taskStore.cleanup());

  /** Its questions reach only who waits for the result. */
  function taskServer(): McpServer {
    const server = new McpServer(
      { name: 'stock', version: '1.0.0' },
      {
        capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
        taskStore,
        taskMessageQueue: new InMemoryTaskMessageQueue(),
        defaultTaskPollInterval: 20,
      },
    );
    server.experimental.tasks.registerToolTask(
      'ask',
      { inputSchema: {}, execution: { taskSupport: 'required' } },
      {
        createTask: async (_args, extra) => {
          const task = await extra.taskStore.createTask({ ttl: 60_000, pollInterval: 20 });
          const { taskId } = task;
          const ask = async (): Promise<void> => {
            const answer = await extra.sendRequest(
              {
                method: 'elicitation/create',
                params: { message: 'Really?', requestedSchema: { type: 'object', properties: {} } },
              },
              ElicitResultSchema,
              { relatedTask: { taskId } } as never,
            );
            const content = [{ type: 'text', text: answer.action }];
            await extra.taskStore.storeTaskResult(taskId, 'completed', { content });
          };
          void ask();
          return { task };
        },
        getTask: (_args, extra) => extra.taskStore.getTask(extra.taskId),
        getTaskResult: async (_args, extra) => (await extra.taskStore.getTaskResult(extra.taskId)) as never,
      },
    );
    return server;
  }

  it.each<[string, (task: TaskHandle) => Promise<unknown>]>([
    ['waits', (task) => task.wait({ timeout: 10_000 })],
    ['follows', (task) => eventsOf(task)],
    ['wants the result', (task) => task.result()],
  ])(
    'questions come to whoever %s, although they go out to nobody but who asks for the result',
    async (_how, follow) => {
      const client = await open(taskServer(), { elicitation: true });
      const asked: unknown[] = [];
      const task = await client.callTool(
        'ask',
        {},
        {
          task: true,
          onElicit: ({ taskId }) => {
            asked.push(taskId);
            return { action: 'decline' };
          },
        },
      );
      await follow(task);
      expect(asked).toEqual([task.taskId]);
      expect(await task.result()).toMatchObject({ content: [{ text: 'decline' }] });
      expect(await rejection(task.cancel())).toMatchObject(answeredWith(-32602));
    },
  );
});
