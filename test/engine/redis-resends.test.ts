import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Consumer, EngineEvent, Settlement } from '../../src/docket/engine/engine.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { LossyProxy } from '../helpers/lossy-proxy.js';
import { TestDocket, testRedisUrl } from '../helpers/redis.js';
import { anExecution, aQuestion, inShort, TestWorker } from './contract/stage.js';

let proxy: LossyProxy;
let docket: TestDocket;
/** Behind the proxy: what it sends is done, and sent again when the reply is lost. */
let engine: RedisEngine;
/** Has Redis to itself. */
let other: RedisEngine;
let worker: TestWorker | undefined;

beforeEach(async () => {
  worker = undefined;
  proxy = await LossyProxy.open(testRedisUrl());
  docket = new TestDocket();
  engine = docket.engine({ url: proxy.url });
  other = docket.engine();
  await Promise.all([engine.start(), other.start()]);
});
afterEach(async () => {
  try {
    await worker?.stop();
    await docket.dispose();
  } finally {
    await proxy.close();
  }
});

/** Loses the reply to what contains the text, and gives what the step says in the end. */
async function sentTwice<T>(text: string, step: () => Promise<T>): Promise<T> {
  proxy.loseReplyTo(text);
  const result = await step();
  expect(proxy.lost).toBe(1);
  return result;
}

describe('a command whose reply is lost is sent again, and answered the same', () => {
  it('add: added, once', async () => {
    const states: EngineEvent[] = [];
    await other.watch({ key: 'a' }, (event) => states.push(event));
    expect(await sentTwice('some input', () => engine.add({ ...anExecution('a'), input: 'some input' }))).toMatchObject(
      {
        added: true,
        record: { key: 'a', state: 'queued', input: 'some input' },
      },
    );
    const working = (worker = new TestWorker(other, 2));
    const delivery = await working.next();
    await working.finish(delivery);
    await eventually(() => expect(inShort(states)).toEqual(['state queued', 'state running', 'state completed']));
    expect(working.begun).toHaveLength(1);
  });

  it('add: added, also where it has ended meanwhile', async () => {
    other.consume(
      { worker: 'fast', concurrency: 1 },
      {
        run: async ({ record, run }) => {
          await other.settle(record.key, run, { type: 'finish', outcome: { result: 'done' } });
        },
        revoke: () => undefined,
      },
    );
    // Before the engine is connected again, a worker that is idle has long made the call.
    const adding = sentTwice('some input', () => engine.add({ ...anExecution('a'), input: 'some input' }));
    const { added, record } = await adding;
    expect(added).toBe(true);
    await eventually(async () => expect(await other.get('a')).toMatchObject({ state: 'completed' }));
    expect(await other.get('a')).toMatchObject({ generation: record.generation, attempt: 1 });
  });

  it('answer: accepted, also where the execution has ended by it', async () => {
    await other.add(anExecution('a'));
    const working = (worker = new TestWorker(other, 1));
    const delivery = await working.next();
    for (const name of ['first', 'last']) await other.ask('a', delivery.run, aQuestion(name));
    expect(await sentTwice('one answer', () => engine.answer('a', 'first', { result: 'one answer' }))).toBe('accepted');
    expect(await engine.answer('a', 'first', { result: 'one answer' })).toBe('answered');
    let end = (): void => undefined;
    const finishing = new Promise<boolean>((resolve, reject) => {
      end = () => void working.finish(delivery, 'done').then(resolve, reject);
    });
    await other.watch({ key: 'a' }, (event) => {
      if (event.type === 'closed' && event.question.key === 'last') end();
    });
    proxy.lost = 0;
    expect(await sentTwice('last answer', () => engine.answer('a', 'last', { result: 'last answer' }))).toBe(
      'accepted',
    );
    expect(await finishing).toBe(true);
    expect(await engine.answer('a', 'last', { result: 'last answer' })).toBe('ended');
  });

  it('cancel: cancelled', async () => {
    await other.add(anExecution('a'));
    expect(await sentTwice('no more', () => engine.cancel('a', 'no more'))).toBe('cancelled');
    expect(await engine.cancel('a', 'no more')).toBe('terminal');
  });

  const settlements: [string, Settlement, object][] = [
    ['finish', { type: 'finish', outcome: { result: 'some settlement' } }, { state: 'completed', attempt: 1 }],
    [
      'retry',
      { type: 'retry', error: { code: 'E', message: 'some settlement' }, delay: 60_000 },
      { state: 'scheduled', attempt: 1 },
    ],
    ['release with a delay', { type: 'release', delay: 60_000 }, { state: 'scheduled', attempt: 0, losses: 0 }],
    ['release', { type: 'release' }, { state: 'queued', attempt: 0, losses: 0 }],
  ];
  it.each(settlements)('settle: %s', async (_how, settlement, expected) => {
    await other.add(anExecution('a'));
    const working = (worker = new TestWorker(engine, 1));
    const delivery = await working.next();
    await working.consumer.stopIntake();
    const { run } = delivery;
    expect(await sentTwice(run, () => engine.settle('a', run, settlement))).toBe(true);
    expect(await other.get('a')).toMatchObject(expected);
    expect(await engine.settle('a', run, settlement)).toBe(false);
    working.end(delivery);
    await working.consumer.idle();
    expect(await other.get('a')).toMatchObject(expected);
    await other.cancel('a');
  });
});

describe('the first run of a worker', () => {
  it('is the same where the reply is lost: it is no loss, and nobody waits for the lease', async () => {
    const working = (worker = new TestWorker(engine, 1));
    // The name of the worker is in what takes a ticket.
    proxy.loseReplyTo('\r\nworker\r\n');
    await eventually(async () => {
      if (proxy.lost === 0) throw new Error('Nothing was taken yet');
    });
    proxy.lost = 0;
    await other.add(anExecution('a'));
    await working.finish(await working.next());
    proxy.loseReplyTo('\r\nworker\r\n');
    await other.add(anExecution('b'));
    const delivery = await working.next();
    await eventually(() => expect(proxy.lost).toBe(1));
    expect(delivery.record).toMatchObject({ key: 'b', attempt: 1, losses: 0, redelivered: false });
    await working.finish(delivery);
    expect(await other.get('b')).toMatchObject({ state: 'completed', attempt: 1, losses: 0 });
  });
});

describe('the next run of a worker, which comes with the news that one has ended', () => {
  const finish: Settlement = { type: 'finish', outcome: { result: 'done' } };

  /** Works one by one, and calls `ended` when it has settled one. */
  function work(on: RedisEngine, ended: (consumer: Consumer) => void = () => undefined): string[] {
    const begun: string[] = [];
    const consumer = on.consume(
      { worker: 'one-by-one', concurrency: 1 },
      {
        run: async ({ record, run }) => {
          begun.push(record.key);
          await on.settle(record.key, run, finish);
          ended(consumer);
        },
        revoke: () => undefined,
      },
    );
    return begun;
  }

  it('is the same where the reply is lost, and begins once', async () => {
    for (const key of ['a', 'b', 'c']) await other.add(anExecution(key));
    const begun = work(engine, () => {
      if (begun.length === 1) proxy.loseReplyTo('one-by-one');
    });
    await eventually(async () => expect(await other.get('c')).toMatchObject({ state: 'completed' }));
    expect(proxy.lost).toBe(1);
    expect(begun).toEqual(['a', 'b', 'c']);
    expect(await other.get('b')).toMatchObject({ state: 'completed', attempt: 1, losses: 0, redelivered: false });
  });

  it('is the same where it comes in one step with the outcome of the one before', async () => {
    for (const key of ['a', 'b', 'c', 'd']) await other.add(anExecution(key));
    const working = (worker = new TestWorker(engine, 2));
    const [first, second] = [await working.next(), await working.next()];
    const { run } = first;
    expect(await sentTwice(run, () => working.finish(first, 'done'))).toBe(true);
    const third = await working.next();
    expect(third.record).toMatchObject({ key: 'c', attempt: 1, losses: 0, redelivered: false });
    expect(await other.get('a')).toMatchObject({ state: 'completed', outcome: { result: 'done' } });
    await Promise.all([working.finish(second), working.finish(third)]);
    const fourth = await working.next();
    await working.finish(fourth);
    expect(await other.get('d')).toMatchObject({ state: 'completed', attempt: 1, losses: 0 });
    expect(working.begun.map(({ record }) => record.key)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes back where the worker has stopped meanwhile, and counts as none', async () => {
    for (const key of ['a', 'b']) await other.add(anExecution(key));
    let stopped: Promise<unknown> | undefined;
    const begun = work(engine, (consumer) => {
      // The reply is not read before this.
      setImmediate(() => {
        stopped = consumer.stopIntake().then(() => consumer.idle());
      });
    });
    await eventually(() => expect(begun).toEqual(['a']));
    await eventually(async () => expect(await other.get('a')).toMatchObject({ state: 'completed' }));
    await eventually(() => expect(stopped).toBeDefined());
    await stopped;
    await eventually(async () =>
      expect(await other.get('b')).toMatchObject({ state: 'queued', attempt: 0, losses: 0 }),
    );
    expect(work(other)).toEqual([]);
    await eventually(async () => expect(await other.get('b')).toMatchObject({ state: 'completed', attempt: 1 }));
    expect(begun).toEqual(['a']);
  });
});
