import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { follow } from '../../src/docket/follow.js';
import { waitForEnd } from '../../src/docket/wait.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, aSchedule, TestWorker } from '../engine/contract/stage.js';

let server: RedisServer;
let docket: TestDocket;
let warnings: string[];
beforeEach(async () => {
  server = await startRedis();
  docket = new TestDocket(server.url);
  warnings = [];
});
afterEach(async () => {
  await docket.dispose();
  await server.stop('SIGKILL');
});

async function started(): Promise<RedisEngine> {
  const engine = docket.engine({ onWarning: (warning) => warnings.push(warning) });
  await engine.start();
  return engine;
}

const lazy = (id: string, every = 3_600_000): ReturnType<typeof aSchedule> => aSchedule(id, { when: { every } });

/** Their ids and intervals, in the order of the alphabet. */
async function schedulesOf(engine: RedisEngine): Promise<string[]> {
  return (await engine.schedules()).map(({ id, when }) => `${id} ${'every' in when && when.every}`).sort();
}

describe('a Redis that has lost its data', () => {
  it('[A5] gets back the schedules that live processes have declared, and no others, which are named', async () => {
    const [one, other, operator, former] = [await started(), await started(), await started(), await started()];
    for (const engine of [one, other]) {
      await engine.schedule(lazy('shared'));
      await engine.schedule(lazy('removed'));
      await engine.schedule(lazy('removed later'));
    }
    await one.schedule(lazy('outdated'));
    await other.schedule(lazy('outdated', 7_200_000));
    await one.schedule(lazy('replaced'));
    await former.schedule(lazy('replaced', 7_200_000));
    await former.schedule(lazy('orphaned'));
    await former.close();
    await operator.add({ ...anExecution('waiting'), runAt: Date.now() + 3_600_000 });
    // Whoever adds something for soon looks at the docket then, and at how things are.
    for (const engine of [one, other, operator]) {
      await engine.add({ ...anExecution('soon'), runAt: Date.now() + 20 });
      await eventually(async () => expect(await engine.get('soon')).toMatchObject({ state: 'queued' }));
      await engine.cancel('soon');
    }
    expect(await operator.unschedule('removed')).toBe(true);

    await docket.redis.flushall();
    const from = Date.now();
    await eventually(async () => expect(await schedulesOf(operator)).toContain('removed later 3600000'));
    expect(await operator.unschedule('removed later')).toBe(true);
    await eventually(() => expect(warnings).toHaveLength(3));
    expect(Date.now() - from).toBeLessThan(2_500);
    expect(await schedulesOf(operator)).toEqual(['outdated 7200000', 'shared 3600000']);
    for (const { next } of await operator.schedules()) expect(next).toBeGreaterThanOrEqual(from + 3_600_000);
    for (const warning of warnings) {
      expect(warning).toMatch(/has lost .*cannot restore .*'orphaned'/);
      expect(warning).toMatch(/'replaced'/);
      expect(warning).not.toMatch(/cannot restore [^:]*'removed/);
      expect(warning).toMatch(/About \d executions? .*EXECUTION_UNKNOWN/);
    }
    await one.unschedule('shared');
    await one.unschedule('outdated');
  });

  it('[A5] because it was restarted ticks on', async () => {
    const engines = [await started(), await started()];
    const worker = new TestWorker(engines[0]!, 5);
    for (const engine of engines) await engine.schedule(aSchedule('ticking'));
    await server.stop('SIGKILL');
    server = await startRedis({ port: server.port });
    const from = Date.now();
    const tick = await worker.next();
    expect(tick.record.createdAt).toBeLessThan(from + 5_000);
    for (const engine of engines) {
      await eventually(async () => expect(await engine.health()).toMatchObject({ ok: true }));
    }
    expect(await engines[1]!.unschedule('ticking')).toBe(true);
    expect(worker.begun).toHaveLength(1);
    await worker.finish(tick);
    await worker.stop();
  });

  it('[A13] tells whoever waits within two seconds', async () => {
    const [engine, working] = [await started(), await started()];
    const worker = new TestWorker(working, 2);
    await engine.add(anExecution('lost'));
    const running = await worker.next();
    // Nobody does anything else.
    const waiting = rejection(waitForEnd(engine, 'lost'));
    const record = `${docket.prefix}:execution:lost`;
    await eventually(async () => expect(await docket.redis.hget(record, 'awaitedBy')).toMatch(/./));
    await docket.redis.flushall();
    const before = performance.now();
    expect(await waiting).toMatchObject({ code: 'EXECUTION_UNKNOWN' });
    expect(performance.now() - before).toBeLessThan(2_000);
    // Once the process has waited for one, Redis tells it of the next without being asked.
    const work = { ...anExecution('before'), session: undefined };
    const early = waitForEnd(engine, 'before', {}, (await engine.add(work)).record.generation);
    await worker.finish(await worker.next(), 'done');
    await early;

    await docket.redis.flushall();
    const from = performance.now();
    const results: Promise<unknown>[] = [];
    for (const key of ['new', 'newer']) {
      const { record } = await engine.add({ ...work, key });
      results.push(waitForEnd(engine, key, {}, record.generation));
    }
    const { generation } = (await engine.add({ ...work, key: 'followed' })).record;
    const changes = follow(engine, { key: 'followed', generation, waiting: (each) => each });
    expect(await changes.next()).toMatchObject({ value: { state: 'queued' } });
    worker.end(running);
    for (let count = 0; count < 3; count++) await worker.finish(await worker.next(), 'done');
    const ended = { state: 'completed', outcome: { result: 'done' } };
    expect(await Promise.all(results)).toEqual([expect.objectContaining(ended), expect.objectContaining(ended)]);
    let last: unknown;
    for await (const change of changes) last = change;
    expect(last).toMatchObject({ state: 'completed' });
    expect(performance.now() - from).toBeLessThan(2_000);
    await worker.stop();
  });
});
