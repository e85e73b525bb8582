import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Delivery, NewExecution } from '../../src/docket/engine/engine.js';
import { Execution } from '../../src/docket/execution.js';
import type { ExecutionEnd } from '../../src/docket/engine/record.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { Scripts } from '../../src/redis/connection/script-runner.js';
import { lua } from '../../src/redis/lua/bundle.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker } from './contract/stage.js';

let docket: TestDocket;
/** Adds and waits. */
let engine: RedisEngine;
let worker: TestWorker;
beforeEach(async () => {
  docket = await TestDocket.alone();
  engine = docket.engine();
  const working = docket.engine();
  await Promise.all([engine.start(), working.start()]);
  worker = new TestWorker(working, 1);
});
afterEach(async () => {
  await worker.stop();
  await docket.dispose();
});

/** Work of the program. */
function work(key: string, component = 'job'): NewExecution {
  const { session: _, ...rest } = anExecution(key);
  return { ...rest, component };
}

async function add(key: string, component?: string): Promise<Execution> {
  const { record, added } = await engine.add(work(key, component));
  return new Execution(record, added, engine, (work) => work);
}

async function finish(result: string): Promise<Delivery> {
  const delivery = await worker.next();
  await worker.finish(delivery, result);
  return delivery;
}

/** Somebody has waited for an execution of the component: Redis is asked for the end of the next one when it is added. */
async function waitOnce(component?: string): Promise<void> {
  const execution = await add('first', component);
  const result = execution.result();
  await finish('the first');
  expect(await result).toBe('the first');
}

/** How often Redis was asked by whoever waits. */
async function asked(): Promise<number> {
  const log = (await docket.redis.call('SLOWLOG', 'GET', '-1')) as [number, number, number, string[]][];
  const { sha, text } = new Scripts(undefined).of(lua.inbox.watchEnd);
  return log.filter(([, , , command]) => command.includes(sha) || command[1] === text).length;
}

beforeEach(async () => {
  await docket.redis.config('SET', 'slowlog-log-slower-than', '0');
  await docket.redis.config('SET', 'slowlog-max-len', '10000');
});

describe('whoever waits for an execution that this process has added', () => {
  it('needs no way to Redis where somebody has waited for one of its component before', async () => {
    await waitOnce();
    await docket.redis.call('SLOWLOG', 'RESET');
    const execution = await add('second');
    const result = execution.result();
    await finish('the second');
    expect(await result).toBe('the second');
    expect(await asked()).toBe(0);
    const stranger = (await add('third', 'other job')).result();
    await finish('the third');
    expect(await stranger).toBe('the third');
    expect(await asked()).toBe(1);
  });

  it('looks up the end where that was told before he waits', async () => {
    await waitOnce();
    const execution = await add('second');
    const later = await add('third');
    await finish('the second');
    await finish('the third');
    // It is told in order.
    expect(await later.result()).toBe('the third');
    await docket.redis.call('SLOWLOG', 'RESET');
    for (let times = 1; times <= 2; times++) {
      expect(await execution.result()).toBe('the second');
      expect(await asked()).toBe(times);
    }
  });

  it('gets the end also where it may have been missed', async () => {
    await waitOnce();
    const waiting = await add('second');
    const result = waiting.result();
    const later = await add('third');
    await docket.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await finish('the second');
    await finish('the third');
    expect(await result).toBe('the second');
    expect(await later.result()).toBe('the third');
  });

  it('hears that a later one has its key', async () => {
    await waitOnce();
    const older = await add('a');
    const waiting = rejection(older.result());
    const unheard = await add('b');
    for (const key of ['a', 'b']) await engine.replace(work(key));
    expect(await waiting).toMatchObject({ code: 'EXECUTION_REPLACED' });
    expect(await rejection(unheard.result())).toMatchObject({ code: 'EXECUTION_REPLACED' });
    for (const key of ['a', 'b']) await engine.cancel(key);
  });

  it('is told of the one that has come into the place of his', async () => {
    await waitOnce();
    const waiting = rejection((await add('a')).result());
    const delivery = await worker.next();
    const { record, added } = await engine.replace(work('a'));
    const later = new Execution(record, added, engine, (work) => work);
    expect(await waiting).toMatchObject({ code: 'EXECUTION_REPLACED' });
    const result = later.result();
    worker.end(delivery);
    await finish('done');
    expect(await result).toBe('done');
  });

  it('is not remembered once his process has gone', async () => {
    await waitOnce();
    await add('busy');
    await worker.next();
    const awaitedBy = (): Promise<string | null> => docket.redis.hget(`${docket.prefix}:execution:a`, 'awaitedBy');
    await add('a');
    const here = await awaitedBy();
    await docket.redis.hset(`${docket.prefix}:execution:a`, { awaitedBy: `${here} somebody-who-has-gone` });
    await engine.replace(work('a'));
    expect(await awaitedBy()).toBe(here);
    for (const key of ['a', 'busy']) await engine.cancel(key);
  });

  it('leaves with those who wait beside him being told', async () => {
    await waitOnce();
    const { record } = await engine.add(work('a'));
    const told: ExecutionEnd[] = [];
    const listen = (end: ExecutionEnd | undefined): void => {
      if (end) told.push(end);
    };
    const one = await engine.watchEnd('a', listen, record.generation);
    const other = await engine.watchEnd('a', listen, record.generation);
    expect(one.now).toMatchObject({ key: 'a', state: 'queued' });
    one.unwatch();
    await finish('done');
    await eventually(() => expect(told).toMatchObject([{ key: 'a', state: 'completed' }]));
    other.unwatch();
  });

  it('hears of one that another process has added under the key of his', async () => {
    await waitOnce();
    await add('a');
    await finish('mine');
    const elsewhere = docket.engine();
    await elsewhere.start();
    await elsewhere.add(work('a'));
    const { record } = await engine.add(work('a'));
    const result = new Execution(record, false, engine, (work) => work).result();
    await finish('of another');
    expect(await result).toBe('of another');
  });

  it('is told of none that he did not add: a known key is looked up', async () => {
    await waitOnce();
    await add('a');
    const again = await add('a');
    expect(again.added).toBe(false);
    await docket.redis.call('SLOWLOG', 'RESET');
    const result = again.result();
    await finish('done');
    expect(await result).toBe('done');
    expect(await asked()).toBe(1);
  });
});
