import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { longestTimer } from '../base/clock.js';
import type { OnError } from '../docket/watchers.js';
import { queueName } from './keys.js';
import { dueScript, ticketedScript } from './scripts/due.js';
import type { Reply, ScriptRunner } from './scripts/script.js';

/** At the latest after so many milliseconds a process looks for what is due, whoever made it so. */
const longestLook = 1_000;

/** What a ticket of the queue carries: everything else is in the record. */
export interface Ticket {
  readonly key: string;
  /** Grows with each place in line that the execution gets; the last one counts. */
  readonly ticket: string;
}

/** The line of executions in BullMQ, and what is to be done at a time. */
export class Tickets {
  private readonly queue: Queue<Ticket>;
  private timer?: NodeJS.Timeout;
  private nextLook = Infinity;
  private looking: Promise<void> = Promise.resolve();
  /** Whether the last look failed, which is reported once. */
  private failing = false;
  private closed = false;

  constructor(
    private readonly scripts: ScriptRunner,
    connection: Redis,
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

  open(): void {
    this.look(0);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.looking;
    await this.queue.close();
  }

  /** Brings a ticket, as the scripts give it, into the line; at its front where its execution was there before. */
  async add(key: string, reply: Reply | undefined, front = false): Promise<void> {
    const [ticket, delay, now] = (reply as readonly Reply[]).map(Number) as [number, number, number];
    const id = String(ticket);
    await this.queue.add(
      'run',
      { key, ticket: id },
      {
        jobId: `t${id}`,
        lifo: front,
        removeOnComplete: true,
        removeOnFail: true,
        // The delay counts from the time of Redis and not from that of this process.
        ...(delay > 0 && { delay, timestamp: now }),
      },
    );
    if (delay > 0) this.look(delay);
    // Where this gets lost, the ticket is added a second time, which changes nothing.
    this.scripts.run(ticketedScript, id, key).catch(() => undefined);
  }

  /** Takes a ticket out of the line. One that a worker has already is dropped by that. */
  async remove(ticket: string): Promise<void> {
    await this.queue.remove(`t${ticket}`);
  }

  /** Looks for what is due after `delay` milliseconds, if no look comes before. */
  look(delay: number): void {
    const at = performance.now() + Math.min(delay, longestTimer);
    if (this.closed || at >= this.nextLook) return;
    this.nextLook = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.looking = this.doDue();
    }, delay).unref();
  }

  private async doDue(): Promise<void> {
    let wait: number = longestLook;
    try {
      const [missing, next] = (await this.scripts.run(dueScript)) as readonly [readonly Reply[], string];
      if (next !== '') wait = Math.min(Number(next), longestLook);
      for (const each of missing) {
        const [key, ticket] = each as readonly [string, Reply];
        await this.add(key, ticket, true);
      }
      this.failing = false;
    } catch (error) {
      if (!this.failing && !this.closed) this.report(error);
      this.failing = true;
    }
    this.nextLook = Infinity;
    this.look(wait);
  }
}
