import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import type { Delivery } from '../../src/docket/engine/engine.js';
import { queueName } from '../../src/redis/keys.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { LossyProxy, type HeldReply } from '../helpers/lossy-proxy.js';
import { TestDocket, testRedisUrl } from '../helpers/redis.js';
import { anExecution, TestWorker } from './contract/stage.js';

let proxy: LossyProxy;
let docket: TestDocket;
/** Works behind the proxy. */
let engine: RedisEngine;
/** Has Redis to itself. */
let other: RedisEngine;
let errors: unknown[];
beforeEach(async () => {
  errors = [];
  proxy = await LossyProxy.open(testRedisUrl());
  docket = new TestDocket();
  engine = docket.engine({ url: proxy.url, onError: (error) => errors.push(error) });
  other = docket.engine();
  await Promise.all([engine.start(), other.start()]);
});
afterEach(async () => {
  try {
    await docket.dispose();
  } finally {
    await proxy.close();
  }
});

const unbegun = { state: 'queued', attempt: 0, losses: 0, redelivered: false };

/** Adds an execution that a worker with nothing to do takes. What it is told of that is kept back. */
async function takenInSilence(key: string): Promise<HeldReply> {
  for (;;) {
    const held = proxy.holdReplyTo('\r\nworker\r\n');
    await other.add(anExecution(key));
    await held.answered;
    if ((await other.get(key))?.state === 'running') return held;
    // It had looked for something just before.
    held.release();
    await other.cancel(key);
  }
}

/** It is there for others at once, not when a lease has passed. */
async function expectThere(key: string): Promise<void> {
  expect(await other.get(key)).toMatchObject(unbegun);
  const worker = new TestWorker(other, 1);
  const begun = await eventually(
    () => {
      const delivery = worker.begun.find(({ record }) => record.key === key);
      if (!delivery) throw new Error(`${key} has not begun`);
      return delivery;
    },
    { timeout: 5_000 },
  );
  expect(begun.record).toMatchObject({ attempt: 1, losses: 0, redelivered: false });
  await worker.finish(begun);
  await worker.stop();
}

describe('a ticket that comes too late', () => {
  it('goes back where the worker has stopped, also where its server closes', async () => {
    const worker = new TestWorker(engine, 2);
    const held = await takenInSilence('a');
    await worker.consumer.stopIntake();
    await worker.consumer.idle();
    const closed = engine.close();
    held.release();
    await closed;
    expect(worker.begun).toEqual([]);
    await expectThere('a');
  });

  it('goes back where it comes with the end of the last run, and closing waits for that', async () => {
    const worker = new TestWorker(engine, 1);
    for (const key of ['a', 'b']) await other.add(anExecution(key));
    const first = await worker.next();
    const next = proxy.holdReplyTo('\r\nworker\r\n');
    const finished = worker.finish(first);
    await next.answered;
    expect(await other.get('b')).toMatchObject({ state: 'running' });
    await worker.consumer.stopIntake();
    // What makes the run one that was not begun has its key first.
    const unclaimed = proxy.holdReplyTo('$1\r\nb\r\n');
    next.release();
    await Promise.all([finished, worker.consumer.idle()]);
    const closed = engine.close();
    await unclaimed.answered;
    setTimeout(() => unclaimed.release(), 100);
    await closed;
    expect(await docket.redis.lrange(`${docket.prefix}:tickets:active`, 0, -1)).toEqual([]);
    await expectThere('b');
  });

  describe('with the end of another run', () => {
    let worker: TestWorker;
    let first: Delivery;
    let held: HeldReply;
    beforeEach(async () => {
      for (const key of ['a', 'b', 'c']) await other.add(anExecution(key));
      worker = new TestWorker(engine, 2);
      first = await worker.next();
      await worker.next();
      held = proxy.holdReplyTo(first.run);
    });

    it('goes back where the worker stops', async () => {
      const finished = worker.finish(first);
      await held.answered;
      expect(await other.get('c')).toMatchObject({ state: 'running' });
      const stopped = worker.stop();
      held.release();
      expect(await finished).toBe(true);
      await stopped;
      await engine.close();
      expect(worker.begun).toHaveLength(2);
      await other.cancel('b');
      await expectThere('c');
    });

    it('goes back where the engine is closed', async () => {
      const finished = worker.finish(first);
      await held.answered;
      const closed = engine.close();
      held.release();
      expect(await finished).toBe(true);
      await closed;
      await other.cancel('b');
      await expectThere('c');
      // What was under way is left to its lease, for which nobody waits here.
      await docket.redis.del(...['active', 't2', 't2:lock'].map((name) => `${docket.prefix}:tickets:${name}`));
    });

    it('is not taken twice where a run is settled twice', async () => {
      held.release();
      const settlement = { type: 'finish', outcome: { result: 'done' } } as const;
      const both = [1, 2].map(() => engine.settle('a', first.run, settlement, true));
      expect(await Promise.all(both)).toEqual([true, false]);
      worker.end(first);
      const third = await eventually(() => {
        const delivery = worker.begun.find(({ record }) => record.key === 'c');
        if (!delivery) throw new Error('c has not begun');
        return delivery;
      });
      expect(third.record).toMatchObject({ attempt: 1, losses: 0, redelivered: false });
      await Promise.all(worker.begun.map((delivery) => worker.finish(delivery)));
      await worker.stop();
    });
  });

  it('goes back where a run has come back to its slot, and has not used up the rate', async () => {
    const worker = new TestWorker(engine, 1, { report: { rate: { max: 2, duration: 60_000 } } });
    await other.add(anExecution('waits'));
    const waits = await worker.next();
    worker.consumer.park(waits.run);
    const held = await takenInSilence('a');
    await worker.consumer.unpark(waits.run);
    held.release();
    await eventually(async () => expect(await other.get('a')).toMatchObject(unbegun));
    expect(await docket.redis.get(`${docket.prefix}:gate:starts:report`)).toBe('1');
    await worker.finish(waits);
    const delivery = await worker.next();
    expect(delivery.record).toMatchObject({ key: 'a', attempt: 1, redelivered: false });
    await worker.finish(delivery);
    await worker.stop();
  });
});

it('what a worker puts back has not used up the rate', async () => {
  const worker = new TestWorker(engine, 1, { report: { rate: { max: 1, duration: 60_000 } } });
  await other.add(anExecution('a'));
  const { run } = await worker.next();
  expect(await engine.settle('a', run, { type: 'release', delay: 60_000 })).toBe(true);
  worker.end({ record: worker.begun[0]!.record, run });
  await other.add(anExecution('b'));
  const next = await worker.next();
  expect(next.record).toMatchObject({ key: 'b', attempt: 1 });
  await worker.finish(next);
  await other.cancel('a');
  await worker.stop();
});

it('a job in the line that is none of ours is taken out of it, and the run before it has ended', async () => {
  const worker = new TestWorker(engine, 2);
  for (const key of ['a', 'b']) await engine.add(anExecution(key));
  const [first, second] = [await worker.next(), await worker.next()];
  const queue = new Queue(queueName, { connection: docket.redis, prefix: docket.prefix });
  await queue.add('run', {}, { removeOnComplete: true });
  await queue.add('run', 'not even an object', { removeOnComplete: true });
  await engine.add(anExecution('c'));
  for (const delivery of [first, second]) expect(await worker.finish(delivery)).toBe(true);
  expect(await worker.finish(await worker.next())).toBe(true);
  await eventually(async () => expect(await queue.getJobCountByTypes('waiting', 'active')).toBe(0));
  expect(errors).toMatchObject([{ code: 'EXECUTION_UNKNOWN' }, { code: 'EXECUTION_UNKNOWN' }]);
  expect(String(errors[0])).toContain('was not added by Errand');
  await worker.stop();
});
