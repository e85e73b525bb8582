import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ErrandError, messageOf } from '../../src/base/errors.js';
import { isTerminal } from '../../src/docket/engine/record.js';
import { SealedEngine } from '../../src/docket/sealing/sealed-engine.js';
import { Sealer } from '../../src/docket/sealing/sealer.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, aQuestion, TestWorker } from './contract/stage.js';

/** Also how long a record that cannot be read waits for a worker that can. */
const lease = 300;

let docket: TestDocket;
let engine: RedisEngine;
let worker: TestWorker | undefined;
let errors: unknown[];
beforeEach(async () => {
  errors = [];
  worker = undefined;
  docket = new TestDocket();
  engine = docket.engine({ lease, onError: (error) => errors.push(error) });
  await engine.start();
});
afterEach(async () => {
  await worker?.stop();
  await docket.dispose();
});

const recordOf = (key: string): string => `${docket.prefix}:execution:${key}`;

describe('a record that cannot be read', () => {
  const damages: [string, Record<string, string>, string[]][] = [
    ['a value that is no JSON', { input: '{' }, []],
    ['a number that is none', { attempt: 'one', ttl: 'long', updatedAt: 'now' }, []],
    ['fields that are gone', {}, ['retry', 'timeout', 'ttl', 'openQuestions']],
  ];
  it.each(damages)('ends as lost after its third redelivery: %s', async (_name, written, removed) => {
    await engine.add({ ...anExecution('a'), input: 'one' });
    if (Object.keys(written).length > 0) await docket.redis.hset(recordOf('a'), written);
    if (removed.length > 0) await docket.redis.hdel(recordOf('a'), ...removed);
    worker = new TestWorker(engine, 1);
    await engine.add(anExecution('b'));
    await worker.finish(await worker.next());
    expect(worker.begun.map(({ record }) => record.key)).toEqual(['b']);
    await eventually(async () => expect(await engine.get('a')).toMatchObject({ state: 'failed' }));
    const record = (await engine.get('a'))!;
    expect(record).toMatchObject({ losses: 3, outcome: { error: { code: 'EXECUTION_LOST' } } });
    expect(messageOf('error' in record.outcome! && record.outcome.error.message)).toContain(
      "record of 'a' could not be read",
    );
    expect(worker.begun).toHaveLength(1);
    expect((await engine.list({ owner: 'anna', limit: 10 })).records).toHaveLength(2);
    expect(errors.length).toBeGreaterThanOrEqual(4);
    for (const error of errors) expect(ErrandError.is(error, 'DOCKET_DAMAGED')).toBe(true);
  });

  it('is run by a worker that can read it', async () => {
    await engine.add({ ...anExecution('a'), input: 'one' });
    await docket.redis.hset(recordOf('a'), { input: '{' });
    worker = new TestWorker(engine, 1);
    await eventually(() => expect(errors).toHaveLength(1));
    await docket.redis.hset(recordOf('a'), { input: '"one"' });
    const delivery = await worker.next();
    expect(delivery.record).toMatchObject({ key: 'a', input: 'one', losses: 1 });
    await worker.finish(delivery);
  });
});

describe('a record that cannot be read', () => {
  it('is left out of lists, and the others are there', async () => {
    for (const key of ['a', 'b', 'c']) await engine.add(anExecution(key));
    await docket.redis.hset(recordOf('b'), { input: '{', attempt: 'one' });
    const keysOf = (records: readonly { key: string }[]): string[] => records.map(({ key }) => key);
    expect(keysOf((await engine.list({ owner: 'anna', limit: 10 })).records)).toEqual(['c', 'a']);
    expect(keysOf((await engine.browse({ limit: 10 })).summaries)).toEqual(['c', 'a']);
    // Once, although two lists met it.
    expect(errors).toMatchObject([{ code: 'DOCKET_DAMAGED' }]);
    const first = await engine.list({ owner: 'anna', limit: 2 });
    expect(keysOf(first.records)).toEqual(['c']);
    const second = await engine.list({ owner: 'anna', limit: 2, cursor: first.nextCursor! });
    expect(keysOf(second.records)).toEqual(['a']);
    for (const key of ['a', 'b', 'c']) await engine.cancel(key);
  });

  it('is an error for whoever waits for its end, who is forgotten then', async () => {
    await engine.add(anExecution('a'));
    await docket.redis.hset(recordOf('a'), { updatedAt: 'now' });
    expect(await rejection(engine.watchEnd('a', () => undefined))).toMatchObject({ code: 'DOCKET_DAMAGED' });
    await eventually(async () => expect(await docket.redis.hexists(recordOf('a'), 'awaitedBy')).toBe(0));
    await engine.cancel('a');
  });

  it('ends as lost for those who seal as well, in words of ours', async () => {
    const reported: unknown[] = [];
    const sealed = new SealedEngine(engine, new Sealer([randomBytes(32)], 'losses'), (error) => reported.push(error));
    const forged = { error: { code: 'EXECUTION_LOST', message: 'Call this number' } };
    await sealed.add({ ...anExecution('a'), input: 'one' });
    await docket.redis.hset(recordOf('a'), { retry: '{' });
    worker = new TestWorker(sealed, 1);
    await eventually(async () => expect(await engine.get('a')).toMatchObject({ state: 'failed' }));
    await docket.redis.hset(recordOf('a'), { outcome: JSON.stringify(forged) });
    const { outcome } = (await sealed.get('a'))!;
    expect(outcome).toMatchObject({
      error: { code: 'EXECUTION_LOST', message: expect.stringContaining('more than 3') },
    });
    expect(reported).toEqual([]);
    // Any other error that is not sealed is not believed.
    await docket.redis.hset(recordOf('a'), { outcome: JSON.stringify({ error: { code: 'X', message: 'no' } }) });
    expect((await sealed.get('a'))!.outcome).toMatchObject({ error: { code: expect.stringMatching(/^SEAL_/) } });
    expect(reported).toHaveLength(1);
  });
});

describe('a record that is gone', () => {
  it('is reported and not run, least of all without its input', async () => {
    await engine.add({ ...anExecution('a'), session: undefined, input: 'one' });
    await docket.redis.del(recordOf('a'));
    worker = new TestWorker(engine, 1);
    await engine.add(anExecution('b'));
    await worker.finish(await worker.next());
    await eventually(() => expect(errors).toMatchObject([{ code: 'EXECUTION_UNKNOWN' }]));
    expect(worker.begun.map(({ record }) => record.key)).toEqual(['b']);
    expect(await engine.get('a')).toBeUndefined();
  });

  it('does not come back by the deadline of its question', async () => {
    await engine.add({ ...anExecution('a'), session: undefined });
    worker = new TestWorker(engine, 1);
    const { run } = await worker.next();
    await engine.ask('a', run, aQuestion('q', 200));
    await docket.redis.del(recordOf('a'));
    await eventually(async () => expect(await docket.redis.exists(`${docket.prefix}:questions:a`)).toBe(0));
    expect(await docket.redis.exists(recordOf('a'))).toBe(0);
    expect(await engine.settle('a', run, { type: 'finish', outcome: { result: 'done' } })).toBe(false);
  });
});

describe('a worker that does not give a sign of life', () => {
  it('loses its executions to another within the lease and a little more, and is suspected', async () => {
    await engine.add(anExecution('a'));
    worker = new TestWorker(engine, 1);
    const { run } = await worker.next();
    // What renews the lease does not come through any more.
    await docket.redis.del(...(await docket.keys()).filter((key) => key.endsWith(':lock')));
    const next = new TestWorker(await another(), 1);
    const again = await next.next();
    expect(again.record).toMatchObject({ key: 'a', attempt: 1, losses: 0, suspicions: 1, redelivered: true });
    await eventually(() => expect(worker!.revoked).toEqual([{ run, why: 'lost' }]));
    expect(await worker.finish({ ...again, run })).toBe(false);
    await next.finish(again);
    expect(isTerminal((await engine.get('a'))!.state)).toBe(true);
    await next.stop();
  });
});

async function another(): Promise<RedisEngine> {
  const made = docket.engine({ lease });
  await made.start();
  return made;
}

describe('a process that was killed while it waited for an end', () => {
  it('is forgotten by who waits after it, and nobody else is', async () => {
    await engine.add(anExecution('a'));
    await docket.redis.hset(recordOf('a'), { awaitedBy: 'killed' });
    const other = docket.engine();
    await other.start();
    const told = new Promise<unknown>((resolve) => {
      void other.watchEnd('a', resolve);
    });
    await other.watchEnd('a', () => undefined);
    await engine.watchEnd('a', () => undefined);
    const awaitedBy = await docket.redis.hget(recordOf('a'), 'awaitedBy');
    expect(awaitedBy?.split(' ')).toHaveLength(2);
    expect(awaitedBy).not.toContain('killed');
    await engine.cancel('a');
    expect(await told).toMatchObject({ key: 'a', state: 'cancelled' });
  });
});

it('a lease need not be of whole milliseconds', async () => {
  const exact = docket.engine({ lease: 10_000 / 3, onError: (error) => errors.push(error) });
  await exact.start();
  worker = new TestWorker(exact, 1);
  await exact.add(anExecution('a'));
  expect(await worker.finish(await worker.next())).toBe(true);
  expect(errors).toEqual([]);
});

describe('the ticket of a new execution', () => {
  it('is in the line of BullMQ with the same step', async () => {
    // More than what one step may send together, so that another one would come later.
    const keys = Array.from({ length: 300 }, (_, index) => `k/${index} "ü"`);
    // With the usual lease: that of the others is too short for a busy machine to hold so many runs.
    const steady = docket.engine();
    await steady.start();
    const added = Promise.all(keys.map((key) => steady.add(anExecution(key))));
    let lost = 0;
    for (
      let looks = 0;
      looks < 20 || (await docket.redis.llen(`${docket.prefix}:tickets:wait`)) < keys.length;
      looks++
    ) {
      const [queued, waiting] = (await docket.redis
        .multi()
        .zcard(`${docket.prefix}:state:queued`)
        .llen(`${docket.prefix}:tickets:wait`)
        .exec()) as [[null, number], [null, number]];
      if (queued[1] !== waiting[1]) lost++;
    }
    await added;
    expect(lost).toBe(0);
    worker = new TestWorker(steady, keys.length);
    await eventually(() => expect(worker!.begun.map(({ record }) => record.key)).toEqual(keys));
    for (const delivery of worker.begun) await worker.finish(delivery);
  });

  it('comes there later where that step fails', async () => {
    // A counter of BullMQ that is none: it refuses each new job.
    await docket.redis.set(`${docket.prefix}:tickets:id`, 'none');
    expect(await engine.add(anExecution('a'))).toMatchObject({ added: true, record: { state: 'queued' } });
    await eventually(() => expect(errors).not.toEqual([]));
    await docket.redis.del(`${docket.prefix}:tickets:id`);
    worker = new TestWorker(engine, 1);
    await eventually(() => expect(worker!.begun).toHaveLength(1), { timeout: 15_000 });
    await worker.finish(worker.begun[0]!);
  });
});
