import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ErrandError, type ErrandErrorCode } from '../../src/base/errors.js';
import type { EngineEvent, Verdict } from '../../src/docket/engine.js';
import { MemoryEngine } from '../../src/docket/memory-engine.js';
import { isTerminal, type ExecutionState } from '../../src/docket/record.js';
import { FakeClock, settled } from '../helpers/fake-clock.js';
import { Stage, aQuestion, anExecution, type TestWorker } from './contract/stage.js';
import { DocketModel, type ModelRun } from './docket-model.js';

const concurrency = 2;
const keys = ['a', 'b', 'c', 'd'];
const questions = ['q1', 'q2'];

/** The engine, and what the test has seen of it. */
class Real {
  readonly events = new Map<string, EngineEvent[]>();
  /** Indexes of runs whose unpark has not resolved. */
  readonly awaiting = new Map<number, number>();
  readonly faults: unknown[] = [];
  waitersLeft = 0;

  private constructor(
    readonly stage: Stage,
    readonly clock: FakeClock,
    readonly worker: TestWorker,
  ) {}

  static async open(): Promise<Real> {
    const clock = new FakeClock();
    const faults: unknown[] = [];
    const stage = await Stage.open(() => ({
      engine: new MemoryEngine({ clock, onError: (error) => faults.push(error) }),
      clock,
    }));
    const real = new Real(stage, clock, stage.work(concurrency));
    for (const key of keys) real.events.set(key, await stage.watch({ key }));
    return real;
  }

  unpark(index: number): void {
    this.awaiting.set(index, (this.awaiting.get(index) ?? 0) + 1);
    void this.worker.consumer.unpark(this.worker.begun[index]!.run).then(() => {
      const left = this.awaiting.get(index)! - 1;
      if (left === 0) this.awaiting.delete(index);
      else this.awaiting.set(index, left);
    });
  }

  /** Somebody waits for the end of whatever runs under the key, as clients do. */
  async waitForEnd(key: string): Promise<void> {
    this.waitersLeft++;
    let wake = (): void => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const stop = await this.stage.engine.watch({ key }, (event) => {
      if (isTerminal(event.record.state)) wake();
    });
    const record = await this.stage.engine.get(key);
    if (record && !isTerminal(record.state)) await woken;
    stop();
    this.waitersLeft--;
  }
}

type Step = (model: DocketModel, real: Real) => Promise<void>;

/** A command is a step, after which the engine must look exactly like the model. */
function command(name: string, step: Step): fc.AsyncCommand<DocketModel, Real> {
  return {
    check: () => true,
    run: async (model, real) => {
      await step(model, real);
      model.dispatch();
      for (let round = 0; round < 3; round++) await settled();
      await expectSame(model, real);
    },
    toString: () => name,
  };
}

/** A command of a run under way or of one that is over, whose writes must be dropped. */
function ofRun(
  name: string,
  which: number,
  step: (run: ModelRun, index: number, model: DocketModel, real: Real) => Promise<void>,
) {
  return command(`${name} #${which}`, async (model, real) => {
    if (model.runs.length === 0) return;
    const index = model.runs.length - 1 - (which % model.runs.length);
    await step(model.runs[index]!, index, model, real);
  });
}

async function expectSame(model: DocketModel, real: Real): Promise<void> {
  const { engine } = real.stage;
  expect(real.worker.begun.map(({ record }) => `${record.key} ${record.generation}`)).toEqual(
    model.runs.map(({ of }) => `${of.key} ${of.generation}`),
  );
  expect(real.worker.revoked.map(({ run }) => real.worker.begun.findIndex((delivery) => delivery.run === run))).toEqual(
    model.revoked,
  );
  expect([...real.awaiting.keys()].sort()).toEqual(model.awaiting.map((run) => model.runs.indexOf(run)).sort());
  for (const key of keys) {
    const expected = model.executions.get(key);
    const record = await engine.get(key);
    expect(record?.state).toBe(expected?.state);
    const last = real.events.get(key)?.at(-1)?.record;
    if (!record || !expected) continue;
    const { generation, attempt, losses, redelivered, openQuestions } = expected;
    expect(record).toMatchObject({ generation, attempt, losses, redelivered, openQuestions });
    expect(record.progress?.current).toBe(expected.progress);
    expect((await engine.questions(key)).map((question) => [question.key, question.answer !== undefined])).toEqual([
      ...expected.questions,
    ]);
    // The record of the last event is the record.
    expect(last).toEqual(record);
  }
  const listed = (await engine.list({ owner: 'anna', limit: 100 })).records.map((record) => record.key);
  expect([...listed].sort()).toEqual([...model.executions.keys()].sort());
}

const legal: Record<ExecutionState, readonly ExecutionState[]> = {
  scheduled: ['queued', 'cancelled'],
  queued: ['running', 'cancelled', 'queued'],
  running: ['running', 'scheduled', 'queued', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** Every step that watchers were told of is legal, and what is terminal stays so until the next generation. */
function expectLegal(events: readonly EngineEvent[]): void {
  for (const [index, { record, type }] of events.entries()) {
    const before = events[index - 1]?.record;
    if (!before || isTerminal(before.state)) {
      // A question of an ended execution is closed with the record as it is at the end, just before the state is told.
      if (before && record.updatedAt === before.updatedAt && record.state === before.state) continue;
      expect(['scheduled', 'queued']).toContain(record.state);
      expect(record.attempt).toBe(0);
    } else if (type === 'state' || type === 'closed') {
      expect([before.state, ...legal[before.state]]).toContain(record.state);
      expect(record.generation).toBe(before.generation);
    } else {
      expect(record.state).toBe('running');
    }
    expect(record.updatedAt).toBeGreaterThanOrEqual(before?.updatedAt ?? 0);
  }
}

const key = fc.constantFrom(...keys);
const which = fc.nat({ max: 6 });
const delay = fc.constantFrom(0, 50, 150);
const priority = fc.constantFrom(0, 0, 1, 5);
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constant<Verdict>({ type: 'finish', outcome: { result: 1 } }),
  fc.constant<Verdict>({ type: 'finish', outcome: { error: { code: 1, message: 'no' } } }),
  delay.map((ms): Verdict => ({ type: 'retry', error: { code: 1, message: 'again' }, delay: ms })),
  delay.map((ms): Verdict => ({ type: 'putBack', delay: ms })),
  fc.constant<Verdict>({ type: 'handBack' }),
);

/** What is made of a refusal for comparison; anything else that went wrong stays what it is. */
const refusedBy =
  (code: ErrandErrorCode) =>
  (error: unknown): 'refused' => {
    if (ErrandError.is(error, code)) return 'refused';
    throw error;
  };

const commands = [
  fc
    .tuple(key, delay, fc.constantFrom(50, 200), fc.constantFrom(2, keys.length), priority)
    .map(([name, ms, ttl, limit, rank]) =>
      command(`add ${name} in ${ms}, at most ${limit}, with priority ${rank}`, async (model, real) => {
        const runAt = real.clock.now() + ms;
        const execution = { ...anExecution(name), ttl, priority: rank, ...(ms > 0 && { runAt }) };
        const added = await real.stage.engine
          .add(execution, limit)
          .then((result) => result.added, refusedBy('TASK_LIMIT'));
        expect(added).toBe(model.add(name, ms, ttl, limit, rank));
      }),
    ),
  key.map((name) =>
    command(`cancel ${name}`, async (model, real) => {
      expect(await real.stage.engine.cancel(name)).toBe(model.cancel(name));
    }),
  ),
  fc.tuple(which, verdict).map(([number, given]) =>
    ofRun(`settle ${given.type}`, number, async (run, index, model, real) => {
      const delivery = real.worker.begun[index]!;
      expect(await real.stage.engine.settle(delivery.record.key, delivery.run, given)).toBe(model.settle(run, given));
    }),
  ),
  fc.tuple(which, fc.nat({ max: 9 })).map(([number, current]) =>
    ofRun('progress', number, async (run, index, model, real) => {
      const delivery = real.worker.begun[index]!;
      expect(await real.stage.engine.progress(delivery.record.key, delivery.run, { current })).toBe(
        model.progress(run, current),
      );
    }),
  ),
  fc.tuple(which, fc.constantFrom(...questions), fc.constantFrom(1, questions.length)).map(([number, name, limit]) =>
    ofRun(`ask ${name}, at most ${limit}`, number, async (run, index, model, real) => {
      const { record, run: token } = real.worker.begun[index]!;
      const answered = await real.stage.engine
        .ask(record.key, token, aQuestion(name), limit)
        .then((question) => question && question.answer !== undefined, refusedBy('QUESTION_LIMIT'));
      expect(answered).toBe(model.ask(run, name, limit));
    }),
  ),
  fc.tuple(key, fc.constantFrom(...questions)).map(([name, question]) =>
    command(`answer ${question} of ${name}, three at once`, async (model, real) => {
      const answers = [1, 2, 3].map((result) => real.stage.engine.answer(name, question, { result }));
      expect(await Promise.all(answers)).toEqual([1, 2, 3].map(() => model.answer(name, question)));
    }),
  ),
  fc.tuple(which, verdict, fc.boolean()).map(([number, given, cancelFirst]) =>
    ofRun(`race ${cancelFirst ? 'cancel' : given.type} first`, number, async (run, index, model, real) => {
      const { record, run: token } = real.worker.begun[index]!;
      const racers = [
        [() => real.stage.engine.cancel(record.key), () => model.cancel(record.key)],
        [() => real.stage.engine.settle(record.key, token, given), () => model.settle(run, given)],
      ] as const;
      const order = cancelFirst ? [racers[0], racers[1]] : [racers[1], racers[0]];
      const results = await Promise.all(order.map(([actual]) => actual()));
      expect(results).toEqual(order.map(([, expected]) => expected()));
    }),
  ),
  which.map((number) =>
    ofRun('end', number, async (run, index, model, real) => {
      real.worker.end(real.worker.begun[index]!);
      model.end(run);
    }),
  ),
  which.map((number) =>
    ofRun('park', number, async (run, index, model, real) => {
      real.worker.consumer.park(real.worker.begun[index]!.run);
      model.park(run);
    }),
  ),
  which.map((number) =>
    ofRun('unpark', number, async (run, index, model, real) => {
      real.unpark(index);
      model.unpark(run);
    }),
  ),
  fc.constantFrom(30, 60, 250).map((ms) =>
    command(`advance ${ms}`, async (model, real) => {
      await real.clock.advance(ms);
      model.advance(ms);
    }),
  ),
  key.map((name) => command(`wait for ${name}`, async (_model, real) => void real.waitForEnd(name))),
];

/** Ends everything: nobody may be left waiting, and every slot must be free again. */
async function expectClean(model: DocketModel, real: Real): Promise<void> {
  const { stage, worker } = real;
  for (const name of keys) await stage.engine.cancel(name);
  for (const delivery of worker.begun) worker.end(delivery);
  await settled();
  expect(real.waitersLeft).toBe(0);
  expect(real.awaiting.size).toBe(0);
  const before = worker.begun.length;
  for (let index = 0; index <= concurrency; index++) await stage.add(`fresh${index}`);
  for (let round = 0; round < 3; round++) await settled();
  expect(worker.begun.length - before).toBe(concurrency);
  expect(model.runs.length).toBe(before);
  expect(real.faults).toEqual([]);
  for (const events of real.events.values()) expectLegal(events);
}

describe('the memory engine', () => {
  it('does what the model of a docket does, step by step, for several actors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 120, size: 'max' }), async (steps) => {
        const real = await Real.open();
        const model = new DocketModel(concurrency);
        try {
          await fc.asyncModelRun(() => ({ model, real }), steps);
          await expectClean(model, real);
        } finally {
          await real.stage.close();
        }
      }),
      { numRuns: 100 },
    );
  });
});
