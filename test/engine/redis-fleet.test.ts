import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Consumer, EngineEvent } from '../../src/docket/engine/engine.js';
import { isTerminal } from '../../src/docket/engine/record.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { asBuilt, root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, expectEvents, inShort, TestWorker } from './contract/stage.js';
import { askTwice } from './redis-worker.js';

/** Short, so that what a dead worker had comes back soon. */
const lease = 1_500;

let docket: TestDocket;
let workers: TestWorker[];
let consumers: Consumer[];
beforeEach(() => {
  docket = new TestDocket();
  workers = [];
  consumers = [];
});
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  // A run that has settled has a ticket to give back.
  for (const consumer of consumers) {
    await consumer.stopIntake();
    await consumer.idle();
  }
  await docket.dispose();
});

async function engine(): Promise<RedisEngine> {
  const made = docket.engine({ lease });
  await made.start();
  return made;
}

function work(on: RedisEngine, concurrency = 1): TestWorker {
  const worker = new TestWorker(on, concurrency);
  workers.push(worker);
  return worker;
}

async function watched(on: RedisEngine, of: { key: string } | { session: string }): Promise<EngineEvent[]> {
  const events: EngineEvent[] = [];
  await on.watch(of, (event) => events.push(event));
  return events;
}

describe('several engines on one docket', () => {
  it('see the same: submitted on one, run by another, answered from a third, followed by a fourth', async () => {
    const [submitting, working, answering, following] = [
      await engine(),
      await engine(),
      await engine(),
      await engine(),
    ];
    const [byKey, bySession] = [
      await watched(submitting, { key: 'a' }),
      await watched(following, { session: 'of anna' }),
    ];
    await submitting.add({ ...anExecution('a'), input: { n: 1 } });
    const delivery = await work(working).next();
    expect(delivery.record).toMatchObject({ key: 'a', input: { n: 1 } });
    await working.progress('a', delivery.run, { current: 1, total: 2 });
    await working.notify('a', delivery.run, { type: 'log', level: 'info', data: 'half' });
    await working.ask('a', delivery.run, { ...question, key: 'q' });
    expect(await answering.questions('a')).toMatchObject([{ key: 'q' }]);
    expect(await answering.answer('a', 'q', { result: 'yes' })).toBe('accepted');
    await workers[0]!.finish(delivery, 'done');
    const expected = [
      'state queued',
      'state running',
      'progress',
      'notice',
      'state running',
      'question q',
      'closed q',
      'state running',
      'state completed',
    ];
    await expectEvents(byKey, expected);
    await expectEvents(bySession, expected);
    expect(byKey.at(-1)?.record.outcome).toEqual({ result: 'done' });
    for (const each of [submitting, following]) expect(await each.get('a')).toMatchObject({ state: 'completed' });
  });

  it('cancel what runs on another, whose run is told', async () => {
    const [submitting, working] = [await engine(), await engine()];
    await submitting.add(anExecution('a'));
    const worker = work(working);
    const { run } = await worker.next();
    expect(await submitting.cancel('a')).toBe('cancelled');
    await eventually(() => expect(worker.revoked).toEqual([{ run, why: 'cancelled' }]));
    expect(await working.progress('a', run, { current: 1 })).toBe(false);
  });

  it('continue the lists of each other, and refuse the cursors of another docket', async () => {
    const [one, other] = [await engine(), await engine()];
    for (const key of ['a', 'b', 'c']) await one.add(anExecution(key));
    const { nextCursor } = await one.list({ owner: 'anna', limit: 2 });
    const rest = await other.list({ owner: 'anna', limit: 2, cursor: nextCursor! });
    expect(rest.records.map(({ key }) => key)).toEqual(['a']);
    const stranger = new TestDocket();
    const strange = stranger.engine();
    await strange.start();
    await expect(strange.list({ owner: 'anna', limit: 2, cursor: nextCursor! })).rejects.toMatchObject({
      code: 'CURSOR_INVALID',
    });
    await stranger.dispose();
  });

  it('do every execution once, however many work', async () => {
    const engines = [await engine(), await engine(), await engine()];
    const done = new Map<string, number>();
    for (const each of engines) {
      consumers.push(
        each.consume(
          { worker: 'many', concurrency: 10 },
          {
            async run({ record, run }) {
              await each.settle(record.key, run, { type: 'finish', outcome: { result: null } });
              done.set(record.key, (done.get(record.key) ?? 0) + 1);
            },
            revoke: () => undefined,
          },
        ),
      );
    }
    const keys = Array.from({ length: 300 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key, index) => engines[index % 3]!.add(anExecution(key))));
    await eventually(() => expect(done.size).toBe(keys.length), { timeout: 20_000 });
    expect(new Set(done.values())).toEqual(new Set([1]));
  });

  it('replace each other while all of them work: the last one counts, and no run that made way writes', async () => {
    const engines = [await engine(), await engine(), await engine()];
    const accepted: string[] = [];
    for (const each of engines) {
      consumers.push(
        each.consume(
          { worker: 'many', concurrency: 2 },
          {
            async run({ record: { key, generation }, run }) {
              await each.progress(key, run, { current: generation });
              const settlement = { type: 'finish', outcome: { result: generation } } as const;
              if (await each.settle(key, run, settlement)) accepted.push(`${key} ${generation}`);
            },
            revoke: () => undefined,
          },
        ),
      );
    }
    const { session: _, ...work } = anExecution('');
    const keys = Array.from({ length: 60 }, (_, index) => `k${index % 3}`);
    const made = await Promise.all(keys.map((key, index) => engines[index % 3]!.replace({ ...work, key })));
    for (const key of ['k0', 'k1', 'k2']) {
      const generations = made.filter(({ record }) => record.key === key).map(({ record }) => record.generation);
      expect(new Set(generations).size).toBe(20);
      await eventually(async () => {
        const outcome = { result: Math.max(...generations) };
        expect(await engines[0]!.get(key)).toMatchObject({ state: 'completed', outcome });
      });
    }
    expect(new Set(accepted).size).toBe(accepted.length);
  });

  it('answer the deadline of a question although the process that asked is gone', async () => {
    const [asking, other] = [await engine(), await engine()];
    await asking.add(anExecution('a'));
    const worker = work(asking);
    const { run } = await worker.next();
    await asking.ask('a', run, { ...question, key: 'q', deadline: 300 });
    const events = await watched(other, { key: 'a' });
    await asking.close();
    await expectEvents(events, ['closed q', 'state running']);
    expect((await other.questions('a'))[0]).toMatchObject({ answer: { result: 'nobody' } });
  });
});

describe('a connection that breaks', () => {
  beforeEach(async () => {
    await docket.dispose();
    docket = await TestDocket.alone();
  });

  it('loses no event and no run', async () => {
    const [one, other] = [await engine(), await engine()];
    const events = await watched(one, { key: 'a' });
    await one.add(anExecution('a'));
    const delivery = await work(other).next();
    for (let current = 1; current <= 40; current++) {
      if (current % 10 === 0) await docket.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await eventually(async () => expect(await other.progress('a', delivery.run, { current })).toBe(true));
    }
    await eventually(async () => expect(await workers[0]!.finish(delivery, 'done')).toBe(true));
    const told = (): number[] =>
      events.filter(({ type }) => type === 'progress').map(({ record }) => record.progress?.current ?? 0);
    // A command whose reply was lost is sent again, so that a step may be told twice, but never left out. Whoever has lost
    // a connection is told how things are now, which may be before the last steps that led there.
    await eventually(() => expect(new Set(told()).size).toBe(40));
    expect(told()).toEqual(told().sort((a, b) => a - b));
    await eventually(() => expect(inShort(events)).toContain('state completed'));
  });
});

describe('a process that missed entries of its inbox', () => {
  it('tells its watchers how things are now, once it knows', async () => {
    const [one, other] = [await engine(), await engine()];
    const events = await watched(one, { key: 'a' });
    await watched(one, { key: 'b' });
    await one.add(anExecution('a'));
    const delivery = await work(other).next();
    await other.ask('a', delivery.run, { ...question, key: 'q' });
    await expectEvents(events, ['state queued', 'state running', 'state running', 'question q']);
    // What happens now is sent to nobody, as when the inbox was cut short; and the next entry has a number that tells it.
    const watching = `${docket.prefix}:watch:key:a`;
    const [node] = await docket.redis.smembers(watching);
    await docket.redis.srem(watching, node!);
    await other.answer('a', 'q', { result: 'yes' });
    await docket.redis.incrby(`${docket.prefix}:node:${node}`, 2);
    await one.add(anExecution('b'));
    await eventually(() => expect(inShort(events).slice(4)).toEqual(['closed q', 'state running']));
    expect(events[4]).toMatchObject({ question: { answer: { result: 'yes' } }, record: { openQuestions: 0 } });
  });
});

describe('a process that missed entries about a session', () => {
  it('tells its watchers how the tasks of that are now, also the one that has ended', async () => {
    const [one, other] = [await engine(), await engine()];
    const session = { session: 'of anna' };
    await one.add(anExecution('open'));
    const events = await watched(one, session);
    await one.add(anExecution('ends'));
    await expectEvents(events, ['state queued']);
    const watching = `${docket.prefix}:watch:session:of anna`;
    const [node] = await docket.redis.smembers(watching);
    await docket.redis.srem(watching, node!);
    await other.cancel('ends');
    const delivery = await work(other).next();
    await other.ask('open', delivery.run, { ...question, key: 'q' });
    expect(events).toHaveLength(1);
    await docket.redis.incrby(`${docket.prefix}:node:${node}`, 2);
    await watched(one, { key: 'wake' });
    await other.add({ ...anExecution('wake'), owner: 'bert', session: 'of bert' });
    await eventually(() => {
      const told = events.slice(1).map(({ type, record }) => `${type} ${record.key} ${record.state}`);
      expect(told.sort()).toEqual(['question open running', 'state ends cancelled', 'state open running']);
    });
  });
});

describe('a worker that is killed', () => {
  it('is followed by another, which gets the earlier answers and keeps the first from writing', async () => {
    const child = spawn(
      process.execPath,
      ['node_modules/jiti/lib/jiti-cli.mjs', 'test/engine/redis-worker.ts', docket.url, docket.name, String(lease)],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...asBuilt, NODE_OPTIONS: '' } },
    );
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => said.push(line));
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      const here = await engine();
      await eventually(() => expect(said).toEqual(['ready']), { timeout: 20_000 });
      await here.add(anExecution('a'));
      await eventually(() => expect(said[1]).toMatch(/^asks first /));
      await eventually(async () => expect(await here.answer('a', 'first', { result: 'one' })).toBe('accepted'));
      await eventually(() => expect(said[2]).toMatch(/^asks second /));
      await eventually(async () => expect(await here.questions('a')).toHaveLength(2));
      expect(await here.workers()).toMatchObject([{ name: 'child', pid: child.pid }]);
      child.kill('SIGKILL');
      await ended;
      expect((await here.stats()).states.running).toBe(1);

      const lines: string[] = [];
      const working = await engine();
      working.consume(
        { worker: 'next', concurrency: 1 },
        { run: (delivery) => askTwice(working, delivery, (line) => lines.push(line)), revoke: () => undefined },
      );
      await eventually(() => expect(lines[1]).toMatch(/^asks second /), { timeout: 15_000 });
      const lost = said[2]!.split(' ')[2]!;
      expect(await here.settle('a', lost, { type: 'finish', outcome: { result: 'stale' } })).toBe(false);
      expect(await here.progress('a', lost, { current: 9 })).toBe(false);
      expect(await here.get('a')).toMatchObject({
        state: 'running',
        attempt: 1,
        suspicions: 1,
        redelivered: true,
        openQuestions: 1,
      });
      expect(await here.answer('a', 'second', { result: 'two' })).toBe('accepted');
      await eventually(async () => expect(isTerminal((await here.get('a'))!.state)).toBe(true));
      expect(await here.get('a')).toMatchObject({ state: 'completed', outcome: { result: ['one', 'two'] } });
      await eventually(async () => expect((await here.workers()).map(({ name }) => name)).toEqual(['next']));
      const { states, openQuestions, workers: alive } = await here.stats();
      expect({ states, openQuestions, alive }).toMatchObject({
        states: { queued: 0, running: 0, completed: 1 },
        openQuestions: 0,
        alive: 1,
      });
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
});

const question = {
  kind: 'elicitation',
  params: { message: 'Well?' },
  deadline: 3_600_000,
  onDeadline: { result: 'nobody' },
} as const;
