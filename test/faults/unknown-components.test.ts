import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Engine } from '../../src/docket/engine/engine.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution } from '../engine/contract/stage.js';

let docket: TestDocket;
beforeEach(async () => {
  docket = await TestDocket.alone();
});
afterEach(() => docket.dispose());

/** A worker that has these components, and releases everything else as a worker of the docket does. */
class Fleeting {
  /** The executions of components that it does not have. */
  readonly looked: string[] = [];
  readonly done: string[] = [];

  constructor(engine: Engine, concurrency: number, ...components: string[]) {
    engine.consume(
      { worker: 'fleeting', concurrency, components },
      {
        run: async ({ record: { key, component }, run }) => {
          const isKnown = components.includes(component);
          (isKnown ? this.done : this.looked).push(key);
          const release = { type: 'release', delay: 250, unknown: true } as const;
          await engine.settle(key, run, isKnown ? { type: 'finish', outcome: { result: null } } : release);
        },
        revoke: () => undefined,
      },
    );
  }
}

async function start(...options: Parameters<TestDocket['engine']>): Promise<RedisEngine> {
  const engine = docket.engine(...options);
  await engine.start();
  return engine;
}

async function addAll(engine: Engine, count: number, component: string): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, index) => `${component}${index}`);
  await Promise.all(keys.map((key) => engine.add({ ...anExecution(key), component })));
  return keys;
}

/** How many scripts Redis runs in so many milliseconds. */
async function scriptsWithin(ms: number): Promise<number> {
  await docket.redis.config('RESETSTAT');
  await new Promise((resolve) => setTimeout(resolve, ms));
  const stats = await docket.redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_(?:eval|evalsha):calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

const count = 300;

describe('executions of a component that no worker has', () => {
  it('[B8] wait without a look and without traffic, delay nobody, and run in order once a worker has it', async () => {
    const engines = [await start(), await start(), await start()];
    const old = engines.map((engine) => new Fleeting(engine, 5, 'old'));
    const keys = await addAll(engines[0]!, count, 'new');
    const others = await addAll(engines[0]!, 50, 'old');
    // All behind those, and yet they run.
    await eventually(() => expect(old.flatMap(({ done }) => done)).toHaveLength(others.length));
    await eventually(async () => expect(await docket.redis.zcard(`${docket.prefix}:gate:unknown:new`)).toBe(count));
    const looks = old.flatMap(({ looked }) => looked).length;
    // Each process may look before it hears of the first.
    expect(looks).toBeLessThanOrEqual(2 * old.length);
    expect(await scriptsWithin(1_000)).toBeLessThan(60);
    expect(old.flatMap(({ looked }) => looked).length - looks).toBeLessThanOrEqual(1);
    expect((await engines[0]!.stats()).states).toMatchObject({ queued: count });
    // A fresh worker of the old version does not look either.
    const fresh = new Fleeting(await start(), 5, 'old');
    const late = await addAll(engines[0]!, 1, 'old-too');
    const began = performance.now();
    const current = new Fleeting(await start(), 1, 'new', 'old', 'old-too');
    await eventually(() => expect(current.done.length).toBeGreaterThan(0));
    expect(performance.now() - began).toBeLessThan(1_500);
    await eventually(() => expect(current.done.length).toBe(count + late.length), { timeout: 30_000 });
    expect(current.done.filter((key) => !late.includes(key))).toEqual(keys);
    await eventually(() => expect(current.done).toEqual(expect.arrayContaining(late)));
    expect(fresh.looked.length).toBeLessThanOrEqual(2);
    expect((await docket.keys()).filter((key) => /:gate:|:unknown$/.test(key) && !/:look:/.test(key))).toEqual([]);
  });

  it('[B8] reach a worker whose BullMQ was not tested', async () => {
    const engine = await start();
    const old = new Fleeting(engine, 5, 'old');
    await addAll(engine, 1, 'new');
    await eventually(async () => expect(await docket.redis.zcard(`${docket.prefix}:gate:unknown:new`)).toBe(1));
    const current = new Fleeting(await start({ bullmq: undefined }), 5, 'new');
    await eventually(() => expect(current.done).toEqual(['new0']));
    await eventually(async () => expect(await docket.redis.exists(`${docket.prefix}:tickets:active`)).toBe(0));
    expect(old.looked.length).toBeLessThanOrEqual(3);
  });

  it('[B8] are cancelled and replaced like all others', async () => {
    const engine = await start();
    const old = new Fleeting(engine, 1, 'old');
    await addAll(engine, 3, 'new');
    const waiting = `${docket.prefix}:gate:unknown:new`;
    await eventually(async () => expect(await docket.redis.zcard(waiting)).toBe(3));
    expect(await engine.cancel('new0')).toBe('cancelled');
    await engine.replace({ ...anExecution('new1'), component: 'new', input: 'second' });
    await eventually(async () => expect(await docket.redis.zcard(waiting)).toBe(2));
    for (const key of ['new1', 'new2']) await engine.cancel(key);
    expect((await docket.keys()).filter((key) => /:gate:unknown|:unknown$/.test(key))).toEqual([]);
    expect(old.looked.length).toBeLessThanOrEqual(2);
  });
});
