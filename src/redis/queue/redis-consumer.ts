import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../connection/open-redis.js';
import { systemClock } from '../../base/clock.js';
import { settlesWithin } from '../../base/disposal.js';
import type { Consumer, Delivery, DeliveryHandler, Revocation } from '../../docket/engine/engine.js';
import { RunSlots } from '../../docket/engine/run-slots.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { DoneTicket, FinishedRun, NextTicket } from './redis-runs.js';
import type { Ticket } from './queue-jobs.js';
import { QueueWorker, type HeldJob, type QueueWorkerOptions } from './queue-worker.js';

/** What has become of a run that was to be finished, and the ticket that came with that. */
interface Finished {
  readonly accepted: boolean;
  readonly next?: NextTicket;
}

/** What a consumer needs of its engine. */
export interface RedisConsumerHost {
  readonly prefix: string;
  readonly connection: RedisClient;
  /** How long Redis may take to answer, in milliseconds. */
  readonly deadline: number;
  /** How long a worker that has died keeps its executions from others, in milliseconds. */
  readonly lease: number;
  /** The run that a ticket becomes; undefined where it means nothing any more. */
  claim(ticket: Ticket, run: string): Promise<Delivery | undefined>;
  readonly take?: QueueWorkerOptions['take'];
  passOn(): Promise<void>;
  /**
   * A ticket is done with, and the next one becomes the run `coming`; the other way the run of the ticket is finished in the
   * same step. Absent where BullMQ has to be asked for each by itself.
   */
  readonly next?: (done: DoneTicket, coming: string) => Promise<NextTicket | undefined>;
  readonly finish?: (finished: FinishedRun, done: DoneTicket, coming: string) => Promise<Finished>;
  /** A run that was not begun is as if it had never been. */
  unclaim(delivery: Delivery): Promise<void>;
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
  private readonly worker: QueueWorker;
  /** Tickets whose lock is renewed, by the run that they have become. */
  private readonly held = new Map<string, HeldJob>();
  /** Runs that the next tickets are to become. */
  private readonly coming = new Set<string>();
  /** Runs that were finished in one step with the next one, until that is begun. */
  private readonly finishing = new Map<string, { readonly coming: string; readonly step: Promise<Finished> }>();
  /** Runs that were revoked before their handler was called. */
  private readonly early = new Map<string, Revocation>();
  private readonly begun = new Set<string>();
  private readonly renewing: NodeJS.Timeout;
  private readonly taking: Promise<void>;
  private renewal = false;
  private wake = (): void => undefined;
  /** Tickets that come with the end of a run, and begin before any other is fetched: they are older. */
  private handedOver = 0;
  /** What may still bring a ticket, or is about to give one back. */
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
      revoked: (run, why) => this.tellRevoked(run, why),
      done: () => void this.close(),
    });
    this.worker = new QueueWorker({ ...host, name: options.worker, wants: () => this.mayBegin() });
    this.renewing = setInterval(() => void this.renew().catch(host.report), Math.ceil(lease / 3));
    this.taking = this.take();
  }

  /** Runs that hold a slot, and runs that wait without one. */
  get load(): { readonly running: number; readonly waiting: number } {
    const { running, waiting } = this.slots;
    return { running, waiting };
  }

  /** Whether it is a run of this worker. */
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

  /** Told by the engine. The handler hears of it once its run has begun. */
  revoke(run: string, why: Revocation): void {
    if (this.begun.has(run)) this.slots.revoke(run, why);
    else if (this.has(run)) this.early.set(run, why);
  }

  /**
   * Settles a run that is over, and takes the next ticket with the same step. Undefined where it is to be settled alone: there is
   * no room for another run, or there is only this one, so that whoever waits for its end is to hear of it first.
   */
  finish(finished: FinishedRun): Promise<boolean> | undefined {
    const { run } = finished;
    const ticket = this.held.get(run);
    if (!this.host.finish || !ticket || this.finishing.has(run)) return undefined;
    if (this.slots.running < 2 || !this.slots.hasRoomAfter(run)) return undefined;
    const coming = this.expect();
    // From here on the ticket may go away at any time, which revokes nothing.
    this.begun.delete(run);
    const step = this.host.finish(finished, ticket, coming);
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
    // Their runs look for nothing any more.
    for (const run of [...this.finishing.keys()]) {
      const ticket = this.held.get(run);
      if (ticket) this.keep(this.complete(ticket).then((next) => next && this.giveBack(next)));
    }
    // What comes when nothing is begun any more goes back first.
    await settlesWithin(this.arrived(), this.host.deadline, systemClock);
    await this.worker.close(true);
    await this.taking;
    this.host.done(this);
  }

  /** Remembers what is on its way until it has come. */
  private keep(work: Promise<void | undefined>): void {
    const kept = work.catch(this.host.report).finally(() => this.onTheWay.delete(kept));
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
        const ticket = await this.worker.fetch(coming);
        if (ticket) await this.begin(ticket);
        else this.forget(coming);
      } catch (error) {
        this.forget(coming);
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

  private async begin(ticket: HeldJob): Promise<void> {
    const { run } = ticket;
    // While it was waited for, a run may have come back to the slot, or the worker may have stopped.
    if (!this.mayBegin()) return this.giveBack(ticket);
    this.held.set(run, ticket);
    this.coming.delete(run);
    let following: HeldJob | undefined;
    const ended = this.slots.begin(run, async () => {
      try {
        following = await this.make(ticket);
      } catch (error) {
        this.host.report(error);
      }
      this.held.delete(run);
      this.begun.delete(run);
      this.early.delete(run);
      // Before the slot is given back: who waits for the last run waits for this as well.
      const next = following;
      if (next) this.keep(ended.then(() => this.follow(next)));
    });
    void ended.catch(this.host.report);
  }

  private async follow(ticket: HeldJob): Promise<void> {
    try {
      await this.begin(ticket);
    } finally {
      this.handedOver--;
      this.wake();
    }
  }

  /** For another worker, or for later. */
  private async giveBack(ticket: HeldJob): Promise<void> {
    const { run, claimed, delivery } = ticket;
    this.forget(run);
    if (claimed && !delivery) return this.worker.drop(ticket);
    if (delivery) await this.host.unclaim(delivery);
    await this.worker.putBack(ticket);
  }

  /** Makes a run of a ticket. Gives the ticket that came with the news that this one is done, if one did. */
  private async make(ticket: HeldJob): Promise<HeldJob | undefined> {
    const { run } = ticket;
    const delivery = ticket.claimed ? ticket.delivery : await this.host.claim(ticket.ticket, run);
    if (delivery) {
      this.begun.add(run);
      const running = this.handler.run(delivery);
      const why = this.early.get(run);
      if (why) this.slots.revoke(run, why);
      await running.catch(this.host.report);
      // From here on the ticket may go away at any time, which revokes nothing.
      this.begun.delete(run);
      if (this.closing) return undefined;
      await this.host.ended(delivery).catch(this.host.report);
    }
    let following: HeldJob | undefined;
    let late = false;
    const completed = this.complete(ticket).then(async (next) => {
      if (!next) return;
      if (late || this.closing) return this.giveBack(next);
      following = next;
      this.handedOver++;
    });
    this.keep(completed);
    // A ticket whose lock was lost has become that of another worker, which finds out what it is worth. So does one that
    // Redis cannot be told of in time: nobody who stops has to wait for the end of an outage.
    await settlesWithin(completed, this.host.deadline, systemClock).catch(() => undefined);
    late = true;
    return following;
  }

  /** The ticket of a run is done with. Asks for the next one with the same step, where there is room for it. */
  private async complete(ticket: HeldJob): Promise<HeldJob | undefined> {
    const finishing = this.finishing.get(ticket.run);
    this.finishing.delete(ticket.run);
    // A step that failed may have been made all the same: the ticket that came with it is asked for as what it is.
    const finished = await finishing?.step.catch(() => undefined);
    if (finishing && finished) return this.followed(finished.next, ticket, finishing.coming);
    const { next } = this.host;
    if (!next || (!finishing && !this.slots.hasRoomAfter(ticket.run))) {
      await this.worker.drop(ticket);
      return undefined;
    }
    const coming = finishing?.coming ?? this.expect();
    const found = await next(ticket, coming).catch((error: unknown) => {
      this.forget(coming);
      throw error;
    });
    return this.followed(found, ticket, coming);
  }

  /** The ticket that came for a run, if one came. */
  private async followed(next: NextTicket | undefined, before: HeldJob, coming: string): Promise<HeldJob | undefined> {
    if (next) return heldBy(before, next, coming);
    this.forget(coming);
    await this.worker.foundNone();
    return undefined;
  }

  /** A name for a run that is to come. It may be revoked before it is known here. */
  private expect(): string {
    const coming = randomUUID();
    this.coming.add(coming);
    return coming;
  }

  /** A run that was to come does not begin. */
  private forget(run: string): void {
    this.coming.delete(run);
    this.early.delete(run);
  }

  /** A renewal that waits for the end of an outage is the only one: the locks are asked for as they are then. */
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

  private tellRevoked(run: string, why: Revocation): void {
    try {
      this.handler.revoke(run, why);
    } catch (error) {
      this.host.report(error);
    }
  }
}

/** The ticket that came instead of the one before is held by the lock of that. */
const heldBy = ({ lock }: HeldJob, next: NextTicket, run: string): HeldJob => ({
  lock,
  run,
  claimed: true,
  ...next,
});
