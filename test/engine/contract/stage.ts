import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Json } from '../../../src/base/json.js';
import type { ClientQuestion } from '../../../src/call/channel.js';
import type { ComponentLimits } from '../../../src/components/options.js';
import type {
  Consumer,
  Delivery,
  DeliveryHandler,
  Engine,
  EngineEvent,
  NewExecution,
  NewSchedule,
  Revocation,
  Settlement,
  Watched,
} from '../../../src/docket/engine/engine.js';
import type { ExecutionRecord } from '../../../src/docket/engine/record.js';
import { eventually } from '../../helpers/eventually.js';
import { settled, type FakeClock } from '../../helpers/fake-clock.js';

/** An engine on an empty docket of its own. */
export interface EngineSetup {
  /** Not started yet. */
  readonly engine: Engine;
  /** The clock of the engine, if the test can turn it. Without one, tests of time use real waits. */
  readonly clock?: FakeClock;
  /** Cleans up after `engine.close()`. */
  dispose?(): Promise<void>;
}

/** Makes an engine for one test. */
export type MakeEngine = () => EngineSetup | Promise<EngineSetup>;

/** The fixture of a contract test: an engine, its clock, its workers and watchers. */
export class Stage {
  readonly engine: Engine;
  private readonly workers: TestWorker[] = [];

  private constructor(private readonly setup: EngineSetup) {
    this.engine = setup.engine;
  }

  static async open(make: MakeEngine): Promise<Stage> {
    const stage = new Stage(await make());
    await stage.engine.start();
    return stage;
  }

  now(): number {
    return this.setup.clock?.now() ?? Date.now();
  }

  /** Lets time pass by the engine's clock. */
  async pass(ms: number): Promise<void> {
    await (this.setup.clock?.advance(ms) ?? sleep(ms));
  }

  /** Waits long enough for anything that must not happen. */
  async quiet(): Promise<void> {
    for (let round = 0; round < 5; round++) await settled();
    if (!this.setup.clock) await sleep(100);
  }

  add(key: string, options: Partial<NewExecution> = {}): Promise<{ added: boolean; record: ExecutionRecord }> {
    return this.engine.add({ ...anExecution(key), ...options });
  }

  async record(key: string): Promise<ExecutionRecord> {
    const record = await this.engine.get(key);
    if (!record) throw new Error(`${key} is unknown`);
    return record;
  }

  /** A worker whose runs go on until the test ends them. */
  work(concurrency = 1, limits?: Readonly<Record<string, ComponentLimits>>): TestWorker {
    const worker = new TestWorker(this.engine, concurrency, limits);
    this.workers.push(worker);
    return worker;
  }

  /** Adds an execution and returns its first run. */
  async begin(key: string, worker: TestWorker, options: Partial<NewExecution> = {}): Promise<Delivery> {
    await this.add(key, options);
    return worker.next();
  }

  /** Collects all events from now on. */
  async watch(of: Watched): Promise<EngineEvent[]> {
    const events: EngineEvent[] = [];
    await this.engine.watch(of, (event) => events.push(event));
    return events;
  }

  async close(): Promise<void> {
    for (const worker of this.workers) await worker.stop();
    await this.engine.close();
    await this.setup.dispose?.();
  }
}

/** A worker whose runs go on until the test ends them. */
export class TestWorker implements DeliveryHandler {
  readonly begun: Delivery[] = [];
  readonly revoked: { readonly run: string; readonly why: Revocation }[] = [];
  readonly consumer: Consumer;
  private readonly ends = new Map<string, () => void>();
  private taken = 0;
  /** Runs that arrive after it stopped end at once. */
  private isStopping = false;

  constructor(
    private readonly engine: Engine,
    concurrency: number,
    limits: Readonly<Record<string, ComponentLimits>> = {},
  ) {
    this.consumer = engine.consume({ worker: 'worker', concurrency, limits: new Map(Object.entries(limits)) }, this);
  }

  run(delivery: Delivery): Promise<void> {
    this.begun.push(delivery);
    if (this.isStopping) return Promise.resolve();
    return new Promise((resolve) => this.ends.set(delivery.run, resolve));
  }

  revoke(run: string, why: Revocation): void {
    this.revoked.push({ run, why });
  }

  /** Returns the next run that begins, or one that has begun and was not returned yet. */
  async next(): Promise<Delivery> {
    const index = this.taken++;
    return eventually(() => {
      const delivery = this.begun[index];
      if (!delivery) throw new Error(`Run ${index + 1} has not begun`);
      return delivery;
    });
  }

  /** Ends a run, settled or not. */
  end(delivery: Delivery): void {
    this.ends.get(delivery.run)?.();
    this.ends.delete(delivery.run);
  }

  /** Settles a run with a result and ends it. */
  async finish(delivery: Delivery, result: Json = null): Promise<boolean> {
    const { record, run } = delivery;
    // `over`, as after a call that has returned.
    const accepted = await this.engine.settle(record.key, run, { type: 'finish', outcome: { result } }, true);
    this.end(delivery);
    return accepted;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.consumer.stopIntake();
    for (const delivery of this.begun) this.end(delivery);
    await this.consumer.idle();
  }
}

export function anExecution(key: string): NewExecution {
  return {
    key,
    component: 'report',
    owner: 'anna',
    session: 'of anna',
    retry: { attempts: 1, delay: 0, backoff: 'fixed', maximumDelay: 0 },
    timeout: 60_000,
    ttl: 60_000,
  };
}

export function aSchedule(id: string, options: Partial<NewSchedule> = {}): NewSchedule {
  return {
    id,
    when: { every: 1_000 },
    component: 'sweep',
    owner: 'anna',
    retry: { attempts: 1, delay: 0, backoff: 'fixed', maximumDelay: 0 },
    timeout: 60_000,
    ttl: 60_000,
    ...options,
  };
}

export function aQuestion(key: string, deadline = 3_600_000): ClientQuestion {
  return { key, kind: 'elicitation', params: { message: `${key}?` }, deadline, onDeadline: { result: 'nobody' } };
}

/** Cursors that are not strings, as untyped callers may pass them. */
export const noTexts = [5, null, {}, ['x'], true] as unknown as readonly string[];

/** Events in short: `state queued`, `progress`, `question q1`, `closed q1`, `notice`. */
export function inShort(events: readonly EngineEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'state') return `state ${event.record.state}`;
    return 'question' in event ? `${event.type} ${event.question.key}` : event.type;
  });
}

/** Waits for these events, in this order, and no others. */
export async function expectEvents(events: readonly EngineEvent[], expected: readonly string[]): Promise<void> {
  await eventually(() => expect(inShort(events)).toEqual(expected));
}

/** The ways in which a run returns its execution to the queue. */
export const waysBack = (delay: number): [string, Settlement][] => [
  ['release', { type: 'release' }],
  ['release with a delay', { type: 'release', delay }],
  ['retry', { type: 'retry', error: { code: 'Error', message: 'no' }, delay }],
];
