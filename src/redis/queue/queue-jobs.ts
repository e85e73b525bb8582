import { Queue } from 'bullmq';
import type { RedisClient } from '../connection/open-redis.js';
import type { OnError } from '../../docket/engine/watchers.js';
import { jobName, queueName } from '../keys.js';
import type { DueTick, Schedules } from './schedules.js';
import { dueScript, frontScript, ticketedScript } from '../scripts/due.js';
import type { Reply, ScriptRunner } from '../scripts/script.js';

/** At the latest after so many milliseconds a process looks for what is due, whoever made it so. */
const longestLook = 1_000;

/** So long it waits for more to become due, rather than look for each by itself. */
const shortestLook = 5;

/** So many tickets that are in the line are told of together, or those of so many milliseconds: much less than Redis waits. */
const mostArrived = 100;
const arrivalWait = 250;

/** Executions with their tickets and priorities. */
type Due = readonly (readonly [key: string, ticket: string, priority: string])[];

/** What {@link dueScript} gives. */
type DueReply = readonly [due: Due, missing: Due, ticks: readonly DueTick[], now: string, next: string, called: Called];

/** Executions that may pass the gate of their component, each with its ticket. */
export type Called = readonly (readonly [
  key: string,
  place: readonly [ticket: string, delay: string, priority: string],
])[];

/** The place in line that a step has given to an execution. */
interface Place {
  readonly ticket: string;
  /** How long it is until the execution is due, in milliseconds. */
  readonly delay: number;
  readonly priority: number;
  /** Whether the step has brought the ticket into the line already. */
  readonly inLine: boolean;
}

/** A place as steps give it; undefined where they give none. */
export function placeIn(reply: Reply | undefined): Place | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [ticket, delay, priority, inLine] = reply as readonly Reply[];
  return { ticket: String(ticket), delay: Number(delay), priority: Number(priority), inLine: inLine === '1' };
}

/** What a ticket of the queue carries: everything else is in the record. */
export interface Ticket {
  /** Of the execution. */
  readonly key: string;
  /** Grows with each place in line that the execution gets; the last one counts. */
  readonly ticket: string;
}

/** The line of executions in BullMQ, and what is to be done at a time. */
export class QueueJobs {
  private readonly queue: Queue<Ticket>;
  private timer?: NodeJS.Timeout;
  private nextLook = Infinity;
  /** What is in the line since Redis was told the last time. */
  private arrived: string[] = [];
  private arrival?: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  /** Whether the last look failed, which is reported once. */
  private failing = false;
  private closed = false;

  constructor(
    private readonly scripts: ScriptRunner,
    connection: RedisClient,
    private readonly schedules: Schedules,
    private readonly report: OnError,
  ) {
    this.queue = new Queue(queueName, {
      connection,
      prefix: scripts.prefix,
      // Nobody reads BullMQ's events: ours say more.
      streams: { events: { maxLen: 10 } },
    });
    this.queue.on('error', report);
  }

  /** BullMQ asks Redis what it is, once: where that fails, its queue never works. */
  async ready(): Promise<void> {
    await this.queue.waitUntilReady();
  }

  open(): void {
    this.look(0);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.looking;
    await this.tellArrived();
    await this.queue.close();
  }

  /** Brings a ticket into the line; to its front where its execution was there before. */
  async add(key: string, ticket: string, priority: number, front = false): Promise<void> {
    await this.queue.add(
      jobName,
      { key, ticket },
      {
        jobId: `t${ticket}`,
        // BullMQ keeps what has no priority in a list, which costs less.
        ...(priority > 0 ? { priority } : { lifo: front }),
        removeOnComplete: true,
        removeOnFail: true,
      },
    );
    // Where this gets lost, the ticket is added a second time, which changes nothing.
    if (front) {
      this.scripts.run(frontScript, ticket, key).catch(() => undefined);
      return;
    }
    this.arrived.push(ticket, key);
    if (this.arrived.length >= 2 * mostArrived) void this.tellArrived();
    else this.arrival ??= setTimeout(() => void this.tellArrived(), arrivalWait).unref();
  }

  /** Brings those that were called back into the line. */
  async call(called: Called): Promise<void> {
    await Promise.all(called.map(([key, [ticket, , priority]]) => this.add(key, ticket, Number(priority), true)));
  }

  /** Takes a ticket out of the line. One that a worker has already is dropped by that. */
  async remove(ticket: string): Promise<void> {
    await this.queue.remove(`t${ticket}`);
  }

  /** Looks for what is due after `delay` milliseconds, if no look comes before. */
  look(delay: number): void {
    const wait = Math.min(delay, longestLook);
    const at = performance.now() + wait;
    if (this.closed || at >= this.nextLook) return;
    this.nextLook = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // What becomes known while it looks sets the time of the next look.
      this.nextLook = Infinity;
      this.looking = this.looking.then(() => this.doDue());
    }, wait).unref();
  }

  private async tellArrived(): Promise<void> {
    clearTimeout(this.arrival);
    this.arrival = undefined;
    const arrived = this.arrived.splice(0);
    if (arrived.length > 0) await this.scripts.run(ticketedScript, ...arrived).catch(() => undefined);
  }

  private async tick(due: DueTick, now: number): Promise<void> {
    const { ticket, wait } = await this.schedules.tick(due, now);
    this.look(wait);
    const place = placeIn(ticket);
    if (place && !place.inLine) await this.add(due[0], place.ticket, place.priority);
  }

  private async doDue(): Promise<void> {
    let wait: number = longestLook;
    try {
      const [due, missing, ticks, now, next, called] = (await this.scripts.run(dueScript)) as DueReply;
      if (next !== '') wait = Math.min(Math.max(Number(next), shortestLook), longestLook);
      await Promise.all(due.map(([key, ticket, priority]) => this.add(key, ticket, Number(priority))));
      await this.call(called);
      for (const [key, ticket, priority] of missing) await this.add(key, ticket, Number(priority), true);
      await Promise.all(ticks.map((tick) => this.tick(tick, Number(now))));
      this.failing = false;
    } catch (error) {
      if (!this.failing && !this.closed) this.report(error);
      this.failing = true;
    }
    this.look(wait);
  }
}
