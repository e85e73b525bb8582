import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentDocket,
  CurrentExecution,
  CurrentWorker,
  defineJob,
  defineTool,
  Logger,
  Progress,
  type ErrandServer,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { rejection, startTask, told, untilStatus } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { connectHttp, connectInMemory } from '../helpers/transports.js';

let docket: TestDocket;
let servers: ErrandServer[];
beforeEach(() => {
  docket = new TestDocket();
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await docket.dispose();
});

const sum = defineJob({
  name: 'sum',
  input: z.object({ numbers: z.array(z.number()) }),
  run: ({ numbers }) => numbers.reduce((total, each) => total + each, 0),
});

const publish = defineTool({
  name: 'publish',
  task: 'required',
  inject: [Context, Progress, CurrentWorker],
  run: async (_input, ctx, progress, worker) => {
    await progress.setTotal(2);
    await progress.increment();
    const answer = await ctx.elicit('Publish it?', z.boolean());
    await progress.increment();
    return `${answer.action} by ${worker.name}`;
  },
});

const stays = defineTool({
  name: 'stays',
  task: 'required',
  inject: [AbortSignal],
  run: (_input, signal) =>
    new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
});

const adds = defineTool({
  name: 'adds',
  inject: [CurrentDocket],
  run: async (_input, current) => (await current.add(sum, { numbers: [1, 2, 3] })).result(),
});

/** A server process without a worker of its own, or one with. */
function process(worker: boolean): ErrandServer {
  const server = createServer({
    name: 'reports',
    version: '1.0.0',
    logger: new Logger(() => undefined),
    components: [publish, stays, adds, sum],
    docket: { url: docket.url, name: docket.name, worker },
  });
  servers.push(server);
  return server;
}

describe('two processes on one docket in Redis', () => {
  it('one holds the client, the other makes the calls: questions, progress and results find their way', async () => {
    const [holding, working] = [process(false), process(false)];
    const running = await working.startWorker({ name: 'the other' });
    await using peer = await connectInMemory(holding, {
      answer: () => ({ action: 'accept', content: { value: true } }),
    });
    const { taskId } = await startTask(peer.client, 'publish');
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'accept by the other' }]);
    expect(told(peer, 'elicitation/create')).toHaveLength(1);
    await running.stop();
  });

  it('a task outlives the process that held its client: another one answers for it', async () => {
    const [first, second] = [process(false), process(true)];
    await using peer = await connectHttp((await first.listen()).url);
    const { taskId } = await startTask(peer.client, 'stays');
    await untilStatus(peer.client, taskId, 'working');
    await first.close();
    await using other = await connectHttp((await second.listen()).url);
    await untilStatus(other.client, taskId, 'working');
    expect(await other.client.experimental.tasks.cancelTask(taskId)).toMatchObject({ status: 'cancelled' });
  });

  it('work of the program is done by whoever works, and its result comes back', async () => {
    const [adding] = [process(false), process(true)];
    await servers[1]!.startWorker();
    await using peer = await connectInMemory(adding);
    const result = await peer.client.callTool({ name: 'adds', arguments: {} });
    expect(result.structuredContent ?? result.content).toEqual({ result: 6 });
  });

  it('leaves what old workers do not know to a new one that has room, soon', async () => {
    const fresh = defineJob({ name: 'fresh', run: () => 'made' });
    const options = { name: 'reports', version: '1.0.0', logger: new Logger(() => undefined) };
    const at = { url: docket.url, name: docket.name };
    const current = createServer({ ...options, components: [fresh], docket: { ...at, concurrency: 20 } });
    servers.push(current);
    await current.startWorker();
    for (const old of [process(false), process(false)]) await old.startWorker();
    const made = await Promise.all(Array.from({ length: 10 }, () => current.docket.add(fresh)));
    // Each was put back about twice. When nobody is known to have room, that takes five seconds each time.
    for (const execution of made) expect(await execution.result({ timeout: 8_000 })).toBe('made');
  });

  it('a worker makes an isolated call beside no other, and one that has nothing to do takes it first [A3]', async () => {
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const inject = [CurrentExecution, CurrentWorker] as const;
    const run = (_input: unknown, { key }: CurrentExecution, { name }: CurrentWorker): Promise<void> => {
      begun.push(`${key} by ${name}`);
      return new Promise((resolve) => ends.set(key, resolve));
    };
    const held = defineJob({ name: 'held', inject, run });
    const suspect = defineJob({ name: 'suspect', inject, run });
    const make = (): ErrandServer => {
      const server = createServer({
        name: 'reports',
        version: '1.0.0',
        logger: new Logger(() => undefined),
        components: [held, suspect],
        docket: { url: docket.url, name: docket.name, worker: false, concurrency: 10 },
      });
      servers.push(server);
      return server;
    };
    const [first, second] = [make(), make()];
    await first.docket.add(held, undefined, { key: 'long' });
    const busy = await first.startWorker({ name: 'busy' });
    await eventually(() => expect(begun).toEqual(['long by busy']));
    await docket.redis.set(`${docket.prefix}:isolated:suspect`, '1', 'PX', 60_000);
    await first.docket.add(suspect, undefined, { key: 'a' });
    await first.docket.add(held, undefined, { key: 'queued' });
    // Nobody has nothing to do: the worker takes nothing more until the long call has ended.
    await eventually(async () => expect(await docket.redis.hget(`${docket.prefix}:execution:a`, 'isolated')).toBe('1'));
    expect(begun).toHaveLength(1);
    ends.get('long')?.();
    await eventually(() => expect(begun).toEqual(['long by busy', 'a by busy']));
    ends.get('a')?.();
    await eventually(() => expect(begun).toHaveLength(3));
    const idle = await second.startWorker({ name: 'idle' });
    await docket.redis.set(`${docket.prefix}:isolated:suspect`, '1', 'PX', 60_000);
    await eventually(async () => expect(await first.docket.workers()).toHaveLength(2));
    await first.docket.add(suspect, undefined, { key: 'b' });
    await eventually(() => expect(begun.at(-1)).toBe('b by idle'));
    for (const end of ends.values()) end();
    await eventually(async () => expect((await first.docket.stats()).states).toMatchObject({ completed: 4 }));
    await Promise.all([busy.stop(), idle.stop()]);
  });

  it('a worker that stops hands its calls to the others', async () => {
    const [holding, leaving, staying] = [process(false), process(true), process(false)];
    await leaving.startWorker();
    await using peer = await connectInMemory(holding);
    const { taskId } = await startTask(peer.client, 'stays');
    const engine = docket.engine();
    await engine.start();
    await eventually(async () => expect(await engine.get(taskId)).toMatchObject({ state: 'running' }));
    await staying.startWorker();
    await leaving.close();
    await eventually(async () =>
      expect(await engine.get(taskId)).toMatchObject({ state: 'running', redelivered: true, attempt: 1 }),
    );
    await peer.client.experimental.tasks.cancelTask(taskId);
  });
});

describe('a server whose Redis is not there', () => {
  it('does not start, and does not fall back to memory', async () => {
    const server = createServer({
      name: 'reports',
      version: '1.0.0',
      logger: new Logger(() => undefined),
      components: [sum],
      docket: { url: 'redis://anna:secret@127.0.0.1:1' },
    });
    servers.push(server);
    const error = await rejection(server.startWorker());
    expect(error).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    expect(error.message).not.toContain('secret');
  });

  it('is refused where its URL names no engine', async () => {
    const server = createServer({
      name: 'x',
      version: '1',
      components: [sum],
      docket: { url: 'mongodb://x:secret@y' },
    });
    servers.push(server);
    const error = await rejection(server.startWorker());
    expect(error).toMatchObject({ code: 'DOCKET_URL' });
    expect(error.message).not.toContain('secret');
  });
});
