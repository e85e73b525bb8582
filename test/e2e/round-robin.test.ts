import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ErrandServer } from '../../src/index.js';
import { openErrandClient } from '../helpers/clients/errand-client.js';
import { openExtTasksClient } from '../helpers/clients/ext-tasks-client.js';
import type { MatrixClient, Prompt } from '../helpers/clients/matrix-client.js';
import { openStockClient } from '../helpers/clients/stock-client.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { RoundRobin } from '../helpers/round-robin.js';
import { fixtureServer } from '../helpers/transports.js';

const clients = {
  'errand/client': openErrandClient,
  'the stock client': openStockClient,
  'ext-tasks': openExtTasksClient,
};
const yes = { action: 'accept', content: { smoking: false } } as const;
const booked = { content: [{ type: 'text', text: 'booked, smoking: false' }] };
const [a, b] = [0, 1];

// Two listeners that share nothing but the docket of their server.
let server: ErrandServer;
let listeners: string[];
let proxy: RoundRobin;
let client: MatrixClient;
let prompts: Prompt[];

beforeAll(async () => {
  server = await fixtureServer('matrix');
  const listening = [await server.listen({ stateless: true }), await server.listen({ stateless: true })];
  listeners = listening.map(({ url }) => url);
});
afterAll(() => server.close());

async function open(name: keyof typeof clients): Promise<void> {
  proxy = await RoundRobin.of(listeners);
  prompts = [];
  client = await clients[name](proxy.url, (prompt) => {
    prompts.push(prompt);
    return yes;
  });
}
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

describe.each(['errand/client', 'the stock client'] as const)('%s, through a proxy before two listeners', (name) => {
  beforeEach(() => open(name));

  it('works as with one [MR1] [MS2]', async () => {
    for (let round = 0; round < 3; round++) {
      expect(await client.callTool('greet', { name: 'Ada' })).toMatchObject({
        content: [{ text: 'Good evening, Ada' }],
      });
      const task = await client.callToolAsTask('book', { guests: 2 });
      expect(await task.result()).toMatchObject(booked);
      expect(await task.status()).toBe('completed');
    }
    expect(prompts).toHaveLength(3);
    expect(proxy.whoGot('tools/call')).toEqual([a, b]);
  });

  it.each([a, b])(
    'gets from the other listener what it submitted to one, and the result from either (%i)',
    async (to) => {
      proxy.pin('tools/call', a).pin('tasks/get', b).pin('tasks/result', to);
      const oven = `${name} ${to}`;
      const task = await client.callToolAsTask('bake', { oven });
      expect(await task.status()).toBe('working');
      await client.callTool('openOven', { oven });
      expect(await task.result()).toMatchObject({ content: [{ text: 'baked' }] });
      expect(proxy.whoGot('tasks/result')).toEqual([to]);
    },
  );

  it('is asked by one listener and answers to the other [MI1] [MI2]', async () => {
    proxy.pin('tools/call', b).pin('tasks/result', a).pin('response', b);
    const task = await client.callToolAsTask('book', { guests: 2 });
    expect(await task.result()).toMatchObject(booked);
    expect(prompts).toEqual([{ message: 'A table for 2?', taskId: task.taskId }]);
    expect(proxy.whoGot('response')).toEqual([b]);
  });

  it('cancels on the other listener what it waits for on one [MX1] [MR3]', async () => {
    proxy.pin('tools/call', a).pin('tasks/result', a).pin('tasks/cancel', b);
    const task = await client.callToolAsTask('bake', { oven: `${name}, never` });
    const waiting = rejection(task.storedResult());
    await eventually(() => expect(proxy.whoGot('tasks/result')).toEqual([a]));
    await task.cancel();
    expect(await task.status()).toBe('cancelled');
    expect(await waiting).toMatchObject({ code: -32603, message: expect.stringContaining('Task was cancelled') });
  });
});

describe('ext-tasks, through a proxy before two listeners', () => {
  beforeEach(() => open('ext-tasks'));

  it('follows a task to its result', async () => {
    const task = await client.callToolAsTask('greet', { name: 'Ada' });
    expect(await task.result()).toMatchObject({ content: [{ text: 'Good evening, Ada' }] });
  });

  it('is asked nothing, because it asks for no result before the end and there is no other stream', async () => {
    const task = await client.callToolAsTask('book', { guests: 2 });
    await eventually(async () => expect(await task.status()).toBe('input_required'));
    await rejection(task.giveUpAfter(600));
    expect(prompts).toEqual([]);
    expect(await task.status()).toBe('input_required');
  });

  it('is asked on the tasks/result that its host sends by hand', async () => {
    const task = await client.callToolAsTask('book', { guests: 2 });
    expect(await task.storedResult()).toMatchObject(booked);
    expect(prompts).toEqual([{ message: 'A table for 2?', taskId: task.taskId }]);
    expect(await task.result()).toMatchObject(booked);
  });
});
