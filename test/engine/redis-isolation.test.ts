import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Delivery, NewExecution } from '../../src/docket/engine/engine.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker, waysBack } from './contract/stage.js';

const lease = 300;

let docket: TestDocket;
let client: RedisEngine;
let survivors: TestWorker[];

beforeEach(async () => {
  docket = new TestDocket();
  survivors = [];
  client = docket.engine({ lease });
  await client.start();
});

afterEach(async () => {
  for (const worker of survivors) await worker.stop();
  await docket.dispose();
});

type Limits = ConstructorParameters<typeof TestWorker>[2];

/** A worker in a process of its own, as far as Redis can tell. */
async function process(
  concurrency: number,
  limits?: Limits,
): Promise<{ readonly worker: TestWorker; readonly die: () => Promise<void> }> {
  const engine = docket.engine({ lease });
  await engine.start();
  // Closed with runs that are not settled, an engine leaves in Redis what a killed process does.
  return { worker: new TestWorker(engine, concurrency, limits), die: () => engine.close() };
}

async function survivor(concurrency: number, limits?: Limits): Promise<TestWorker> {
  const { worker } = await process(concurrency, limits);
  survivors.push(worker);
  return worker;
}

const add = (key: string, options: Partial<NewExecution> = {}) => client.add({ ...anExecution(key), ...options });

/** One worker after the other dies while it runs all that there is. */
async function deaths(count: number, runs: number, shared = false): Promise<void> {
  for (let death = 0; death < count; death++) {
    const { worker, die } = await process(runs);
    await eventually(() => expect(worker.begun).toHaveLength(runs));
    for (const { record, run } of worker.begun) if (record.isolated) await client.beginAlone(record.key, run, shared);
    await die();
  }
}

/** As if two more workers had died before, so that the next death isolates the component. */
const diedBefore = (component = 'report') =>
  docket.redis.zadd(`${docket.prefix}:crashes:${component}`, Date.now(), 'one', Date.now(), 'other');

/** A worker that runs an execution beside no other, because three have died while they ran its component. */
async function isolatedRun(concurrency: number): Promise<{ worker: TestWorker; first: Delivery }> {
  await add('a');
  await diedBefore();
  await deaths(1, 1);
  const worker = await survivor(concurrency);
  const first = await worker.next();
  expect(first.record).toMatchObject({ key: 'a', isolated: true, suspicions: 1, losses: 0 });
  return { worker, first };
}

const keysOf = (worker: TestWorker): string[] => worker.begun.map(({ record }) => record.key);

const isolated = async (component: string): Promise<boolean> =>
  (await docket.redis.exists(`${docket.prefix}:isolated:${component}`)) === 1;

/** The first that were begun on any of these workers. */
async function begun(count: number, ...workers: TestWorker[]): Promise<Delivery[]> {
  return eventually(() => {
    const all = workers.flatMap((worker) => worker.begun);
    expect(all).toHaveLength(count);
    return all;
  });
}

describe('the death of a worker', () => {
  it('is charged to no run of it, and no attempt counts [A3]', async () => {
    await add('a');
    await add('b', { component: 'other' });
    await deaths(1, 2);
    const worker = await survivor(2);
    for (const { record } of await begun(2, worker)) {
      expect(record).toMatchObject({ attempt: 1, losses: 0, suspicions: 1, redelivered: true });
      expect(record).not.toHaveProperty('isolated');
    }
    for (const delivery of worker.begun) await worker.finish(delivery);
  });

  it('speaks against its components for ten minutes, once each, however many runs it took along [A3]', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await add(key);
    await deaths(2, 4);
    const worker = await survivor(4);
    await begun(4, worker);
    expect(await isolated('report')).toBe(false);
    const crashes = `${docket.prefix}:crashes:report`;
    expect(await docket.redis.zcard(crashes)).toBe(2);
    const life = await docket.redis.pttl(crashes);
    expect(life).toBeGreaterThan(590_000);
    expect(life).toBeLessThanOrEqual(600_000);
    for (const delivery of worker.begun) await worker.finish(delivery);
  });
});

describe('a component whose runs were lost with three workers', () => {
  it('is run one call at a time in the whole fleet, fresh calls included, and the others as ever [A3]', async () => {
    await add('a');
    await deaths(3, 1);
    const workers = [await survivor(3), await survivor(3)];
    const [first] = await begun(1, ...workers);
    expect(first!.record).toMatchObject({ key: 'a', isolated: true, suspicions: 3, losses: 0 });
    await add('fresh');
    for (const key of ['b', 'c']) await add(key, { component: 'other' });
    const all = await begun(3, ...workers);
    expect(all.map(({ record }) => record.key).sort()).toEqual(['a', 'b', 'c']);
    const holder = workers.find((worker) => worker.begun.includes(first!))!;
    await holder.finish(first!);
    const fresh = (await begun(4, ...workers)).find(({ record }) => record.key === 'fresh')!;
    // One has ended well.
    expect(fresh.record).not.toHaveProperty('isolated');
    expect(await isolated('report')).toBe(false);
    for (const worker of workers) for (const delivery of worker.begun) await worker.finish(delivery);
  });

  it('is charged where it was isolated, also with the deaths that it was only suspected of [A3]', async () => {
    await add('a');
    await deaths(4, 1);
    const worker = await survivor(1);
    expect((await worker.next()).record).toMatchObject({ losses: 4, attempt: 5, isolated: true });
    expect(worker.begun[0]!.record).not.toHaveProperty('suspicions');
    // It is not made any more, which speaks for nobody.
    const { run } = worker.begun[0]!;
    const outcome = { error: { code: 'EXECUTION_LOST', message: 'lost' } };
    expect(await client.settle('a', run, { type: 'finish', outcome, lost: true })).toBe(true);
    worker.end(worker.begun[0]!);
    expect(await isolated('report')).toBe(true);
    await add('next');
    expect((await worker.next()).record).toMatchObject({ key: 'next', isolated: true, losses: 0 });
    await worker.finish(worker.begun[1]!);
    expect(await isolated('report')).toBe(false);
  });

  it('is charged with nothing while it waits for the others to end [A3]', async () => {
    await add('a');
    await deaths(3, 1);
    for (let death = 0; death < 2; death++) {
      const { worker, die } = await process(2);
      const waiting = await worker.next();
      expect(waiting.record).toMatchObject({ isolated: true, suspicions: 3, losses: 0, attempt: 1 });
      // What an earlier run began says nothing of this one.
      if (death === 0) await client.beginAlone('a', 'another run', false);
      await die();
    }
    expect(await docket.redis.zcard(`${docket.prefix}:crashes:report`)).toBe(3);
    const worker = await survivor(2);
    expect((await worker.next()).record).toMatchObject({ isolated: true, suspicions: 3, losses: 0, attempt: 1 });
    await worker.finish(worker.begun[0]!);
  });

  it('goes on at its own limits once a call of it has ended well, all that waited [A3]', async () => {
    const limits = { report: { concurrency: 2 } };
    for (const key of ['a', 'b', 'c', 'd', 'e']) await add(key);
    await diedBefore();
    const { worker: dying, die } = await process(5, limits);
    await eventually(() => expect(dying.begun).toHaveLength(2));
    await die();
    const worker = await survivor(5, limits);
    // What waited at the limit may begin before anybody notices the death.
    await eventually(() => expect(worker.begun.map(({ record }) => record.isolated)).toContain(true));
    const first = worker.begun.find(({ record }) => record.isolated)!;
    const before = worker.begun.length;
    expect(before).toBeLessThanOrEqual(3);
    for (const delivery of worker.begun) if (delivery !== first) await worker.finish(delivery);
    expect(worker.begun).toHaveLength(before);
    await worker.finish(first);
    await eventually(() => expect(worker.begun).toHaveLength(before + 2));
    const next = worker.begun.slice(before);
    for (const delivery of next) await worker.finish(delivery);
    await eventually(() => expect(keysOf(worker).sort()).toEqual(['a', 'b', 'c', 'd', 'e']));
    for (const delivery of worker.begun) await worker.finish(delivery);
  });

  it.each(waysBack(60_000))('a call that ends by %s gives its place to the next [A3]', async (how, settlement) => {
    const { worker, first } = await isolatedRun(2);
    await add('b');
    await client.settle('a', first.run, settlement);
    worker.end(first);
    const second = await worker.next();
    // What goes back to its own place in line may be the next as well.
    if ('delay' in settlement) expect(second.record.key).toBe('b');
    // An attempt that failed has killed nobody.
    expect(await isolated('report')).toBe(how !== 'retry');
    for (const { record } of worker.begun) await client.cancel(record.key);
    await client.cancel('b');
    for (const delivery of worker.begun) worker.end(delivery);
  });

  it('is isolated no longer once a call of it was found harmless, and what waited begins [A3]', async () => {
    const { worker, first } = await isolatedRun(2);
    await add('b');
    await client.exonerate('a', 'another run');
    expect(await isolated('report')).toBe(true);
    await client.exonerate('a', first.run);
    expect(await isolated('report')).toBe(false);
    const second = await worker.next();
    expect(second.record).toMatchObject({ key: 'b', losses: 0 });
    for (const delivery of worker.begun) await worker.finish(delivery);
  });
});

it('an execution that was lost with three workers is isolated, however long that took [A3]', async () => {
  await add('a');
  await docket.redis.hset(`${docket.prefix}:execution:a`, { suspicions: 3 });
  await add('b');
  const worker = await survivor(2);
  const [first, second] = await begun(2, worker);
  expect(first!.record).toMatchObject({ key: 'a', isolated: true });
  expect(second!.record).not.toHaveProperty('isolated');
  for (const delivery of worker.begun) await worker.finish(delivery);
});

it('a process that also runs foreground calls charges its deaths to an isolated run only after nine of them [A3]', async () => {
  await add('a');
  await docket.redis.hset(`${docket.prefix}:execution:a`, { suspicions: 8 });
  await deaths(1, 1, true);
  const second = await process(1);
  const { record, run } = await second.worker.next();
  expect(record).toMatchObject({ isolated: true, losses: 0, suspicions: 9, attempt: 1 });
  await client.beginAlone('a', run, true);
  await second.die();
  const worker = await survivor(1);
  expect((await worker.next()).record).toMatchObject({ losses: 10 });
  for (const delivery of worker.begun) await worker.finish(delivery);
});
