import { describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentDocket,
  CurrentExecution,
  CurrentWorker,
  defineJob,
  defineTool,
  ErrandError,
  Logger,
} from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { request, startTask } from '../helpers/raw-calls.js';
import { connectInMemory, type Answering } from '../helpers/transports.js';

const identity = { name: 'worker', version: '1.0.0', logger: new Logger(() => undefined) } as const;

const waits = defineTool({
  name: 'waits',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Well?', z.boolean())).action,
});

const runs = defineTool({ name: 'runs', task: 'required', run: () => 'ran' });

describe('a worker with one slot', () => {
  it('runs the next call at once while a hundred wait for their users [F36] [F53]', async () => {
    const answers: ((result: ElicitResult) => void)[] = [];
    const answer: Answering = () => new Promise((resolve) => answers.push(resolve));
    const server = createServer({ ...identity, components: [waits, runs], docket: { concurrency: 1 } });
    await using peer = await connectInMemory(server, { answer });
    const { tasks } = peer.client.experimental;
    const waiting = await Promise.all(Array.from({ length: 100 }, () => startTask(peer.client, 'waits')));
    await eventually(() => expect(answers).toHaveLength(100));

    const { taskId } = await startTask(peer.client, 'runs');
    const result = await tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'ran' }]);

    for (const each of answers) each({ action: 'decline' });
    const results = await Promise.all(waiting.map((task) => tasks.getTaskResult(task.taskId, CallToolResultSchema)));
    expect(new Set(results.map(({ content }) => JSON.stringify(content)))).toEqual(
      new Set(['[{"type":"text","text":"decline"}]']),
    );
    await server.close();
  });

  it('never makes two calls at once', async () => {
    let running = 0;
    let most = 0;
    const busy = defineTool({
      name: 'busy',
      task: 'required',
      inject: [Context],
      run: async (_input, ctx) => {
        const work = async (): Promise<void> => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setTimeout(resolve, 1));
          running--;
        };
        await work();
        await ctx.elicit('Go on?', z.boolean());
        await work();
      },
    });
    const server = createServer({ ...identity, components: [busy], docket: { concurrency: 1 } });
    await using peer = await connectInMemory(server, { answer: () => ({ action: 'decline' }) });
    const started = await Promise.all(Array.from({ length: 30 }, () => startTask(peer.client, 'busy')));
    await Promise.all(
      started.map(({ taskId }) => peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema)),
    );
    expect(most).toBe(1);
    await server.close();
  });
});

describe('a server without background components', () => {
  it('starts no worker, no docket and no timer [F34]', async () => {
    let failure: unknown;
    const adds = defineTool({
      name: 'adds',
      inject: [CurrentDocket],
      run: async (_input, docket) => {
        failure = await docket.add(job).catch((error: unknown) => error);
        return 'added';
      },
    });
    const job = defineJob({ name: 'job', run: () => undefined });
    const clock = new FakeClock();
    const server = serverWithClock({ ...identity, components: [adds] }, clock);
    await using peer = await connectInMemory(server);
    expect(clock.armed).toBe(0);
    await request(peer.client, 'tools/call', { name: 'adds' });
    expect(ErrandError.is(failure, 'COMPONENT_UNKNOWN')).toBe(true);
    failure = await server.docket.get('key').catch((error: unknown) => error);
    expect(ErrandError.is(failure, 'DOCKET_UNAVAILABLE')).toBe(true);
    expect((failure as Error).message).toBe(
      "The server 'worker' has no component that runs in the background, so it has no docket. Add a job, or set `task` on a tool.",
    );
    expect(ErrandError.is(await server.startWorker().catch((error: unknown) => error), 'DOCKET_UNAVAILABLE')).toBe(
      true,
    );
    expect(clock.armed).toBe(0);
    await server.close();
  });
});

describe('a worker that is started by hand', () => {
  const gates: { open: () => void; worker: string; redelivered: boolean }[] = [];
  const gated = defineTool({
    name: 'gated',
    task: 'required',
    inject: [CurrentWorker, CurrentExecution, AbortSignal],
    run: async (_input, worker, { redelivered, attempt }, signal) => {
      await new Promise<void>((resolve) => {
        gates.push({ open: resolve, worker: worker.name, redelivered });
        signal.addEventListener('abort', () => resolve());
      });
      return `made by ${worker.name} in attempt ${attempt}`;
    },
  });

  it('makes what the embedded one does not, and hands it to the next when it is stopped', async () => {
    const said: string[] = [];
    const logger = new Logger((level, message) => level === 'warning' && said.push(message));
    const server = createServer({ ...identity, components: [gated], docket: { worker: false }, logger });
    await using peer = await connectInMemory(server);
    expect(said).toEqual([
      expect.stringMatching(/^The docket is in memory and docket\.worker is false: tasks wait until/),
    ]);
    const { taskId } = await startTask(peer.client, 'gated');
    await request(peer.client, 'ping');
    expect(gates).toEqual([]);

    const first = await server.startWorker({ name: 'first' });
    await eventually(() => expect(gates).toMatchObject([{ worker: 'first', redelivered: false }]));
    await first.stop();
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'working' });

    await server.startWorker({ name: 'second' });
    await eventually(() => expect(gates[1]).toMatchObject({ worker: 'second', redelivered: true }));
    gates[1]?.open();
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'made by second in attempt 1' }]);
    await server.close();
  });
});
