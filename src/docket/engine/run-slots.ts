import type { Consumer, Revocation } from './engine.js';

/** What the slots of a worker tell its engine. */
export interface SlotsHost {
  /** There may be room for another run. */
  slotFree(): void;
  /** A run has lost its execution: the handler wants to know. */
  revoked(run: string, why: Revocation): void;
  /** Nothing more is taken, and no run is left. */
  done(slots: RunSlots): void;
}

interface Run {
  readonly token: string;
  holdsSlot: boolean;
  /** It has lost its execution; what is left of it is winding up and needs no slot. */
  revoked: boolean;
  /** Set while it waits for a slot to come back to. */
  comeback?: { readonly promise: Promise<void>; readonly resolve: () => void };
}

/** The slots and runs of one worker, the same for every engine. */
export class RunSlots implements Consumer {
  private readonly runs = new Map<string, Run>();
  /** Runs that wait for a slot, in the order in which they asked. While there are any, no slot is free. */
  private readonly comingBack = new Set<Run>();
  private readonly whenIdle: (() => void)[] = [];
  private slotsTaken = 0;
  /** The run beside which no other may hold a slot, from when that was asked for. */
  private isolated: { readonly run: Run; readonly alone: () => void } | undefined;
  private accepting = true;

  constructor(
    private readonly concurrency: number,
    private readonly host: SlotsHost,
  ) {}

  /** Whether another run can start. */
  get hasRoom(): boolean {
    return this.accepting && this.isolated === undefined && this.slotsTaken < this.concurrency;
  }

  /** Runs that hold a slot. */
  get running(): number {
    return this.slotsTaken;
  }

  /** Runs that wait without one. */
  get waiting(): number {
    return this.runs.size - this.slotsTaken;
  }

  /** Whether another run can start once this one has ended. */
  hasRoomAfter(token: string): boolean {
    const taken = this.slotsTaken - (this.runs.get(token)?.holdsSlot ? 1 : 0);
    if (this.isolated && this.isolated.run.token !== token) return false;
    return this.accepting && taken < this.concurrency && this.comingBack.size === 0;
  }

  /**
   * Starts a run, which takes a slot until `work` has settled, and resolves when it is given back. There must be room, and
   * `work` must not reject.
   */
  begin(token: string, work: () => Promise<void>): Promise<void> {
    const run: Run = { token, holdsSlot: true, revoked: false };
    this.runs.set(token, run);
    this.slotsTaken++;
    return work().then(() => this.ended(run));
  }

  /** Tells a run that it has lost its execution. */
  revoke(token: string, why: Revocation): void {
    const run = this.runs.get(token);
    if (!run || run.revoked) return;
    run.revoked = true;
    this.giveUpComeback(run);
    this.host.revoked(token, why);
  }

  park(token: string): void {
    const run = this.runs.get(token);
    if (!run) return;
    // Whoever waits for the slot goes on, as if it had been given and parked again.
    this.giveUpComeback(run);
    this.release(run);
  }

  isolate(token: string): Promise<void> | undefined {
    const run = this.runs.get(token);
    if (!run || this.isolated) return undefined;
    return new Promise((alone) => {
      this.isolated = { run, alone };
      this.checkAlone();
    });
  }

  unpark(token: string): Promise<void> {
    const run = this.runs.get(token);
    if (!run || run.holdsSlot || run.revoked) return Promise.resolve();
    if (run.comeback) return run.comeback.promise;
    if (!this.isolated && this.slotsTaken < this.concurrency) {
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

  private ended(run: Run): void {
    this.runs.delete(run.token);
    this.giveUpComeback(run);
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
    if (this.isolated?.run === run) this.isolated = undefined;
    if (this.isolated) return this.checkAlone();
    // Several may have come back while one run was isolated.
    while (this.slotsTaken < this.concurrency) {
      const [next] = this.comingBack;
      if (!next) return this.host.slotFree();
      this.take(next);
      this.giveUpComeback(next);
    }
  }

  private checkAlone(): void {
    if (this.isolated && this.slotsTaken === (this.isolated.run.holdsSlot ? 1 : 0)) this.isolated.alone();
  }

  /** Ends the wait for a slot. */
  private giveUpComeback(run: Run): void {
    this.comingBack.delete(run);
    run.comeback?.resolve();
    run.comeback = undefined;
  }
}
