import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../connection/open-redis.js';
import { systemClock } from '../../base/clock.js';
import { settlesWithin } from '../../base/disposal.js';
import type { Consumer, Delivery, DeliveryHandler, Revocation } from '../../docket/engine/engine.js';
import { RunSlots } from '../../docket/engine/run-slots.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { DoneJob, FinishedRun, NextJob } from './redis-runs.js';
import type { Ticket } from './queue-jobs.js';
import { QueueWorker, type HeldJob, type QueueWorkerOptions } from './queue-worker.js';

/** The result of finishing a run: whether it was accepted, and the next job that came with it. */
interface Finished {
  readonly accepted: boolean;
  readonly next?: NextJob;
}

/** The parts of the engine that a consumer uses. */
export interface RedisConsumerHost {
  readonly prefix: string;
  readonly connection: RedisClient;
  /** How long Redis may take to answer, in milliseconds. */
  readonly deadline: number;
  /** How long a dead worker keeps its executions from others, in milliseconds. */
  readonly lease: number;
  /** Acquires the run of a job. Undefined if the job is no longer valid. */
  acquire(job: Ticket, run: string): Promise<Delivery | undefined>;
  readonly acquireFirst?: QueueWorkerOptions['acquireFirst'];
  passOn(): Promise<void>;
  /**
   * Acknowledges a job and acquires the run `coming` from the next one. `finish` also settles the run of the job in the same
   * step. Both are absent if BullMQ must be called for each job by itself.
   */
  readonly acquireNext?: (done: DoneJob, coming: string) => Promise<NextJob | undefined>;
  readonly finish?: (finished: FinishedRun, done: DoneJob, coming: string) => Promise<Finished>;
  /** Undoes the acquisition of a run that never began. */
  releaseUnstarted(delivery: Delivery): Promise<void>;
  /** Called after a run. If it was not settled, its execution is queued again. */
  ended(delivery: Delivery): Promise<void>;
  /** Called once the consumer takes no more jobs and has no run left. */
  done(consumer: RedisConsumer): void;
  readonly report: OnError;
}

/**
 * The intake of one worker. BullMQ delivers jobs, locks them and redelivers those of dead workers. The number of concurrent
 * runs is limited here instead, so that a waiting run takes no slot.
 */
export class RedisConsumer implements Consumer {
  private readonly slots: RunSlots;
  private readonly worker: QueueWorker;
  /** Jobs whose locks are renewed, by the run that they have become. */
  private readonly held = new Map<string, HeldJob>();
  /** Runs that the next jobs are to become. */
  private readonly coming = new Set<string>();
  /** Runs that are finished in one step with the acquisition of the next one, until that step is complete. */
  private readonly finishing = new Map<string, { readonly coming: string; readonly step: Promise<Finished> }>();
  /** Runs that were revoked before their handler was called. */
  private readonly early = new Map<string, Revocation>();
  private readonly begun = new Set<string>();
  private readonly renewing: NodeJS.Timeout;
  private readonly taking: Promise<void>;
  private renewal = false;
  private wake = (): void => undefined;
  /** How many jobs came with the end of a run and have not begun. They begin before another is fetched, since they are older. */
  private handedOver = 0;
  /** Requests that may still bring a job, or are about to release one. */
  private readonly onTheWay = new Set<Promise<void>>();
  private accepting = true;
  private closing?: Promise<void>;

  constructor(
    options: { readonly worker: string; readonly concurrency: number },
    private readonly handler: DeliveryHandler,
    private readonly host: RedisConsumerHost,
  ) {
    const { lease } = host;
    this.slots = new RunSlots(options.concurrency, {
      slotFree: () => this.wake(),
      revoked: (run, why) => this.notifyRevoked(run, why),
      done: () => void this.close(),
    });
    this.worker = new QueueWorker({ ...host, name: options.worker, wants: () => this.mayBegin() });
    this.renewing = setInterval(() => void this.renew().catch(host.report), Math.ceil(lease / 3));
    this.taking = this.take();
  }

  /** Number of runs that hold a slot, and of runs that wait without one. */
  get load(): { readonly running: number; readonly waiting: number } {
    const { running, waiting } = this.slots;
    return { running, waiting };
  }

  /** Whether the run belongs to this worker. */
  has(run: string): boolean {
    return this.held.has(run) || this.coming.has(run);
  }

  park(run: string): void {
    this.slots.park(run);
  }

  isolate(run: string): Promise<void> | undefined {
    return this.slots.isolate(run);
  }

  unpark(run: string): Promise<void> {
    return this.slots.unpark(run);
  }

  /** Revokes a run. The handler is notified once the run has begun. */
  revoke(run: string, why: Revocation): void {
    if (this.begun.has(run)) this.slots.revoke(run, why);
    else if (this.has(run)) this.early.set(run, why);
  }

  /**
   * Settles a finished run and acquires the next one in the same step. Undefined if the run must be settled by itself: there
   * is no room for another run, or it is the only one, so that its end should be published without delay.
   */
  finish(finished: FinishedRun): Promise<boolean> | undefined {
    const { run } = finished;
    const job = this.held.get(run);
    if (!this.host.finish || !job || this.finishing.has(run)) return undefined;
    if (this.slots.running < 2 || !this.slots.hasRoomAfter(run)) return undefined;
    const coming = this.expect();
    // From here on the job may disappear at any time, which revokes nothing.
    this.begun.delete(run);
    const step = this.host.finish(finished, job, coming);
    this.finishing.set(run, { coming, step });
    return step.then(({ accepted }) => accepted);
  }

  stopIntake(): Promise<void> {
    this.accepting = false;
    this.wake();
    return this.slots.stopIntake();
  }

  idle(): Promise<void> {
    return this.slots.idle();
  }

  /** Stops taking jobs without notifying any run. Other workers receive the unfinished executions again. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.accepting = false;
    this.slots.close();
    this.wake();
    clearInterval(this.renewing);
    // Nothing else awaits the next jobs of these runs, so they are released here.
    for (const run of [...this.finishing.keys()]) {
      const job = this.held.get(run);
      if (job) this.keep(this.complete(job).then((next) => next && this.release(next)));
    }
    // Jobs that still arrive are released before the worker closes.
    await settlesWithin(this.arrived(), this.host.deadline, systemClock);
    await this.worker.close(true);
    await this.taking;
    this.host.done(this);
  }

  /** Tracks a request until it has settled. */
  private keep(request: Promise<void | undefined>): void {
    const kept = request.catch(this.host.report).finally(() => this.onTheWay.delete(kept));
    this.onTheWay.add(kept);
  }

  private async arrived(): Promise<void> {
    while (this.onTheWay.size > 0) await Promise.all(this.onTheWay);
  }

  private async take(): Promise<void> {
    while (this.accepting) {
      if (!this.mayBegin() || this.handedOver > 0) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      const coming = this.expect();
      try {
        const job = await this.worker.fetch(coming);
        if (job) await this.begin(job);
        else this.forget(coming);
      } catch (error) {
        this.forget(coming);
        if (this.isStopping()) return;
        this.host.report(error);
        await sleep(1_000, undefined, { ref: false });
      }
    }
  }

  /** A method, as is `isStopping`, because the value changes during an `await`, which the compiler cannot see. */
  private mayBegin(): boolean {
    return this.slots.hasRoom;
  }

  private isStopping(): boolean {
    return !this.accepting;
  }

  private async begin(job: HeldJob): Promise<void> {
    const { run } = job;
    // While the worker waited for the job, a parked run may have taken the slot again, or the worker may have stopped.
    if (!this.mayBegin()) return this.release(job);
    this.held.set(run, job);
    this.coming.delete(run);
    let following: HeldJob | undefined;
    const ended = this.slots.begin(run, async () => {
      try {
        following = await this.runJob(job);
      } catch (error) {
        this.host.report(error);
      }
      this.held.delete(run);
      this.begun.delete(run);
      this.early.delete(run);
      // Before the slot is free again: a caller that waits for the last run must wait for this as well.
      const next = following;
      if (next) this.keep(ended.then(() => this.follow(next)));
    });
    void ended.catch(this.host.report);
  }

  private async follow(job: HeldJob): Promise<void> {
    try {
      await this.begin(job);
    } finally {
      this.handedOver--;
      this.wake();
    }
  }

  /** Releases a job that has not begun, for another worker or for later. */
  private async release(job: HeldJob): Promise<void> {
    const { run, isAcquired, delivery } = job;
    this.forget(run);
    if (isAcquired && !delivery) return this.worker.acknowledge(job);
    if (delivery) await this.host.releaseUnstarted(delivery);
    await this.worker.release(job);
  }

  /** Runs a job and acknowledges it. Returns the next job, if the acknowledgement brought one. */
  private async runJob(job: HeldJob): Promise<HeldJob | undefined> {
    const { run } = job;
    const delivery = job.isAcquired ? job.delivery : await this.host.acquire(job.data, run);
    if (delivery) {
      this.begun.add(run);
      const running = this.handler.run(delivery);
      const why = this.early.get(run);
      if (why) this.slots.revoke(run, why);
      await running.catch(this.host.report);
      // From here on the job may disappear at any time, which revokes nothing.
      this.begun.delete(run);
      if (this.closing) return undefined;
      await this.host.ended(delivery).catch(this.host.report);
    }
    let following: HeldJob | undefined;
    let late = false;
    const completed = this.complete(job).then(async (next) => {
      if (!next) return;
      if (late || this.closing) return this.release(next);
      following = next;
      this.handedOver++;
    });
    this.keep(completed);
    // If the lock was lost, another worker has the job and finds it invalid. The same holds if Redis does not answer in time:
    // a worker that stops need not wait for the end of an outage.
    await settlesWithin(completed, this.host.deadline, systemClock).catch(() => undefined);
    late = true;
    return following;
  }

  /** Acknowledges the job of a run and, if there is room, fetches the next one in the same step. */
  private async complete(job: HeldJob): Promise<HeldJob | undefined> {
    const finishing = this.finishing.get(job.run);
    this.finishing.delete(job.run);
    // A step that failed may have been carried out all the same, so the next job is requested for the same run.
    const finished = await finishing?.step.catch(() => undefined);
    if (finishing && finished) return this.nextHeld(finished.next, job, finishing.coming);
    const { acquireNext } = this.host;
    if (!acquireNext || (!finishing && !this.slots.hasRoomAfter(job.run))) {
      await this.worker.acknowledge(job);
      return undefined;
    }
    const coming = finishing?.coming ?? this.expect();
    const found = await acquireNext(job, coming).catch((error: unknown) => {
      this.forget(coming);
      throw error;
    });
    return this.nextHeld(found, job, coming);
  }

  private async nextHeld(next: NextJob | undefined, before: HeldJob, coming: string): Promise<HeldJob | undefined> {
    if (next) return heldAfter(before, next, coming);
    this.forget(coming);
    await this.worker.foundNone();
    return undefined;
  }

  /** Returns the token of a run to come, which may be revoked before its job arrives. */
  private expect(): string {
    const coming = randomUUID();
    this.coming.add(coming);
    return coming;
  }

  /** Forgets a run that will not begin. */
  private forget(run: string): void {
    this.coming.delete(run);
    this.early.delete(run);
  }

  /** Renews the locks. During an outage only one renewal waits; it covers the jobs that are held when it began. */
  private async renew(): Promise<void> {
    if (this.renewal || this.held.size === 0) return;
    this.renewal = true;
    try {
      await this.extend();
    } finally {
      this.renewal = false;
    }
  }

  private async extend(): Promise<void> {
    const runs = [...this.held.keys()];
    const held = [...this.held.values()];
    const ids = held.map(({ id }) => id);
    const locks = held.map(({ lock }) => lock);
    const lost = new Set(await this.worker.extendJobLocks(ids, locks, this.host.lease));
    runs.forEach((run, index) => {
      if (lost.has(String(ids[index]))) this.revoke(run, 'lost');
    });
  }

  private notifyRevoked(run: string, why: Revocation): void {
    try {
      this.handler.revoke(run, why);
    } catch (error) {
      this.host.report(error);
    }
  }
}

/** A next job is held under the lock of the job before it. */
const heldAfter = ({ lock }: HeldJob, next: NextJob, run: string): HeldJob => ({
  lock,
  run,
  isAcquired: true,
  ...next,
});
