import { afterEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, createServer, CurrentExecution, defineTool, ErrandError, Logger } from '../../../src/index.js';
import { serverWithClock } from '../../helpers/clocked-server.js';
import { eventually } from '../../helpers/eventually.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { call, closedAfterwards, closeOpened, connect, modes, serverOf, textOf } from '../../helpers/in-memory.js';
import { startTask, told, untilStatus, untilTold } from '../../helpers/raw-calls.js';
import { connectHttp, connectInMemory, type Peer } from '../../helpers/transports.js';

afterEach(closeOpened);

const identity = { name: 'questions', version: '1.0.0', logger: new Logger(() => undefined) } as const;
const asked = 'elicitation/create';
const accept = (value: string): ElicitResult => ({ action: 'accept', content: { value } });
const minutes = 60_000;

const favourite = defineTool({
  name: 'favourite',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Which?', z.string());
    return answer.action === 'accept' ? answer.content : answer.action;
  },
});

const resultOf = async ({ client }: Peer, taskId: string): Promise<string | undefined> =>
  textOf(await client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema));

describe('a question of a task', () => {
  it('that nobody was there to see is shown to who comes for the task much later [F55]', async () => {
    const clock = new FakeClock();
    const server = closedAfterwards(serverWithClock({ ...identity, components: [favourite] }, clock));
    let taskId: string;
    {
      await using gone = await connectInMemory(server, { answer: () => new Promise(() => undefined) });
      ({ taskId } = await startTask(gone.client, 'favourite'));
      await untilStatus(gone.client, taskId, 'input_required');
    }
    await clock.advance(50 * minutes);
    await using back = await connectInMemory(server, { answer: () => accept('blue') });
    expect(await resultOf(back, taskId)).toBe('blue');
    expect(told(back, asked)).toHaveLength(1);
  });

  it('that nobody comes back for is given up at its deadline, and the task ends [F55] [F57]', async () => {
    const clock = new FakeClock();
    const server = closedAfterwards(serverWithClock({ ...identity, components: [favourite] }, clock));
    await using peer = await connectInMemory(server, { answer: () => new Promise(() => undefined) });
    const { taskId } = await startTask(peer.client, 'favourite');
    await untilStatus(peer.client, taskId, 'input_required');
    await clock.advance(60 * minutes);
    expect(await resultOf(peer, taskId)).toBe('cancel');
  });

  it('reaches a client over HTTP that opens no stream of its own [F57]', async () => {
    const server = closedAfterwards(createServer({ ...identity, components: [favourite] }));
    const { url } = await server.listen();
    const withoutStream: typeof fetch = (input, init) =>
      init?.method === 'GET' ? Promise.resolve(new Response(null, { status: 405 })) : fetch(input, init);
    await using peer = await connectHttp(url, { fetch: withoutStream, answer: () => accept('green') });
    const { taskId } = await startTask(peer.client, 'favourite');
    expect(await resultOf(peer, taskId)).toBe('green');
  });

  it('that was answered is not asked again when its worker stops, and the run after it knows what it is [F63]', async () => {
    const runs: boolean[] = [];
    const twoSteps = defineTool({
      name: 'twoSteps',
      task: 'required',
      inject: [Context, CurrentExecution, AbortSignal],
      run: async (_input, ctx, { redelivered }, signal) => {
        const answer = await ctx.elicit('Which?', z.string());
        runs.push(redelivered);
        if (!redelivered) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return answer.action === 'accept' ? answer.content : answer.action;
      },
    });
    const server = closedAfterwards(createServer({ ...identity, components: [twoSteps], docket: { worker: false } }));
    await using peer = await connectInMemory(server, { answer: () => accept('red') });
    const { taskId } = await startTask(peer.client, 'twoSteps');
    const first = await server.startWorker({ name: 'first' });
    await eventually(() => expect(runs).toEqual([false]));
    await first.stop();
    await server.startWorker({ name: 'second' });
    expect(await resultOf(peer, taskId)).toBe('red');
    expect(runs).toEqual([false, true]);
    expect(await untilTold(peer, asked, 1)).toHaveLength(1);
  });
});

describe.each(modes)('a question without fields in the %s', (mode) => {
  it('is refused before anybody is asked, rather than shown as a form that cannot be sent [F31]', async () => {
    const empty = defineTool({
      name: 'empty',
      task: 'optional',
      inject: [Context],
      run: async (_input, ctx) => {
        const refused: unknown = await ctx.elicit('Ready?', z.object({})).catch((error: unknown) => error);
        return ErrandError.is(refused, 'ELICITATION_SCHEMA') ? 'refused' : 'asked';
      },
    });
    let shown = 0;
    const answer = (): ElicitResult => {
      shown++;
      return { action: 'accept', content: {} };
    };
    const client = await connect(serverOf({ components: [empty] }).server, { answer });
    expect(textOf(await call(client, mode, 'empty'))).toBe('refused');
    expect(shown).toBe(0);
  });
});
