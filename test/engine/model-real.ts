import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import type { EngineEvent, Revocation } from '../../src/docket/engine/engine.js';
import { isTerminal, type ExecutionState } from '../../src/docket/engine/record.js';
import { eventually } from '../helpers/eventually.js';
import { settled, type FakeClock } from '../helpers/fake-clock.js';
import { Stage, type EngineSetup, type TestWorker } from './contract/stage.js';
import { isRepeatable, type DocketModel } from './docket-model.js';

export const concurrency = 2;
/** A key may also be the id of a schedule. */
export const keys = ['a', 'b', 'c', 'd'];

/** An engine for one run of the model, and what went wrong in it. */
export interface RealSetup extends EngineSetup {
  readonly faults: readonly unknown[];
  /** Makes what is scheduled under the key due now, where no clock can be turned. */
  comeDue?(key: string): Promise<void>;
  /** Makes a schedule tick now. */
  tick?(id: string): Promise<void>;
}

/** The engine, and what the test has seen of it. */
export class Real {
  readonly events = new Map<string, EngineEvent[]>();
  /** Indexes of runs whose unpark has not resolved. */
  readonly awaiting = new Map<number, number>();
  waitersLeft = 0;

  private constructor(
    readonly setup: RealSetup,
    readonly stage: Stage,
    readonly worker: TestWorker,
  ) {}

  static async open(setup: RealSetup): Promise<Real> {
    const stage = await Stage.open(() => setup);
    const real = new Real(setup, stage, stage.work(concurrency));
    for (const key of keys) real.events.set(key, await stage.watch({ key }));
    return real;
  }

  /** Only where the engine has one. */
  get clock(): FakeClock {
    if (!this.setup.clock) throw new Error('The time of this engine is its own');
    return this.setup.clock;
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

  /** Waits until a step has had all its effects; with a clock of our own that takes no time, so that nothing else may follow. */
  async expectSoon(check: () => Promise<void>): Promise<void> {
    if (!this.setup.clock) return eventually(check, { timeout: 8_000 });
    for (let round = 0; round < 3; round++) await settled();
    await check();
  }

  /** Ends everything: nobody may be left waiting, and every slot must be free again. */
  async expectClean(model: DocketModel): Promise<void> {
    const { stage, worker } = this;
    for (const { id } of await stage.engine.schedules()) await stage.engine.unschedule(id);
    for (const name of keys) await stage.engine.cancel(name);
    for (const delivery of worker.begun) worker.end(delivery);
    await this.expectSoon(async () => {
      expect(this.waitersLeft).toBe(0);
      expect(this.awaiting.size).toBe(0);
      await Promise.resolve();
    });
    expect(worker.begun.length).toBe(model.runs.length);
    for (let index = 0; index <= concurrency; index++) await stage.add(`fresh${index}`);
    await this.expectSoon(async () => {
      expect(worker.begun.length - model.runs.length).toBe(concurrency);
      await Promise.resolve();
    });
    for (let index = 0; index <= concurrency; index++) await stage.engine.cancel(`fresh${index}`);
    expect(this.setup.faults).toEqual([]);
    for (const events of this.events.values()) expectLegal(events);
  }
}

/** The engine looks exactly like the model. */
export async function expectSame(model: DocketModel, real: Real): Promise<void> {
  const [seen, expected] = [await lookAt(real), expectedOf(model)];
  // The comparison of Jest explains well, and costs more than all the rest.
  if (!isDeepStrictEqual(seen, expected)) expect(seen).toStrictEqual(expected);
}

interface Seen {
  readonly begun: readonly string[];
  readonly revoked: readonly { readonly run: number; readonly why: Revocation }[];
  readonly awaiting: readonly number[];
  readonly executions: Readonly<Record<string, object | undefined>>;
  /** The keys of all, and of tasks, the newest first. */
  readonly all: readonly string[];
  readonly tasks: readonly string[];
  readonly schedules: readonly (readonly [id: string, every: number, component: string])[];
}

async function lookAt({ stage: { engine }, worker, awaiting, events }: Real): Promise<Seen> {
  const records = await Promise.all(keys.map((key) => engine.get(key)));
  const asked = await Promise.all(keys.map((key) => engine.questions(key)));
  const executions = keys.map((key, index) => {
    const record = records[index];
    if (!record) return [key, undefined] as const;
    const { component, state, session, attempt, losses, redelivered, openQuestions, input, progress } = record;
    const told = events.get(key)?.at(-1)?.record;
    return [
      key,
      {
        ...{ component, state, isTask: session !== undefined, attempt, losses, redelivered, openQuestions },
        ...{ input, progress: progress?.current },
        questions: asked[index]?.map((question) => [question.key, question.answer !== undefined]),
        // An event may leave out the input.
        toldLast: isDeepStrictEqual(defined({ ...told, input: undefined }), defined({ ...record, input: undefined })),
      },
    ] as const;
  });
  return {
    begun: worker.begun.map(({ record }) => record.key),
    revoked: worker.revoked.map(({ run, why }) => ({
      run: worker.begun.findIndex((one) => one.run === run),
      why,
    })),
    awaiting: [...awaiting.keys()].sort(),
    executions: Object.fromEntries(executions),
    all: (await engine.browse({ limit: 100 })).summaries.map(({ key }) => key),
    tasks: (await engine.list({ owner: 'anna', limit: 100 })).records.map(({ key }) => key),
    schedules: (await engine.schedules())
      .map(({ id, when, component }) => [id, 'every' in when ? when.every : 0, component] as const)
      .sort(),
  };
}

function expectedOf(model: DocketModel): Seen {
  const newestFirst = [...model.executions.values()].sort((a, b) => b.generation - a.generation);
  const executions = keys.map((key) => {
    const execution = model.executions.get(key);
    if (!execution) return [key, undefined] as const;
    const { component, state, isTask, attempt, losses, redelivered, openQuestions, progress, questions } = execution;
    return [
      key,
      {
        ...{ component, state, isTask, attempt, losses, redelivered, openQuestions },
        // What is over keeps only what it needs to be run again.
        ...{ input: isTerminal(state) && !isRepeatable(execution) ? undefined : { of: key }, progress },
        questions: [...questions],
        toldLast: true,
      },
    ] as const;
  });
  return {
    begun: model.runs.map(({ of }) => of.key),
    revoked: model.revoked,
    awaiting: model.awaiting.map((run) => model.runs.indexOf(run)).sort(),
    executions: Object.fromEntries(executions),
    all: newestFirst.map(({ key }) => key),
    tasks: newestFirst.filter(({ isTask }) => isTask).map(({ key }) => key),
    schedules: [...model.schedules.values()]
      .map(({ id, every, work: { component } }) => [id, every, component] as const)
      .sort(),
  };
}

const defined = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));

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
    // A later one: the one before has ended, or has made way for it.
    if (!before || record.generation !== before.generation) {
      if (before && !isTerminal(before.state)) expect(before.session).toBeUndefined();
      expect(record.generation).toBeGreaterThan(before?.generation ?? 0);
      expect(['scheduled', 'queued']).toContain(record.state);
      expect(record.attempt).toBe(0);
    } else if (isTerminal(before.state)) {
      // A question of an ended execution is closed with the record as it is at the end, just before the state is told.
      expect(record).toMatchObject({ updatedAt: before.updatedAt, state: before.state });
    } else if (type === 'state' || type === 'closed') {
      expect([before.state, ...legal[before.state]]).toContain(record.state);
    } else {
      expect(record.state).toBe('running');
    }
    expect(record.updatedAt).toBeGreaterThanOrEqual(before?.updatedAt ?? 0);
  }
}
