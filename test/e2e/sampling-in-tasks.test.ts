import { afterEach, describe, expect, it } from '@jest/globals';
import { Context, CurrentExecution, defineTool, type ErrandServer } from '../../src/index.js';
import {
  answering,
  connectAsked,
  everything,
  home,
  mute,
  paris,
  refusing,
  says,
  type AskedSetup,
} from '../helpers/asked-client.js';
import { clockedServer } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { call, closeOpened, serverOf, textOf } from '../helpers/in-memory.js';
import { request, startTask, told, untilStatus } from '../helpers/raw-calls.js';

const weather = {
  name: 'weather',
  description: 'The weather of a city',
  inputSchema: { type: 'object' as const, properties: { city: { type: 'string' } } },
};

const simple = defineTool({
  name: 'simple',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => ctx.sample('Capital of France?'),
});

const components = [simple];

const server = (): ErrandServer => serverOf({ components }).server;

afterEach(closeOpened);

describe('an execution that is run again', () => {
  it('asks neither the model nor for roots twice', async () => {
    const failsOnce = defineTool({
      name: 'failsOnce',
      task: 'required',
      retry: { attempts: 2, delay: 0 },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const [first, [root], second] = await Promise.all([
          ctx.sample('One?'),
          ctx.listRoots(),
          ctx.sample(`Two, in attempt ${attempt}?`, { key: 'two' }),
        ]);
        if (attempt === 1) throw new TypeError('the network went away');
        return [attempt, first.text, root?.uri, second.text].join(' ');
      },
    });
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ method, params }) =>
        method === 'roots/list' ? { roots: [home] } : says(JSON.stringify(params).includes('One?') ? 'eins' : 'zwei'),
    };
    const { client, asked } = await connectAsked(serverOf({ components: [failsOnce] }).server, setup);
    expect(textOf(await call(client, 'background', 'failsOnce'))).toBe('2 eins file:///home/ada zwei');
    expect(asked.map(({ method }) => method).sort()).toEqual([
      'roots/list',
      'sampling/createMessage',
      'sampling/createMessage',
    ]);
  });

  it('finds the answers as they came, whatever the run before made of them', async () => {
    const takesApart = defineTool({
      name: 'takesApart',
      task: 'required',
      retry: { attempts: 2, delay: 0 },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const { content } = await ctx.sample('Where?', { tools: [weather] });
        const [cities] = content.map((piece) => (piece.type === 'tool_use' ? (piece.input.cities as string[]) : []));
        const all = cities?.join();
        cities?.splice(0);
        if (attempt === 1) throw new TypeError('the network went away');
        return `${attempt} ${all}`;
      },
    });
    const use = { type: 'tool_use', id: '1', name: 'weather', input: { cities: ['Paris', 'Rome'] } };
    const setup = answering({ role: 'assistant', model: 'm', content: use });
    const { client } = await connectAsked(serverOf({ components: [takesApart] }).server, setup);
    expect(textOf(await call(client, 'background', 'takesApart'))).toBe('2 Paris,Rome');
  });

  it('is not tried again for an answer that is an error or has another shape', async () => {
    let attempts = 0;
    const counted = defineTool({
      name: 'counted',
      task: 'required',
      retry: { attempts: 3, delay: 0 },
      inject: [Context],
      run: async (_input, ctx) => {
        attempts++;
        return (await ctx.sample('Hello')).text;
      },
    });
    for (const setup of [refusing(-1, 'No'), answering({})]) {
      attempts = 0;
      const { client } = await connectAsked(serverOf({ components: [counted] }).server, setup);
      expect(await call(client, 'background', 'counted')).toMatchObject({ isError: true });
      expect(attempts).toBe(1);
    }
  });
});

describe('a question of a task to the model', () => {
  it('is input_required while it is open, and no longer', async () => {
    let answer: (result: unknown) => void = () => undefined;
    const setup: AskedSetup = { capabilities: everything, answer: () => new Promise((resolve) => (answer = resolve)) };
    const peer = await connectAsked(server(), setup);
    const { taskId } = await startTask(peer.client, 'simple');
    await untilStatus(peer.client, taskId, 'input_required');
    await eventually(() => expect(peer.asked).toHaveLength(1));
    answer(paris);
    await untilStatus(peer.client, taskId, 'completed');
    const statuses = told({ ...peer, [Symbol.asyncDispose]: async () => undefined }, 'notifications/tasks/status');
    expect(statuses.map(({ params }) => params.status)).toEqual(['input_required', 'working', 'completed']);
  });

  it('waits for its whole deadline while no client is there, and is shown to the one that comes [F55]', async () => {
    const { server: patient, clock } = clockedServer(components);
    const setup = mute();
    const first = await connectAsked(patient, setup);
    const { taskId } = await startTask(first.client, 'simple');
    await eventually(() => expect(first.asked).toHaveLength(1));
    await first.client.close();
    await clock.advance(59 * 60_000);
    const second = await connectAsked(patient, answering(paris));
    expect(await request(second.client, 'tasks/result', { taskId })).toMatchObject({
      structuredContent: { text: 'Paris' },
    });
  });

  it('ends by its deadline also after the run that asked has failed', async () => {
    const leavesOpen = defineTool({
      name: 'leavesOpen',
      task: 'required',
      retry: { attempts: 2, delay: '2h', backoff: 'fixed' },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const answer = ctx.sample('Still there?', { deadline: '10m' });
        if (attempt === 1) {
          await ctx.listRoots();
          throw new TypeError('too early');
        }
        return (await answer).text;
      },
    });
    const { server: tested, clock } = clockedServer([leavesOpen]);
    const closed: string[] = [];
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ method }, signal) =>
        method === 'roots/list'
          ? { roots: [] }
          : new Promise(() => signal.addEventListener('abort', () => closed.push(method), { once: true })),
    };
    const { client, asked } = await connectAsked(tested, setup);
    const { taskId } = await startTask(client, 'leavesOpen');
    await eventually(() => expect(asked).toHaveLength(2));
    await untilStatus(client, taskId, 'input_required');
    await clock.advance(10 * 60_000);
    await untilStatus(client, taskId, 'working');
    await eventually(() => expect(closed).toEqual(['sampling/createMessage']));
    await clock.advance(2 * 3_600_000);
    expect(await request(client, 'tasks/result', { taskId })).toMatchObject({
      content: [{ text: 'The client did not answer the request to sample within 600000 ms.' }],
    });
    expect(asked).toHaveLength(2);
  });
});
