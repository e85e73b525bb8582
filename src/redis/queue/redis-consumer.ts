import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../connection/open-redis.js';
import { systemClock } from '../../base/clock.js';
import { settlesWithin } from '../../base/disposal.js';
import type { Consumer, Delivery, DeliveryHandler, Revocation, Settlement } from '../../docket/engine/engine.js';
import { RunSlots } from '../../docket/engine/run-slots.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { Leases } from '../leases/leases.js';
import type { Finished, Intake, NextJob } from './intake.js';
import { QueueWorker, type HeldJob } from './queue-worker.js';
import type { RedisRuns } from './redis-runs.js';

/**
 * The knowledge of a consumer about one run. The phases follow one another, and a run that is over is forgotten:
 *
 * - `coming`: Redis knows its token, so it may be revoked, but its job has not arrived.
 * - `held`: its job has arrived, and its lease is renewed.
 * - `running`: its handler was called.
 * - `finishing`: its outcome is sent in one step with the acquisition of the next run.
 * - `done`: its handler has returned, and its job is acknowledged. From `finishing` on the job may disappear, which revokes
 *   nothing.
 */
interface KnownRun {
  phase: 'coming' | 'held' | 'running' | 'finishing' | 'done';
  /** From `held` on. */
  job?: HeldJob;
  /** Why it was revoked before its handler was called. */
  revoked?: Revocation;
  /** Whether Redis has accepted its settlement. */
  isSettled?: boolean;
  /** From `finishing` on: the run that the next job is to become, and the step that fetches it. */
  next?: { readonly run: string; readonly step: Promise<Finished> };
}

/** The parts of the engine that {@link RedisConsumer} uses. */
export interface ConsumerParts {
  readonly prefix: string;
  readonly connection: RedisClient;
  readonly intake: Intake;
  readonly runs: RedisRuns;
  readonly leases: Leases;
  /** The consumers of this process by the runs that they know. */
  readonly owners: Map<string, RedisConsumer>;
  /** How long Redis may take to answer, in milliseconds. */
  readonly deadline: number;
  /** How long a dead worker keeps its executions from others, in milliseconds. */
  readonly lease: number;
  readonly report: OnError;
}

/**
 * The intake of one worker. BullMQ delivers jobs, locks them and redelivers those of dead workers. The number of concurrent
 * runs is limited here instead, so that a waiting run takes no slot.
 */
export class RedisConsumer implements Consumer {
  /** Resolves once the consumer takes no more jobs and has no run left. */
  readonly closed: Promise<void>;
  private readonly slots: RunSlots;
  private readonly worker: QueueWorker;
  private readonly known = new Map<string, KnownRun>();
  private readonly taking: Promise<void>;
  private wake = (): void => undefined;
  /** How many jobs came with the end of a run and have not begun. They begin before another is fetched, since they are older. */
  private handedOver = 0;
  /** Requests that may still bring a job, or are about to release one. */
  private readonly onTheWay = new Set<Promise<void>>();
  private accepting = true;
  private closing?: Promise<void>;
  private noteClosed = (): void => undefined;

  constructor(
    options: { readonly worker: string; readonly concurrency: number },
    private readonly handler: DeliveryHandler,
    private readonly parts: ConsumerParts,
  ) {
    this.closed = new Promise((resolve) => (this.noteClosed = resolve));
    this.slots = new RunSlots(options.concurrency, {
      slotFree: () => this.wake(),
      revoked: (run, why) => this.notifyRevoked(run, why),
      done: () => void this.close(),
    });
    this.worker = new QueueWorker({ ...parts, name: options.worker, wants: () => this.mayBegin() });
    this.taking = this.take();
  }

  /** Number of runs that hold a slot, and of runs that wait without one. */
  get load(): { readonly running: number; readonly waiting: number } {
    const { running, waiting } = this.slots;
    return { running, waiting };
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

  /** Revokes a run. The handler is notified once it has been called. */
  revoke(run: string, why: Revocation): void {
    const known = this.known.get(run);
    if (known?.phase === 'running') this.slots.revoke(run, why);
    else if (known?.phase === 'coming' || known?.phase === 'held') known.revoked = why;
  }

  /** Settles a run of this worker; with `over`, in one step with the acquisition of the next one, if there is room for it. */
  async settle(key: string, run: string, settlement: Settlement, over: boolean): Promise<boolean> {
    const known = this.known.get(run);
    const finished =
      over && settlement.type === 'finish' && settlement.lost !== true && known
        ? this.finishAndAcquire(key, run, settlement, known)
        : undefined;
    const accepted = await (finished ?? this.parts.runs.settle(key, run, settlement));
    if (known) known.isSettled ||= accepted;
    return accepted;
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
    // Nothing else awaits the next jobs of these runs, so they are released here.
    for (const { phase, job } of this.known.values()) {
      if (phase === 'finishing' && job) this.keep(this.complete(job).then((next) => next && this.release(next)));
    }
    // Jobs that still arrive are released before the worker closes.
    await settlesWithin(this.arrived(), this.parts.deadline, systemClock);
    await this.worker.close(true);
    await this.taking;
    for (const run of [...this.known.keys()]) this.forget(run);
    this.noteClosed();
  }

  /** Undefined if the run is the only one, so that its end should be published without delay, or if no other may begin. */
  private finishAndAcquire(
    key: string,
    run: string,
    settlement: Settlement & { readonly type: 'finish' },
    known: KnownRun,
  ): Promise<boolean> | undefined {
    const { phase, job } = known;
    if (!this.parts.intake.takesJobs || phase !== 'running' || !job) return undefined;
    if (this.slots.running < 2 || !this.slots.hasRoomAfter(run)) return undefined;
    const next = this.expect();
    const step = this.parts.intake.finish({ key, run, settlement }, job, next);
    known.phase = 'finishing';
    known.next = { run: next, step };
    return step.then(({ accepted }) => accepted);
  }

  /** Tracks a request until it has settled. */
  private keep(request: Promise<void | undefined>): void {
    const kept = request.catch(this.parts.report).finally(() => this.onTheWay.delete(kept));
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
        this.parts.report(error);
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
    const known = this.known.get(run);
    // While the worker waited for the job, a parked run may have taken the slot again, or the worker may have stopped.
    if (!this.mayBegin() || !known) return this.release(job);
    known.phase = 'held';
    known.job = job;
    this.parts.leases.hold(run, job, () => this.revoke(run, 'lost'));
    let following: HeldJob | undefined;
    const ended = this.slots.begin(run, async () => {
      try {
        following = await this.runJob(job, known);
      } catch (error) {
        this.parts.report(error);
      }
      this.forget(run);
      // Before the slot is free again: a caller that waits for the last run must wait for this as well.
      const next = following;
      if (next) this.keep(ended.then(() => this.follow(next)));
    });
    void ended.catch(this.parts.report);
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
    if (delivery) await this.parts.intake.releaseUnstarted(delivery);
    await this.worker.release(job);
  }

  /** Runs a job and acknowledges it. Returns the next job, if the acknowledgement brought one. */
  private async runJob(job: HeldJob, known: KnownRun): Promise<HeldJob | undefined> {
    const { intake, leases } = this.parts;
    await leases.checked();
    // Another worker has the execution. Nothing of it may begin here.
    if (known.revoked === 'lost') return undefined;
    const delivery = job.isAcquired ? job.delivery : await intake.acquire(job.data, job.run);
    if (delivery) {
      await this.runHandler(delivery, known);
      if (this.closing) return undefined;
    }
    let following: HeldJob | undefined;
    let late = false;
    const complete = async (): Promise<void> => {
      // First the run, then its job: without its job, an execution whose run was not released would be lost.
      if (delivery && !known.isSettled) await this.parts.runs.releaseLost(delivery);
      const next = await this.complete(job);
      if (!next) return;
      if (late || this.closing) return this.release(next);
      following = next;
      this.handedOver++;
    };
    const completed = complete();
    this.keep(completed);
    // If the lock was lost, another worker has the job and finds it invalid. The same holds if Redis does not answer in time:
    // a worker that stops need not wait for the end of an outage.
    await settlesWithin(completed, this.parts.deadline, systemClock).catch(() => undefined);
    late = true;
    return following;
  }

  private async runHandler(delivery: Delivery, known: KnownRun): Promise<void> {
    known.phase = 'running';
    const running = this.handler.run(delivery);
    if (known.revoked) this.slots.revoke(delivery.run, known.revoked);
    await running.catch(this.parts.report);
    if (!known.next) known.phase = 'done';
  }

  /** Acknowledges the job of a run and, if there is room, fetches the next one in the same step. */
  private async complete(job: HeldJob): Promise<HeldJob | undefined> {
    const known = this.known.get(job.run);
    const finishing = known?.next;
    if (known) {
      known.phase = 'done';
      delete known.next;
    }
    // A step that failed may have been carried out all the same, so the next job is requested for the same run.
    const finished = await finishing?.step.catch(() => undefined);
    if (finishing && finished) return this.nextHeld(finished.next, job, finishing.run);
    const { intake } = this.parts;
    if (!intake.takesJobs || (!finishing && !this.slots.hasRoomAfter(job.run))) {
      await this.worker.acknowledge(job);
      return undefined;
    }
    const coming = finishing?.run ?? this.expect();
    const found = await intake.acquireNext(job, coming).catch((error: unknown) => {
      this.forget(coming);
      throw error;
    });
    return this.nextHeld(found, job, coming);
  }

  private async nextHeld(next: NextJob | undefined, before: HeldJob, coming: string): Promise<HeldJob | undefined> {
    // A next job is held under the lock of the job before it.
    if (next) return { lock: before.lock, run: coming, isAcquired: true, ...next };
    this.forget(coming);
    await this.worker.foundNone();
    return undefined;
  }

  /** Returns the token of a run to come, which may be revoked before its job arrives. */
  private expect(): string {
    const coming = randomUUID();
    this.known.set(coming, { phase: 'coming' });
    this.parts.owners.set(coming, this);
    return coming;
  }

  private forget(run: string): void {
    if (!this.known.delete(run)) return;
    this.parts.owners.delete(run);
    this.parts.leases.release(run);
  }

  private notifyRevoked(run: string, why: Revocation): void {
    try {
      this.handler.revoke(run, why);
    } catch (error) {
      this.parts.report(error);
    }
  }
}
