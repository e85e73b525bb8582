import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { systemClock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import type { Consumer, Delivery, DeliveryHandler } from '../docket/engine.js';
import { RunSlots } from '../docket/run-slots.js';
import type { OnError } from '../docket/watchers.js';
import { queueName } from './keys.js';
import type { Ticket } from './tickets.js';

/** What becomes of a ticket: a run begins, or its time has not come, or it means nothing any more. */
export type Claim =
  | { readonly type: 'run'; readonly delivery: Delivery }
  | { readonly type: 'early'; readonly delay: number }
  | { readonly type: 'drop' };

/** What a consumer needs of its engine. */
export interface RedisConsumerHost {
  readonly prefix: string;
  readonly connection: Redis;
  /** How long Redis may take to answer, in milliseconds. */
  readonly deadline: number;
  /** How long a worker that has died keeps its executions from others, in milliseconds. */
  readonly lease: number;
  claim(ticket: Ticket, run: string): Promise<Claim>;
  /** A run has ended; where it was not settled, its execution goes back into the line. */
  ended(delivery: Delivery): Promise<void>;
  /** Nothing more is taken, and no run is left. */
  done(consumer: RedisConsumer): void;
  readonly report: OnError;
}

/**
 * The intake of one worker. BullMQ brings tickets, keeps those of other workers from it and brings the tickets of dead
 * workers again; how many runs there are at once is decided here, so that a run that waits costs no slot.
 */
export class RedisConsumer implements Consumer {
  private readonly slots: RunSlots;
  private readonly worker: Worker<Ticket>;
  /** Tickets whose lock is renewed, by the run, which is also what locks them. */
  private readonly held = new Map<string, Job<Ticket>>();
  /** Runs that were revoked before their handler was called. */
  private readonly early = new Map<string, 'cancelled' | 'lost'>();
  private readonly begun = new Set<string>();
  private readonly renewing: NodeJS.Timeout;
  private readonly taking: Promise<void>;
  private wake = (): void => undefined;
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
      revoked: (run, why) => this.tellRevoked(run, why),
      done: () => void this.close(),
    });
    this.worker = new Worker<Ticket>(queueName, null, {
      connection: host.connection,
      prefix: host.prefix,
      name: options.worker,
      lockDuration: lease,
      stalledInterval: Math.ceil(lease / 2),
      // How often an execution may be lost is the worker's decision, by the attempts in the record.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      // Tickets that another worker hands back without a sign are found within this many seconds.
      drainDelay: 1,
    });
    this.worker.on('error', host.report);
    this.worker.startStalledCheckTimer().catch(host.report);
    this.renewing = setInterval(() => void this.renew().catch(host.report), Math.ceil(lease / 3));
    this.taking = this.take();
  }

  park(run: string): void {
    this.slots.park(run);
  }

  unpark(run: string): Promise<void> {
    return this.slots.unpark(run);
  }

  /** Told by the engine. The handler hears of it once its run has begun. */
  revoke(run: string, why: 'cancelled' | 'lost'): void {
    if (this.begun.has(run)) this.slots.revoke(run, why);
    else if (this.held.has(run)) this.early.set(run, why);
  }

  stopIntake(): Promise<void> {
    this.accepting = false;
    this.wake();
    return this.slots.stopIntake();
  }

  idle(): Promise<void> {
    return this.slots.idle();
  }

  /** Takes nothing more and tells no run. What was under way is delivered again by whoever works on. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.accepting = false;
    this.slots.close();
    this.wake();
    clearInterval(this.renewing);
    await this.worker.close(true);
    await this.taking;
    this.host.done(this);
  }

  private async take(): Promise<void> {
    while (this.accepting) {
      if (!this.mayBegin()) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      const run = randomUUID();
      try {
        const job = (await this.worker.getNextJob(run)) as Job<Ticket> | undefined;
        if (!job) continue;
        // While it was waited for, a run may have come back to the slot, or the worker may have stopped.
        if (this.mayBegin()) this.begin(job, run);
        else await job.moveToWait(run);
      } catch (error) {
        if (this.isStopping()) return;
        this.host.report(error);
        await sleep(1_000, undefined, { ref: false });
      }
    }
  }

  /** Both change while somebody waits, which the compiler cannot see. */
  private mayBegin(): boolean {
    return this.slots.hasRoom;
  }

  private isStopping(): boolean {
    return !this.accepting;
  }

  private begin(job: Job<Ticket>, run: string): void {
    this.held.set(run, job);
    this.slots.begin(run, async () => {
      try {
        await this.make(job, run);
      } catch (error) {
        this.host.report(error);
      }
      this.held.delete(run);
      this.begun.delete(run);
      this.early.delete(run);
    });
  }

  private async make(job: Job<Ticket>, run: string): Promise<void> {
    const claim = await this.host.claim(job.data, run);
    if (claim.type === 'early') {
      await job.moveToDelayed(Date.now() + claim.delay, run);
      return;
    }
    if (claim.type === 'run') {
      const { delivery } = claim;
      this.begun.add(run);
      const running = this.handler.run(delivery);
      const why = this.early.get(run);
      if (why) this.slots.revoke(run, why);
      await running.catch(this.host.report);
      if (this.closing) return;
      await this.host.ended(delivery);
    }
    // A ticket whose lock was lost has become that of another worker, which finds out what it is worth. So does one that
    // Redis cannot be told of in time: nobody who stops has to wait for the end of an outage.
    const completed = job.moveToCompleted(null, run, false).catch(this.host.report);
    await settlesWithin(completed, this.host.deadline, systemClock);
  }

  private async renew(): Promise<void> {
    const runs = [...this.held.keys()];
    if (runs.length === 0) return;
    const ids = runs.map((run) => String(this.held.get(run)?.id));
    const lost = new Set(await this.worker.extendJobLocks(ids, runs, this.host.lease));
    runs.forEach((run, index) => {
      if (lost.has(String(ids[index]))) this.revoke(run, 'lost');
    });
  }

  private tellRevoked(run: string, why: 'cancelled' | 'lost'): void {
    try {
      this.handler.revoke(run, why);
    } catch (error) {
      this.host.report(error);
    }
  }
}
