import type { Consumer, Revocation } from './engine.js';

/** Callbacks of a worker's slots to its engine. */
export interface SlotsHost {
  /** There may be room for another run. */
  slotFree(): void;
  /** A run has lost its execution, and its handler must be notified. */
  revoked(run: string, reason: Revocation): void;
  /** Intake has stopped, and no run is left. */
  done(slots: RunSlots): void;
}

interface Run {
  readonly token: string;
  holdsSlot: boolean;
  /** It has lost its execution. It is winding up and needs no slot. */
  revoked: boolean;
  /** Set while it waits to take a slot again. */
  comeback?: { readonly promise: Promise<void>; readonly resolve: () => void };
}

/** The slots and runs of one worker, shared by all engines. */
export class RunSlots implements Consumer {
  private readonly runs = new Map<string, Run>();
  /** Runs that wait to take a slot again, first come first served. While there are any, no slot is free. */
  private readonly comingBack = new Set<Run>();
  private readonly whenIdle: (() => void)[] = [];
  private slotsTaken = 0;
  /** The run that must be alone, from the moment it asked to be. */
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

  /** The number of runs that hold a slot. */
  get running(): number {
    return this.slotsTaken;
  }

  /** The number of runs that wait without one. */
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
   * Starts a run, which holds a slot until `work` settles, and resolves once the slot is free again. There must be room, and
   * `work` must not reject.
   */
  begin(token: string, work: () => Promise<void>): Promise<void> {
    const run: Run = { token, holdsSlot: true, revoked: false };
    this.runs.set(token, run);
    this.slotsTaken++;
    return work().then(() => this.ended(run));
  }

  /** Notifies a run that it has lost its execution. */
  revoke(token: string, reason: Revocation): void {
    const run = this.runs.get(token);
    if (!run || run.revoked) return;
    run.revoked = true;
    this.giveUpComeback(run);
    this.host.revoked(token, reason);
  }

  park(token: string): void {
    const run = this.runs.get(token);
    if (!run) return;
    // A pending unpark resolves, as if the run had taken the slot and parked again.
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

  /** The engine has closed: runs are not notified, but none is left waiting for a slot. */
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
    // Several may be waiting, if one run was isolated.
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
