import type { Consumer, Delivery, DeliveryHandler } from './engine.js';
import type { OnError } from './watchers.js';

/** What a consumer tells its engine. */
export interface ConsumerHost {
  /** The consumer may have room for another execution. */
  slotFree(): void;
  /** A run has ended, settled or not. */
  runEnded(delivery: Delivery): void;
  /** The consumer takes nothing more and has no runs left. */
  done(consumer: MemoryConsumer): void;
  readonly report: OnError;
}

interface Run {
  readonly delivery: Delivery;
  holdsSlot: boolean;
  /** It has lost its execution; what is left of it is winding up and needs no slot. */
  revoked: boolean;
  /** Set while it waits for a slot to come back to. */
  comeback?: { readonly promise: Promise<void>; readonly resolve: () => void };
}

/** The slots and runs of one worker of a memory engine. */
export class MemoryConsumer implements Consumer {
  private readonly runs = new Map<string, Run>();
  /** Runs that wait for a slot, in the order in which they asked. While there are any, no slot is free. */
  private readonly comingBack = new Set<Run>();
  private readonly whenIdle: (() => void)[] = [];
  private slotsTaken = 0;
  private accepting = true;

  constructor(
    private readonly concurrency: number,
    private readonly handler: DeliveryHandler,
    private readonly host: ConsumerHost,
  ) {}

  /** Whether another execution can start. */
  get hasRoom(): boolean {
    return this.accepting && this.slotsTaken < this.concurrency;
  }

  /** Starts a run. There must be room. */
  begin(delivery: Delivery): void {
    const run: Run = { delivery, holdsSlot: true, revoked: false };
    this.runs.set(delivery.run, run);
    this.slotsTaken++;
    void this.make(run);
  }

  /** Tells a run that it has lost its execution. */
  revoke(token: string, why: 'cancelled' | 'lost'): void {
    const run = this.runs.get(token);
    if (!run || run.revoked) return;
    run.revoked = true;
    this.giveUpComeback(run);
    try {
      this.handler.revoke(token, why);
    } catch (error) {
      this.host.report(error);
    }
  }

  park(token: string): void {
    const run = this.runs.get(token);
    if (!run) return;
    // Whoever waits for the slot goes on, as if it had been given and parked again.
    this.giveUpComeback(run);
    this.release(run);
  }

  unpark(token: string): Promise<void> {
    const run = this.runs.get(token);
    if (!run || run.holdsSlot || run.revoked) return Promise.resolve();
    if (run.comeback) return run.comeback.promise;
    if (this.slotsTaken < this.concurrency) {
      this.take(run);
      return Promise.resolve();
    }
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => (resolve = done));
    run.comeback = { promise, resolve };
    this.comingBack.add(run);
    return promise;
  }

  stopIntake(): Promise<void> {
    this.accepting = false;
    this.checkIdle();
    return Promise.resolve();
  }

  idle(): Promise<void> {
    if (this.runs.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** The engine is closed: runs are not told, but none is left waiting for a slot. */
  close(): void {
    this.accepting = false;
    for (const run of this.runs.values()) {
      run.revoked = true;
      this.giveUpComeback(run);
    }
  }

  private async make(run: Run): Promise<void> {
    try {
      await this.handler.run(run.delivery);
    } catch (error) {
      this.host.report(error);
    }
    this.runs.delete(run.delivery.run);
    this.giveUpComeback(run);
    this.host.runEnded(run.delivery);
    this.release(run);
    this.checkIdle();
  }

  private checkIdle(): void {
    if (this.runs.size > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
    if (!this.accepting) this.host.done(this);
  }

  private take(run: Run): void {
    run.holdsSlot = true;
    this.slotsTaken++;
  }

  private release(run: Run): void {
    if (!run.holdsSlot) return;
    run.holdsSlot = false;
    this.slotsTaken--;
    const [next] = this.comingBack;
    if (!next) {
      this.host.slotFree();
      return;
    }
    this.take(next);
    this.giveUpComeback(next);
  }

  /** Ends the wait for a slot. */
  private giveUpComeback(run: Run): void {
    this.comingBack.delete(run);
    run.comeback?.resolve();
    run.comeback = undefined;
  }
}
