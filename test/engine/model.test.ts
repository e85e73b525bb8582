import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryEngine } from '../../src/docket/memory/memory-engine.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { TestDocket } from '../helpers/redis.js';
import { DocketModel } from './docket-model.js';
import { commandsWithClock, commandsWithoutClock } from './model-commands.js';
import { concurrency, Real, type RealSetup } from './model-real.js';

function onMemory(): RealSetup {
  const clock = new FakeClock();
  const faults: unknown[] = [];
  return { engine: new MemoryEngine({ clock, onError: (error) => faults.push(error) }), clock, faults };
}

/** Whoever starts looks for what is due, so that a test need not wait until somebody does. */
function onRedis(): RealSetup {
  const docket = new TestDocket();
  const { redis, prefix } = docket;
  const faults: unknown[] = [];
  const onError = (error: unknown): void => void faults.push(error);
  const engine = docket.engine({ onError });
  const look = (): Promise<void> => docket.engine({ onError }).start();
  return {
    engine,
    faults,
    comeDue: async (key) => {
      if ((await redis.zadd(`${prefix}:due`, 'XX', 'CH', 0, `x::${key}`)) === 1) await look();
    },
    tick: async (id) => {
      const schedule = `${prefix}:schedule:${id}`;
      const [[, next], [, when]] = (await redis.multi().hget(schedule, '@next').hget(schedule, '@when').exec()) as [
        [null, string | null],
        [null, string],
      ];
      if (next === null) return;
      // A tick of the past: the one that follows keeps the beat.
      const past = Number(next) - (JSON.parse(when) as { every: number }).every;
      await redis.multi().hset(schedule, '@next', past).zadd(`${prefix}:schedules`, past, id).exec();
      await look();
    },
    dispose: () => docket.dispose(),
  };
}

async function play(setup: RealSetup, steps: Iterable<fc.AsyncCommand<DocketModel, Real>>): Promise<void> {
  const real = await Real.open(setup);
  const model = new DocketModel(concurrency);
  try {
    await fc.asyncModelRun(() => ({ model, real }), steps);
    await real.expectClean(model);
  } finally {
    await real.stage.close();
  }
}

describe('a docket of several actors does what its model does, step by step', () => {
  it('in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commandsWithClock, { maxCommands: 120, size: 'max' }), (steps) =>
        play(onMemory(), steps),
      ),
      { numRuns: 80 },
    );
  }, 120_000);

  it('in Redis', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commandsWithoutClock, { maxCommands: 60, size: 'max' }), (steps) =>
        play(onRedis(), steps),
      ),
      // Each step of a smaller example that fails as well would be waited for.
      { numRuns: 15, endOnFailure: true },
    );
  }, 120_000);
});
