import { Queue } from 'bullmq';
import type { RedisClient } from '../connection/open-redis.js';
import type { OnError } from '../../docket/engine/watchers.js';
import { jobName, queueName } from '../keys.js';
import type { Epoch, Overall } from './epoch.js';
import type { DueTick, Schedules } from './schedules.js';
import type { Mend, Reply, ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';

/** Longest pause between two checks for what is due, in milliseconds. Another process may have made something due. */
const longestPause = 1_000;

/** Shortest pause, in milliseconds, so that one check finds several executions that become due at almost the same time. */
const shortestPause = 5;

/** Queued jobs are confirmed in batches of this size, or after this time in milliseconds: far sooner than Redis adds them again. */
const confirmationBatch = 100;
const confirmationDelay = 250;

/** Executions with the numbers of their queue jobs and their priorities. */
type Due = readonly (readonly [key: string, jobNumber: string, priority: string])[];

/** The reply of {@link lua.queue.due}. */
type DueReply = readonly [
  due: Due,
  missing: Due,
  ticks: readonly DueTick[],
  now: string,
  next: string,
  admitted: Admitted,
  overall: Overall,
  failed: readonly string[],
];

/** Executions that may run within the limits of their component, each with its new queue job. */
export type Admitted = readonly (readonly [
  key: string,
  job: readonly [jobNumber: string, delay: string, priority: string],
])[];

/** The queue job that a script has created for an execution. */
interface NewJob {
  readonly jobNumber: string;
  /** Milliseconds until the execution is due. */
  readonly delay: number;
  readonly priority: number;
  /** Whether the script has already put the job into the waiting list. */
  readonly isQueued: boolean;
}

/** Reads a new queue job from the reply of a script. Undefined if there is none. */
export function newJobIn(reply: Reply | undefined): NewJob | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [jobNumber, delay, priority, isQueued] = reply as readonly Reply[];
  return {
    jobNumber: String(jobNumber),
    delay: Number(delay),
    priority: Number(priority),
    isQueued: isQueued === '1',
  };
}

/** Data of a queue job. Everything else is in the record of the execution. */
export interface Ticket {
  /** Key of the execution. */
  readonly key: string;
  /** Number of the job. The execution gets a higher one each time it is queued, and only the latest is valid. */
  readonly ticket: string;
}

/** BullMQ's jobs of a docket, and the periodic check for what is due. */
export class QueueJobs {
  private readonly queue: Queue<Ticket>;
  private timer?: NodeJS.Timeout;
  private nextCheck = Infinity;
  /** Numbers and keys of jobs that were queued since the last confirmation. */
  private unconfirmed: string[] = [];
  private confirmation?: NodeJS.Timeout | undefined;
  /** Confirmations that are under way. */
  private readonly confirming = new Set<Promise<void>>();
  private checking: Promise<void> = Promise.resolve();
  /** Whether the last check failed. An outage is reported once. */
  private failing = false;
  private closed = false;

  constructor(
    private readonly scripts: ScriptRunner,
    connection: RedisClient,
    private readonly schedules: Schedules,
    private readonly epoch: Epoch,
    private readonly report: OnError,
    private readonly mend: Mend,
  ) {
    this.queue = new Queue(queueName, {
      connection,
      prefix: scripts.prefix,
      // BullMQ's events are not read: ours say more.
      streams: { events: { maxLen: 10 } },
    });
    this.queue.on('error', report);
  }

  /** BullMQ queries the server's version once. If that fails, its queue never works. */
  async ready(): Promise<void> {
    await this.queue.waitUntilReady();
  }

  open(): void {
    this.checkDueIn(0);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.checking;
    await this.confirmQueued();
    await Promise.all(this.confirming);
    await this.queue.close();
  }

  /** Adds a job to the waiting list; at its front if the execution has waited there before. */
  async add(key: string, jobNumber: string, priority: number, front = false): Promise<void> {
    await this.queue.add(
      jobName,
      { key, ticket: jobNumber },
      {
        jobId: `t${jobNumber}`,
        // BullMQ keeps jobs without a priority in a plain list, which is cheaper.
        ...(priority > 0 ? { priority } : { lifo: front }),
        removeOnComplete: true,
        removeOnFail: true,
      },
    );
    if (front) {
      void this.confirmFront(key, jobNumber);
      return;
    }
    this.unconfirmed.push(jobNumber, key);
    if (this.unconfirmed.length >= 2 * confirmationBatch) void this.confirmQueued();
    else this.confirmation ??= setTimeout(() => void this.confirmQueued(), confirmationDelay).unref();
  }

  /** Adds the jobs of admitted executions at the front of the waiting list. */
  async admit(admitted: Admitted): Promise<void> {
    await Promise.all(admitted.map(([key, [number, , priority]]) => this.add(key, number, Number(priority), true)));
  }

  /** Removes a job from the waiting list. If a worker already has it, the worker drops it. */
  async remove(jobNumber: string): Promise<void> {
    await this.queue.remove(`t${jobNumber}`);
  }

  /** Checks for what is due after `delay` milliseconds, unless a check comes sooner. */
  checkDueIn(delay: number): void {
    const wait = Math.min(delay, longestPause);
    const at = performance.now() + wait;
    if (this.closed || at >= this.nextCheck) return;
    this.nextCheck = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // Reset first: news that arrives during the check may schedule the next one.
      this.nextCheck = Infinity;
      this.checking = this.checking.then(() => this.checkDue());
    }, wait).unref();
  }

  private async confirmQueued(): Promise<void> {
    clearTimeout(this.confirmation);
    this.confirmation = undefined;
    const queued = this.unconfirmed.splice(0);
    if (queued.length > 0) await this.confirm(async () => this.scripts.run(lua.queue.confirm, ...queued));
  }

  private async confirmFront(key: string, jobNumber: string): Promise<void> {
    await this.confirm(async () =>
      (await this.scripts.run(lua.queue.front, jobNumber, key)) === 0 ? [jobNumber] : [],
    );
  }

  /**
   * Removes what another process has ended while this one was adding its job. If the confirmation gets lost, the job is added a
   * second time, which changes nothing.
   */
  private async confirm(step: () => Promise<Reply>): Promise<void> {
    const confirming = this.removeVain(step).catch(() => undefined);
    this.confirming.add(confirming);
    await confirming;
    this.confirming.delete(confirming);
  }

  private async removeVain(step: () => Promise<Reply>): Promise<void> {
    const vain = (await step()) as readonly string[];
    await Promise.all(vain.map((jobNumber) => this.remove(jobNumber)));
  }

  private async tick(due: DueTick, now: number): Promise<void> {
    const { job, wait } = await this.schedules.tick(due, now);
    this.checkDueIn(wait);
    const created = newJobIn(job);
    if (created && !created.isQueued) await this.add(due[0], created.jobNumber, created.priority);
  }

  private async checkDue(): Promise<void> {
    let wait: number = longestPause;
    try {
      const reply = (await this.scripts.run(lua.queue.due)) as DueReply;
      const [due, missing, ticks, now, next, admitted, overall, failed] = reply;
      this.checkDueIn(await this.epoch.check(overall, Number(now)));
      if (next !== '') wait = Math.min(Math.max(Number(next), shortestPause), longestPause);
      await Promise.all(due.map(([key, number, priority]) => this.add(key, number, Number(priority))));
      await this.admit(admitted);
      if (failed.length > 0) await this.mend(failed);
      for (const [key, number, priority] of missing) await this.add(key, number, Number(priority), true);
      await Promise.all(ticks.map((tick) => this.tick(tick, Number(now))));
      this.failing = false;
    } catch (error) {
      if (!this.failing && !this.closed) this.report(error);
      this.failing = true;
    }
    this.checkDueIn(wait);
  }
}
