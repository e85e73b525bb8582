import { expect } from '@jest/globals';
import fc from 'fast-check';
import { ErrandError, type ErrandErrorCode } from '../../src/base/errors.js';
import type { NewExecution, Settlement } from '../../src/docket/engine/engine.js';
import { aQuestion, aSchedule, anExecution } from './contract/stage.js';
import type { DocketModel, ModelRun, ModelWork } from './docket-model.js';
import { expectSame, keys, type Real } from './model-real.js';

const questions = ['q1', 'q2'];

type Command = fc.AsyncCommand<DocketModel, Real>;
type Step = (model: DocketModel, real: Real) => Promise<void>;

/** A command is a step, after which the engine must look exactly like the model. */
function command(name: string, step: Step): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      await step(model, real);
      model.dispatch();
      await real.expectSoon(() => expectSame(model, real));
    },
    toString: () => name,
  };
}

/** A command of a run under way or of one that is over, whose writes must be dropped. */
function ofRun(
  name: string,
  which: number,
  step: (run: ModelRun, index: number, model: DocketModel, real: Real) => Promise<void>,
): Command {
  return command(`${name} #${which}`, async (model, real) => {
    if (model.runs.length === 0) return;
    const index = model.runs.length - 1 - (which % model.runs.length);
    await step(model.runs[index]!, index, model, real);
  });
}

/** What is made of a refusal for comparison; anything else that went wrong stays what it is. */
const refusedBy =
  (code: ErrandErrorCode) =>
  (error: unknown): 'refused' => {
    if (ErrandError.is(error, code)) return 'refused';
    throw error;
  };

function execution(key: string, delay: number, { isTask, component, ttl, priority }: ModelWork): NewExecution {
  const { session, ...work } = anExecution(key);
  return {
    ...work,
    ...(isTask && session !== undefined && { session }),
    ...{ component, ttl, priority, input: { of: key } },
    ...(delay > 0 && { delay }),
  };
}

const key = fc.constantFrom(...keys);
const which = fc.nat({ max: 6 });
const component = fc.constantFrom('report', 'report', 'report', 'sweep');
const priority = fc.constantFrom(0, 0, 1, 5);

const inWords = ({ isTask, component, ttl, priority }: ModelWork): string =>
  `${isTask ? 'task' : 'work'} of ${component} for ${ttl} with priority ${priority}`;

/** How long things take: what a clock can be turned by, or so long that nothing happens by itself. */
interface Times {
  readonly delays: readonly number[];
  readonly ttls: readonly number[];
  readonly intervals: readonly number[];
}

/** What actors do whatever the clock. */
function commandsOf({ delays, ttls, intervals }: Times): fc.Arbitrary<Command>[] {
  const delay = fc.constantFrom(...delays);
  const ttl = fc.constantFrom(...ttls);
  const work = fc.record({ isTask: fc.boolean(), component, ttl, priority });
  const settlement: fc.Arbitrary<Settlement> = fc.oneof(
    fc.constant<Settlement>({ type: 'finish', outcome: { result: 1 } }),
    fc.constant<Settlement>({ type: 'finish', outcome: { error: { code: 1, message: 'no' } } }),
    delay.map((ms): Settlement => ({ type: 'retry', error: { code: 1, message: 'again' }, delay: ms })),
    delay.map((ms): Settlement => ({ type: 'release', delay: ms })),
    fc.constant<Settlement>({ type: 'release' }),
  );
  return [
    fc.tuple(key, delay, fc.constantFrom(2, keys.length), work).map(([name, ms, limit, what]) =>
      command(`add ${name} in ${ms}, at most ${limit}: ${inWords(what)}`, async (model, real) => {
        const added = await real.stage.engine
          .add(execution(name, ms, what), { owner: limit })
          .then((result) => result.added, refusedBy('TASK_LIMIT'));
        expect(added).toBe(model.add(name, ms, limit, what));
      }),
    ),
    fc.tuple(key, delay, work).map(([name, ms, what]) =>
      command(`replace ${name} in ${ms}: ${inWords(what)}`, async (model, real) => {
        const { added } = await real.stage.engine.replace(execution(name, ms, { ...what, isTask: false }));
        expect(added).toBe(model.replace(name, ms, { ...what, isTask: false }));
      }),
    ),
    key.map((name) =>
      command(`retry ${name}`, async (model, real) => {
        const { retried, record } = await real.stage.engine.retry(name);
        expect(retried).toBe(model.retry(name));
        expect(record?.state).toBe(model.executions.get(name)?.state);
      }),
    ),
    fc.tuple(key, fc.constantFrom(...intervals), work).map(([id, every, what]) =>
      command(`schedule ${id} every ${every}: ${inWords(what)}`, async (model, real) => {
        const { key: _, session: __, delay: ___, ...given } = execution(id, 0, what);
        const before = real.stage.now();
        const { next } = await real.stage.engine.schedule(aSchedule(id, { ...given, when: { every } }));
        const expected = model.schedule(id, every, { ...what, isTask: false });
        // A clock that stands still says exactly when.
        if (real.setup.clock) expect(next - before).toBe(expected - model.time);
      }),
    ),
    key.map((id) =>
      command(`unschedule ${id}`, async (model, real) => {
        expect(await real.stage.engine.unschedule(id)).toBe(model.unschedule(id));
      }),
    ),
    key.map((name) =>
      command(`cancel ${name}`, async (model, real) => {
        expect(await real.stage.engine.cancel(name)).toBe(model.cancel(name));
      }),
    ),
    fc.tuple(which, settlement).map(([number, given]) =>
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
    fc
      .tuple(which, settlement, fc.constantFrom('cancel' as const, 'replace' as const), fc.boolean())
      .map(([number, given, against, settlesFirst]) =>
        ofRun(`race ${settlesFirst ? given.type : against} first`, number, async (run, index, model, real) => {
          const { record, run: token } = real.worker.begun[index]!;
          const what = { isTask: false, component: record.component, ttl: ttls[0]!, priority: 0 };
          const { engine } = real.stage;
          const other =
            against === 'cancel'
              ? ([() => engine.cancel(record.key), () => model.cancel(record.key)] as const)
              : ([
                  async () => (await engine.replace(execution(record.key, 0, what))).added,
                  () => model.replace(record.key, 0, what),
                ] as const);
          const settle = [() => engine.settle(record.key, token, given), () => model.settle(run, given)] as const;
          const order = settlesFirst ? [settle, other] : [other, settle];
          const results = await Promise.all(order.map(([actual]) => actual()));
          expect(results).toEqual(order.map(([, expected]) => expected()));
        }),
      ),
    which.map((number) =>
      ofRun('end', number, async (run, index, model, real) => {
        real.worker.end(real.worker.begun[index]!);
        model.end(run);
        await Promise.resolve();
      }),
    ),
    which.map((number) =>
      ofRun('park', number, async (run, index, model, real) => {
        real.worker.consumer.park(real.worker.begun[index]!.run);
        model.park(run);
        await Promise.resolve();
      }),
    ),
    which.map((number) =>
      ofRun('unpark', number, async (run, index, model, real) => {
        real.unpark(index);
        model.unpark(run);
        await Promise.resolve();
      }),
    ),
    key.map((name) => command(`wait for ${name}`, async (_model, real) => void real.waitForEnd(name))),
  ];
}

/** What actors do, and time that passes as the test says. */
export const commandsWithClock: fc.Arbitrary<Command>[] = [
  ...commandsOf({ delays: [0, 50, 150], ttls: [50, 200], intervals: [60, 150, 400] }),
  fc.constantFrom(30, 60, 250).map((ms) =>
    command(`advance ${ms}`, async (model, real) => {
      await real.clock.advance(ms);
      model.advance(ms);
    }),
  ),
];

const hour = 3_600_000;

/** What actors do on an engine with a clock of its own. Times are so long that nothing comes due but what the test brings forward. */
export const commandsWithoutClock: fc.Arbitrary<Command>[] = [
  ...commandsOf({ delays: [0, 0, hour], ttls: [hour], intervals: [hour, 2 * hour] }),
  key.map((name) =>
    command(`${name} comes due`, async (model, real) => {
      await real.setup.comeDue?.(name);
      model.comeDue(name);
    }),
  ),
  key.map((id) =>
    command(`${id} ticks`, async (model, real) => {
      await real.setup.tick?.(id);
      model.tick(id);
    }),
  ),
];
