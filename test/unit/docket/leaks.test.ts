import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../src/docket/memory/memory-engine.js';
import { Stage, aQuestion, anExecution } from '../../engine/contract/stage.js';
import { eventually } from '../../helpers/eventually.js';
import { FakeClock, settled } from '../../helpers/fake-clock.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Waits until nothing holds any of them. */
async function expectForgotten(refs: Record<string, WeakRef<object>>): Promise<void> {
  await eventually(
    () => {
      collectGarbage();
      expect(Object.keys(refs).filter((name) => refs[name]?.deref())).toEqual([]);
    },
    // Under load one collection takes seconds, and the first comes before the engine has come to rest.
    { timeout: 25_000 },
  );
}

/** A fresh object that the caller does not keep. */
function held(refs: Record<string, WeakRef<object>>, name: string): { name: string } {
  const value = { name };
  refs[name] = new WeakRef(value);
  return value;
}

describe('the memory engine keeps nothing', () => {
  let clock: FakeClock;
  let engine: MemoryEngine;
  let stage: Stage;
  let refs: Record<string, WeakRef<object>>;

  beforeEach(async () => {
    refs = {};
    clock = new FakeClock();
    engine = new MemoryEngine({ clock });
    stage = await Stage.open(() => ({ engine, clock }));
  });
  afterEach(() => stage.close());

  /** A worker that finishes each run with a fresh result, after a question if it is told to. */
  function serve(): ReturnType<MemoryEngine['consume']> {
    return engine.consume(
      { worker: 'w', concurrency: 2 },
      {
        async run(delivery) {
          const { record, run } = delivery;
          refs[`delivery of ${record.key}`] = new WeakRef(delivery);
          await engine.ask(record.key, run, { ...aQuestion('q'), params: held(refs, `question of ${record.key}`) });
          await engine.answer(record.key, 'q', { result: held(refs, `answer of ${record.key}`) });
          await engine.settle(record.key, run, {
            type: 'finish',
            outcome: { result: held(refs, `result of ${record.key}`) },
          });
        },
        revoke: () => undefined,
      },
    );
  }

  it('of expired records, their questions and their runs', async () => {
    const consumer = serve();
    for (const key of ['a', 'b', 'c']) {
      await engine.add({ ...anExecution(key), input: held(refs, `input of ${key}`), ttl: 1000 });
    }
    await settled();
    expect(Object.keys(refs)).toHaveLength(15);
    // Journal and input end with the execution, what the run was given with the run, the rest with the record.
    await clock.advance(999);
    await expectForgotten(Object.fromEntries(Object.entries(refs).filter(([name]) => !name.startsWith('result'))));
    expect(refs['result of a']?.deref()).toBeDefined();
    await clock.advance(1);
    await expectForgotten(refs);
    await consumer.stopIntake();
  });

  it('of replaced records', async () => {
    await engine.add({ ...anExecution('a'), input: held(refs, 'first') });
    await engine.cancel('a');
    await engine.add({ ...anExecution('a'), input: held(refs, 'second') });
    await expectForgotten({ first: refs['first']! });
    expect(refs['second']?.deref()).toBeDefined();
    expect(clock.armed).toBe(0);
  });

  it('of cancelled runs that go on after their record has expired', async () => {
    const worker = stage.work();
    await engine.add({ ...anExecution('a'), input: held(refs, 'input'), ttl: 1000 });
    const { run } = await worker.next();
    worker.consumer.park(run);
    await engine.cancel('a');
    await clock.advance(1000);
    await expectForgotten(refs);
    await worker.consumer.unpark(run);
  });

  it('of removed listeners and stopped workers [F18]', async () => {
    const listen = async (): Promise<void> => {
      const value = held(refs, 'listener');
      const stop = await engine.watch({ key: 'a' }, () => value.name);
      const stopSession = await engine.watch({ session: 's' }, () => value.name);
      await stage.add('a', { session: 's' });
      stop();
      stopSession();
      await engine.cancel('a');
    };
    const work = async (): Promise<void> => {
      const value = held(refs, 'worker');
      const handler = {
        run: async () => {
          await engine.settle('b', value.name, { type: 'release' });
        },
        revoke: () => undefined,
      };
      const consumer = engine.consume({ worker: 'w', concurrency: 1 }, handler);
      await stage.add('b');
      await consumer.stopIntake();
      await consumer.idle();
    };
    await listen();
    await work();
    await expectForgotten(refs);
  });

  it('of owners without open tasks, in the count of open tasks', async () => {
    const { openTasks } = (engine as unknown as { executions: { openTasks: ReadonlyMap<string, number> } }).executions;
    const worker = stage.work(3);
    for (let index = 0; index < 100; index++) {
      const owner = `owner ${index}`;
      const cancelled = await stage.begin(`cancelled ${index}`, worker, { owner, ttl: 10 });
      const lost = await stage.begin(`lost ${index}`, worker, { owner });
      worker.end(lost);
      const finished = await worker.next();
      await stage.add(`scheduled ${index}`, { owner, runAt: clock.now() + 1000 });
      expect(openTasks.get(owner)).toBe(3);
      await engine.cancel(`cancelled ${index}`);
      worker.end(cancelled);
      await worker.finish(finished);
      await clock.advance(10);
      await stage.add(`cancelled ${index}`, { owner, runAt: clock.now() + 1000 });
      await engine.cancel(`cancelled ${index}`);
      await engine.cancel(`scheduled ${index}`);
    }
    expect([...openTasks]).toEqual([]);
    await stage.add('open');
    await engine.close();
    expect([...openTasks]).toEqual([]);
  });

  it('of anything once it is closed', async () => {
    const worker = stage.work();
    const delivery = await stage.begin('running', worker);
    await engine.ask('running', delivery.run, { ...aQuestion('q'), params: held(refs, 'question') });
    await engine.add({ ...anExecution('queued'), input: held(refs, 'queued') });
    await engine.add({ ...anExecution('scheduled'), runAt: clock.now() + 1000, input: held(refs, 'scheduled') });
    await engine.add({ ...anExecution('ended'), input: held(refs, 'ended') });
    await engine.cancel('ended');
    await engine.close();
    await expectForgotten(refs);
  });
});
