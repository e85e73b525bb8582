import { randomUUID } from 'node:crypto';
import { Job, Worker, type JobJson } from 'bullmq';
import type { Delivery } from '../../docket/engine/engine.js';
import type { OnError } from '../../docket/engine/watchers.js';
import { jobName, queueName } from '../keys.js';
import type { RedisClient } from '../connection/open-redis.js';
import type { NextTicket } from './redis-runs.js';
import type { Ticket } from './queue-jobs.js';

/** A ticket that a worker has taken. */
export interface HeldJob {
  /** In BullMQ. */
  readonly id: string;
  readonly ticket: Ticket;
  /** What it is locked by. */
  readonly lock: string;
  /** What it becomes, or has become. */
  readonly run: string;
  /** Whether that is known; if not, it is to be claimed. */
  readonly claimed: boolean;
  /** Absent where the ticket means nothing any more. */
  readonly delivery?: Delivery;
}

/** What the intake of tickets needs. */
export interface QueueWorkerOptions {
  readonly prefix: string;
  readonly connection: RedisClient;
  /** The name of the worker. */
  readonly name: string;
  /** How long a worker that has died keeps its tickets from others, in milliseconds. */
  readonly lease: number;
  /** Takes the first ticket in line and makes a run of it in the same step. Absent where BullMQ has to be asked for it alone. */
  readonly take?: (lock: string, run: string) => Promise<NextTicket | undefined>;
  /** Leaves the first ticket in line to other workers. */
  readonly passOn: () => Promise<void>;
  /** Whether a ticket is still wanted. That may change while it is waited for. */
  readonly wants: () => boolean;
  readonly report: OnError;
}

/**
 * BullMQ's worker, of which the waiting for tickets, their locks and the search for those of dead workers are used. Its loop and
 * its processor are not: what becomes of a ticket is decided elsewhere.
 */
export class QueueWorker extends Worker<Ticket> {
  private readonly options: QueueWorkerOptions;
  /** The run for which a ticket is looked for, and what was found for it. */
  private wanted = '';
  private found: HeldJob | undefined;

  constructor(options: QueueWorkerOptions) {
    const { prefix, connection, name, lease, report } = options;
    super(queueName, null, {
      connection,
      prefix,
      name,
      lockDuration: lease,
      // A lease that has run out is found at the next check: with the lease of ten seconds, nine after the death on average.
      stalledInterval: Math.ceil(lease / 5),
      // How often an execution may be lost is the worker's decision, by the losses in the record.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      // Tickets that another worker hands back without a sign are found within this many seconds.
      drainDelay: 1,
    });
    this.options = options;
    this.on('error', report);
    this.startStalledCheckTimer().catch(report);
  }

  /** The next ticket, for a run. Undefined after a while without one. */
  async fetch(run: string): Promise<HeldJob | undefined> {
    const lock = randomUUID();
    this.wanted = run;
    this.found = undefined;
    const job = (await this.getNextJob(lock)) as Job<Ticket> | undefined;
    const found = this.takeFound();
    return found ?? (job && { id: String(job.id), ticket: job.data, lock, run, claimed: false });
  }

  /** The line was found empty: there is a sign when that changes. */
  async foundNone(): Promise<void> {
    await this.nextJobFromJobData();
  }

  /** A ticket is done with. */
  async drop(held: HeldJob): Promise<void> {
    await this.jobOf(held).moveToCompleted(null, held.lock, false);
  }

  /** For another worker, or for later. */
  async putBack(held: HeldJob): Promise<void> {
    await this.jobOf(held).moveToWait(held.lock);
  }

  /** Part of BullMQ's worker: it waits, and calls this when there is something to be had. */
  protected override async moveToActive(lock: string, name?: string): Promise<Job<Ticket>> {
    const { take, passOn, wants } = this.options;
    if (!take) return super.moveToActive(lock, name);
    if (!wants()) {
      // The sign for which it waited is gone, and others wait for it as well.
      await passOn();
      return this.nextJobFromJobData();
    }
    const run = this.wanted;
    const first = await take(lock, run);
    if (!first) return this.nextJobFromJobData();
    this.found = { lock, run, claimed: true, ...first };
    return this.nextJobFromJobData({} as JobJson, first.id, lock);
  }

  /** Part of BullMQ's worker. To make what nobody looks at would cost more than all else that is done here for a ticket. */
  protected override createJob(data: JobJson, id: string): Job<Ticket> {
    return this.options.take ? standIn(id) : super.createJob(data, id);
  }

  private takeFound(): HeldJob | undefined {
    const { found } = this;
    this.found = undefined;
    return found;
  }

  private jobOf({ id, ticket }: HeldJob): Job<Ticket> {
    return new Job<Ticket>(this, jobName, ticket, { removeOnComplete: true }, id);
  }
}

/** What BullMQ takes for a job, and hands on. */
const standIn = (id: string): Job<Ticket> => ({ id }) as object as Job<Ticket>;
