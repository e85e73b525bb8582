import { Job, Worker, type JobJson } from 'bullmq';
import type { OnError } from '../../docket/engine/watchers.js';
import { jobName, queueName } from '../keys.js';
import type { RedisClient } from '../connection/open-redis.js';
import type { Intake, LockedJob, NextJob } from './intake.js';
import type { Ticket } from './queue-jobs.js';

/** A queue job that a worker has locked. */
export interface HeldJob extends LockedJob, NextJob {
  /** The run that the job becomes. */
  readonly run: string;
  /** Whether the run has already been acquired. */
  readonly isAcquired: boolean;
}

/** The parts of the engine that {@link QueueWorker} uses. */
export interface QueueWorkerParts {
  readonly prefix: string;
  readonly connection: RedisClient;
  /** The name of the worker. */
  readonly name: string;
  /** How long a dead worker keeps its jobs from others, in milliseconds. */
  readonly lease: number;
  readonly intake: Intake;
  /** Whether a job is still wanted, which may change while the worker waits for one. */
  readonly wants: () => boolean;
  readonly report: OnError;
}

/**
 * BullMQ's worker, used to wait for jobs, to lock them and to recover those of dead workers. Its loop and its processor are
 * not used: the consumer decides what becomes of a job.
 */
export class QueueWorker extends Worker<Ticket> {
  private readonly parts: QueueWorkerParts;
  /** The run that the next job is to become, and the job found for it. */
  private wanted = '';
  private found: HeldJob | undefined;

  constructor(parts: QueueWorkerParts) {
    const { prefix, connection, name, lease, report } = parts;
    super(queueName, null, {
      connection,
      prefix,
      name,
      lockDuration: lease,
      // The next check finds an expired lease: with a lease of ten seconds, nine seconds after the death on average.
      stalledInterval: Math.ceil(lease / 5),
      // Our worker limits how often an execution may be lost, by the losses in its record.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      // Seconds until a job is found that another worker released without setting the marker.
      drainDelay: 1,
    });
    this.parts = parts;
    this.on('error', report);
    this.startStalledCheckTimer().catch(report);
  }

  /** Waits for the next job, which becomes the run. Undefined if none comes for a while. */
  async fetch(run: string): Promise<HeldJob | undefined> {
    const lock = this.parts.intake.newLock();
    this.wanted = run;
    this.found = undefined;
    const job = (await this.getNextJob(lock)) as Job<Ticket> | undefined;
    const found = this.takeFound();
    return found ?? (job && { id: String(job.id), data: job.data, lock, run, isAcquired: false });
  }

  /** Reports that the waiting list is empty. BullMQ then waits for the marker. */
  async foundNone(): Promise<void> {
    await this.nextJobFromJobData();
  }

  /** Acknowledges a job, which removes it. */
  async acknowledge(held: HeldJob): Promise<void> {
    await this.jobOf(held).moveToCompleted(null, held.lock, false);
  }

  /** Releases a job to the waiting list, for another worker or for later. */
  async release(held: HeldJob): Promise<void> {
    await this.jobOf(held).moveToWait(held.lock);
  }

  /** Overrides BullMQ, which calls this once the waiting list has a job. */
  protected override async moveToActive(lock: string, name?: string): Promise<Job<Ticket>> {
    const { intake, wants } = this.parts;
    if (!intake.takesJobs) return super.moveToActive(lock, name);
    if (!wants()) {
      // This worker has consumed the marker for which others wait as well.
      await intake.passOn();
      return this.nextJobFromJobData();
    }
    const run = this.wanted;
    const first = await intake.acquireFirst(lock, run);
    if (!first) return this.nextJobFromJobData();
    this.found = { lock, run, isAcquired: true, ...first };
    return this.nextJobFromJobData({} as JobJson, first.id, lock);
  }

  /** Overrides BullMQ. Building a job object that nothing reads would cost more than everything else done here for a job. */
  protected override createJob(data: JobJson, id: string): Job<Ticket> {
    return this.parts.intake.takesJobs ? placeholder(id) : super.createJob(data, id);
  }

  private takeFound(): HeldJob | undefined {
    const { found } = this;
    this.found = undefined;
    return found;
  }

  private jobOf({ id, data }: HeldJob): Job<Ticket> {
    return new Job<Ticket>(this, jobName, data, { removeOnComplete: true }, id);
  }
}

/** Passes for a job in BullMQ's own code. */
const placeholder = (id: string): Job<Ticket> => ({ id }) as object as Job<Ticket>;
