import type { OnError } from '../../docket/engine/watchers.js';
import type { Reply } from '../connection/script-runner.js';
import { newJobIn, type Admitted, type QueueJobs } from './queue-jobs.js';

/** Carries out in BullMQ's waiting list what the scripts have decided. Does nothing until the engine has started. */
export class WaitingList {
  private jobs?: QueueJobs;
  /** Numbers of jobs that are being added or removed. */
  private readonly moving = new Map<string, Promise<void>>();

  constructor(private readonly report: OnError) {}

  open(jobs: QueueJobs): void {
    this.jobs = jobs;
    jobs.open();
  }

  async close(): Promise<void> {
    await Promise.all(this.moving.values());
    await this.jobs?.close();
  }

  /** Checks for what is due after `delay` milliseconds, unless a check comes sooner. */
  checkDueIn(delay: number): void {
    this.jobs?.checkDueIn(delay);
  }

  /**
   * Adds the job that a script has created. The transition itself is complete, so callers need not wait. If the job cannot be
   * added now, the next process that checks for what is due adds it.
   */
  async enqueue(key: string, reply: Reply | undefined, front = false): Promise<void> {
    const job = newJobIn(reply);
    if (!job || job.isQueued) return;
    const { jobNumber, delay, priority } = job;
    if (delay > 0) this.jobs?.checkDueIn(delay);
    else await this.track(jobNumber, this.jobs?.add(key, jobNumber, priority, front));
  }

  /** Adds the jobs of executions that their component's limits kept waiting and now admit. As with `enqueue`, none gets lost. */
  async admit(admitted: Reply | undefined): Promise<void> {
    if (!Array.isArray(admitted) || admitted.length === 0) return;
    const adding = this.jobs?.admit(admitted as Admitted).catch(this.report);
    await Promise.all((admitted as Admitted).map(([, [jobNumber]]) => this.track(jobNumber, adding)));
  }

  /** Mere tidiness: a worker drops the job of an ended execution anyway. The job may still be on its way into the list. */
  remove(jobNumber: Reply | undefined): void {
    if (typeof jobNumber !== 'string') return;
    const before = this.moving.get(jobNumber) ?? Promise.resolve();
    void this.track(
      jobNumber,
      before.then(() => this.jobs?.remove(jobNumber)),
    );
  }

  private async track(jobNumber: string, change: Promise<void> | undefined): Promise<void> {
    if (!change) return;
    const moving = change.catch(this.report);
    this.moving.set(jobNumber, moving);
    await moving;
    if (this.moving.get(jobNumber) === moving) this.moving.delete(jobNumber);
  }
}
