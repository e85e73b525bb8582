import type { OnError } from '../../docket/engine/watchers.js';
import type { Reply } from '../scripts/script.js';
import { placeIn, type Called, type QueueJobs } from './queue-jobs.js';

/** What scripts say of the places of executions in line, done with BullMQ's tickets. Nothing is done before the engine has started. */
export class WaitingList {
  private tickets?: QueueJobs;
  /** Tickets on their way into the line, or out of it. */
  private readonly moving = new Map<string, Promise<void>>();

  constructor(private readonly report: OnError) {}

  open(tickets: QueueJobs): void {
    this.tickets = tickets;
    tickets.open();
  }

  async close(): Promise<void> {
    await Promise.all(this.moving.values());
    await this.tickets?.close();
  }

  /** Looks for what is due after `delay` milliseconds, if no look comes before. */
  look(delay: number): void {
    this.tickets?.look(delay);
  }

  /**
   * The transition is made, so that nobody has to wait for this. Where the ticket cannot be added now, whoever looks for what is
   * due adds it.
   */
  async enqueue(key: string, reply: Reply | undefined, front = false): Promise<void> {
    const place = placeIn(reply);
    if (!place || place.inLine) return;
    const { ticket, delay, priority } = place;
    if (delay > 0) this.tickets?.look(delay);
    else await this.moved(ticket, this.tickets?.add(key, ticket, priority, front));
  }

  /** Who had to wait for a place, and has one now. The same holds for their tickets. */
  async call(called: Reply | undefined): Promise<void> {
    if (!Array.isArray(called) || called.length === 0) return;
    const work = this.tickets?.call(called as Called).catch(this.report);
    await Promise.all((called as Called).map(([, [ticket]]) => this.moved(ticket, work)));
  }

  /** Only tidiness: the ticket of an execution that has ended is dropped wherever it turns up. It may still be on its way. */
  discard(ticket: Reply | undefined): void {
    if (typeof ticket !== 'string') return;
    const before = this.moving.get(ticket) ?? Promise.resolve();
    void this.moved(
      ticket,
      before.then(() => this.tickets?.remove(ticket)),
    );
  }

  private async moved(ticket: string, work: Promise<void> | undefined): Promise<void> {
    if (!work) return;
    const moving = work.catch(this.report);
    this.moving.set(ticket, moving);
    await moving;
    if (this.moving.get(ticket) === moving) this.moving.delete(ticket);
  }
}
