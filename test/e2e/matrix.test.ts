import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openErrandClient } from '../helpers/clients/errand-client.js';
import { openExtTasksClient } from '../helpers/clients/ext-tasks-client.js';
import { serve, type MatrixClient, type Prompt, type Served, type User } from '../helpers/clients/matrix-client.js';
import { openStockClient } from '../helpers/clients/stock-client.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { wires } from '../helpers/transports.js';

const clients = {
  'errand/client': openErrandClient,
  'the stock client': openStockClient,
  'ext-tasks': openExtTasksClient,
};
type ClientName = keyof typeof clients;

const combinations = (Object.keys(clients) as ClientName[]).flatMap((client) =>
  wires.map((wire) => ({ client, wire })),
);

/**
 * What each client says of a task that failed. The protocol lets `tasks/result` give what the call itself would have
 * given; the stock client and ext-tasks never ask for it, and keep less or nothing of it.
 */
const failed: Record<ClientName, { readonly refused: object; readonly protocol: object }> = {
  'errand/client': {
    refused: { result: expect.objectContaining({ isError: true, content: [text('closed on Mondays')] }) },
    protocol: { error: { code: -32042, message: 'MCP error -32042: no such table', data: { table: 7 } } },
  },
  'the stock client': {
    refused: { error: { code: -32603, message: expect.stringMatching(/Task \S+ failed$/), data: undefined } },
    protocol: { error: { code: -32603, message: expect.stringMatching(/Task \S+ failed$/), data: undefined } },
  },
  // The status message is all that it keeps.
  'ext-tasks': {
    refused: { error: { code: undefined, message: 'closed on Mondays', data: undefined } },
    protocol: { error: { code: undefined, message: 'no such table', data: undefined } },
  },
};

/** What each client says of a task that was cancelled: the protocol leaves it open. */
const cancelled: Record<ClientName, object> = {
  'errand/client': { code: -32603, message: 'MCP error -32603: Task was cancelled' },
  'the stock client': { code: -32603, message: expect.stringMatching(/Task \S+ was cancelled$/) },
  'ext-tasks': { name: 'TaskCancelledError' },
};

/**
 * What each client says of a call that the declaration of the tool forbids. Ours leaves it to the server, but calls a
 * tool that is no task in the foreground.
 */
const forbidden: Record<ClientName, { readonly withoutTask: object; readonly withTask?: object }> = {
  'errand/client': { withoutTask: { code: -32601 } },
  // It asks for a task whatever the declaration says.
  'the stock client': { withoutTask: { code: -32600 }, withTask: { code: -32601 } },
  'ext-tasks': {
    withoutTask: { message: expect.stringContaining('requires task execution') },
    withTask: { message: 'Task execution was required but is unavailable' },
  },
};

/**
 * What each client makes of a question of a prompt. ext-tasks finds the user for tools only: it cancels the others, in the
 * foreground and of tasks, without asking anybody.
 */
const toast: Record<ClientName, { readonly prompts: number; readonly text: string }> = {
  'errand/client': { prompts: 1, text: 'Write a toast to Ada, in verse: true' },
  'the stock client': { prompts: 1, text: 'Write a toast to Ada, in verse: true' },
  'ext-tasks': { prompts: 0, text: 'cancel' },
};

const yes = { action: 'accept', content: { smoking: false } } as const;

describe.each(combinations)('$client, $wire', ({ client: name, wire }) => {
  // One server and one connection for all: a process for each test would take a second each.
  let served: Served;
  let client: MatrixClient;
  let user: User;
  let prompts: Prompt[];
  let ovens = 0;

  beforeAll(async () => {
    served = await serve(wire, 'matrix');
    client = await clients[name](served.target, (prompt) => {
      prompts.push(prompt);
      return user(prompt);
    });
  });
  beforeEach(() => {
    prompts = [];
    user = () => ({ action: 'cancel' });
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await served[Symbol.asyncDispose]();
  });

  describe('in the foreground', () => {
    it('calls a tool', async () => {
      expect(await client.callTool('greet', { name: 'Ada' })).toEqual({ content: [text('Good evening, Ada')] });
    });

    it('answers a question', async () => {
      user = () => yes;
      expect(await client.callTool('book', { guests: 2 })).toEqual({ content: [text('booked, smoking: false')] });
      expect(prompts).toEqual([{ message: 'A table for 2?' }]);
    });

    it('gets structured content', async () => {
      const bill = { total: 12.5, items: ['soup', 'bread'] };
      expect(await client.callTool('pay')).toEqual({ structuredContent: bill, content: [text(JSON.stringify(bill))] });
    });

    it('gets the content of a tool that fails', async () => {
      expect(await client.callTool('refuse')).toEqual({ isError: true, content: [text('closed on Mondays')] });
    });

    it('gets a JSON-RPC error', async () => {
      expect(await rejection(client.callTool('protocol'))).toMatchObject({
        code: -32042,
        message: expect.stringContaining('no such table'),
        data: { table: 7 },
      });
    });
  });

  describe('as a task', () => {
    it('gets the result [MR2]', async () => {
      const task = await client.callToolAsTask('greet', { name: 'Ada' });
      expect(await task.result()).toEqual(resultOf(task, { content: [text('Good evening, Ada')] }));
      expect(await task.status()).toBe('completed');
    });

    it('gets structured content', async () => {
      const task = await client.callToolAsTask('pay');
      const structuredContent = { total: 12.5, items: ['soup', 'bread'] };
      expect(await task.result()).toMatchObject({ structuredContent });
    });

    it('sees progress while the task works [MP1]', async () => {
      const oven = `${++ovens}`;
      const task = await client.callToolAsTask('bake', { oven });
      await eventually(() => expect(task.progress).toContain(1));
      expect(await task.status()).toBe('working');
      await client.callTool('openOven', { oven });
      expect(await task.result()).toMatchObject({ content: [text('baked')] });
      await eventually(() => expect(task.progress).toEqual([0, 1, 2]));
    });

    it('answers a question [MS2] [MI1] [F58]', async () => {
      let answer = (): void => undefined;
      user = () => new Promise((resolve) => (answer = () => resolve(yes)));
      const task = await client.callToolAsTask('book', { guests: 4 });
      await eventually(() => expect(prompts).toEqual([{ message: 'A table for 4?', taskId: task.taskId }]));
      expect(await task.status()).toBe('input_required');
      answer();
      expect(await task.result()).toEqual(resultOf(task, { content: [text('booked, smoking: false')] }));
      expect(prompts).toHaveLength(1);
    });

    it('answers two questions at once [MS2] [F54]', async () => {
      const answers = new Map<string, (value: string) => void>();
      user = ({ message }) =>
        new Promise((resolve) => answers.set(message, (value) => resolve({ action: 'accept', content: { value } })));
      const task = await client.callToolAsTask('dine');
      await eventually(() => expect([...answers.keys()].sort()).toEqual(['Drink?', 'Food?']));
      answers.get('Drink?')?.('tea');
      await eventually(async () => expect(await task.status()).toBe('input_required'));
      answers.get('Food?')?.('soup');
      expect(await task.result()).toMatchObject({ content: [text('soup and tea')] });
      expect(prompts).toHaveLength(2);
    });

    it('declines a question', async () => {
      user = () => ({ action: 'decline' });
      const task = await client.callToolAsTask('book', { guests: 2 });
      expect(await task.result()).toMatchObject({ content: [text('not booked: decline')] });
    });

    it('cancels it [MX1] [MR3] [F59]', async () => {
      const task = await client.callToolAsTask('bake', { oven: `${++ovens}` });
      await eventually(() => expect(task.progress).toContain(1));
      await task.cancel();
      expect(await task.status()).toBe('cancelled');
      expect(await rejection(task.result())).toMatchObject(cancelled[name]);
      expect(await rejection(task.storedResult())).toMatchObject({
        code: -32603,
        message: expect.stringContaining('Task was cancelled'),
      });
    });

    it('learns that the tool failed [MS3] [MR2]', async () => {
      const task = await client.callToolAsTask('refuse');
      expect(await endOf(task.result())).toEqual(failed[name].refused);
      expect(await task.status()).toBe('failed');
      const refused = { isError: true, content: [text('closed on Mondays')] };
      expect(await task.storedResult()).toEqual(resultOf(task, refused));
    });

    it('learns of a JSON-RPC error [MS3] [MR2]', async () => {
      const task = await client.callToolAsTask('protocol');
      expect(await endOf(task.result())).toEqual(failed[name].protocol);
      expect(await task.status()).toBe('failed');
      expect(await rejection(task.storedResult())).toMatchObject({
        code: -32042,
        message: expect.stringContaining('no such table'),
        data: { table: 7 },
      });
    });

    it('waits again after it gave up waiting [MR4] [MX2]', async () => {
      let answer = (): void => undefined;
      const decided = new Promise<typeof yes>((resolve) => (answer = () => resolve(yes)));
      user = () => decided;
      const task = await client.callToolAsTask('book', { guests: 2 });
      await eventually(() => expect(prompts).toHaveLength(1));
      await rejection(task.giveUpAfter(100));
      expect(await task.status()).toBe('input_required');
      answer();
      expect(await task.result()).toMatchObject({ content: [text('booked, smoking: false')] });
    });
  });

  describe('prompts and resources', () => {
    it('gets a prompt that asks, in the foreground', async () => {
      user = () => ({ action: 'accept', content: { value: true } });
      const messages = [{ role: 'user', content: text(toast[name].text) }];
      expect(await client.getPrompt('toast', { name: 'Ada' })).toEqual({ messages });
      expect(prompts).toHaveLength(toast[name].prompts);
    });

    it('gets a prompt that asks, as a task [MC1]', async () => {
      user = () => ({ action: 'accept', content: { value: true } });
      const task = await client.getPromptAsTask('toast', { name: 'Ada' });
      const messages = [{ role: 'user', content: text(toast[name].text) }];
      expect(await task.result()).toEqual(resultOf(task, { messages }));
      expect(prompts).toHaveLength(toast[name].prompts);
    });

    it('reads a resource, in the foreground and as a task [MC1]', async () => {
      const uri = 'menu://monday';
      const contents = [{ uri, mimeType: 'text/plain', text: 'Soup on monday' }];
      expect(await client.readResource(uri)).toEqual({ contents });
      const task = await client.readResourceAsTask(uri);
      expect(await task.result()).toEqual(resultOf(task, { contents }));
      expect(await task.status()).toBe('completed');
    });
  });

  describe('is refused', () => {
    it('a call without task where the tool requires one [MC6]', async () => {
      expect(await rejection(client.callTool('cater'))).toMatchObject(forbidden[name].withoutTask);
      expect(await rejection(client.callToolAnyway('cater', { task: false }))).toMatchObject({ code: -32601 });
    });

    it('a task where the tool forbids it [MC6]', async () => {
      const { withTask } = forbidden[name];
      if (withTask === undefined) {
        const task = await client.callToolAsTask('now');
        expect(await task.result()).toEqual(await client.callTool('now'));
        return;
      }
      expect(await rejection(client.callToolAsTask('now'))).toMatchObject(withTask);
      expect(await rejection(client.callToolAnyway('now', { task: true }))).toMatchObject({ code: -32601 });
    });
  });
});

function text(text: string): { type: 'text'; text: string } {
  return { type: 'text', text };
}

/** What the call itself would have been answered, with the task that it belongs to. */
function resultOf({ taskId }: { taskId: string }, result: object): object {
  return { ...result, _meta: { 'io.modelcontextprotocol/related-task': { taskId } } };
}

/** How a promise ends, as data. */
async function endOf(promise: Promise<unknown>): Promise<object> {
  try {
    return { result: await promise };
  } catch (error) {
    const { code, message, data } = error as Error & { code?: unknown; data?: unknown };
    return { error: { code, message, data } };
  }
}
