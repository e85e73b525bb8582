import type { Clock } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';

/** How a worker frees the slot of a call that waits for its user, and takes one again. */
export interface Parking {
  park(): void;
  unpark(): Promise<void>;
}

/**
 * The lifetime of one call: its timeout, which pauses while a question is open, and its end. Once the call is over,
 * everything that still waits rejects with the reason, and so does every method of its Context.
 */
export class CallScope {
  private reason: ErrandError | undefined;
  private controller: AbortController | undefined;
  private listener: ((reason: ErrandError) => void) | undefined;
  private waiters: Set<(reason: ErrandError) => void> | undefined;
  private finished = false;
  private stopTimer: (() => void) | undefined;
  private left: number;
  private since = 0;
  private waiting = 0;

  constructor(
    readonly clock: Clock,
    private readonly timeout: number,
    private readonly parking?: Parking,
  ) {
    this.left = timeout;
    this.arm();
  }

  /** The reason why the call is over; undefined while it runs. */
  get over(): ErrandError | undefined {
    if (this.finished) this.reason ??= ended(); // lazy: capturing a stack trace for each call would cost more than the call
    return this.reason;
  }

  /** Aborted when the call is cancelled, times out or is released by its worker. Created on first use. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined && !this.finished) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /** @throws {ErrandError} the reason, once the call is over. */
  check(): void {
    const { over } = this;
    if (over !== undefined) throw over;
  }

  /** Ends the call early. Only the first reason counts. */
  end(reason: ErrandError): void {
    if (this.isOver) return;
    this.reason = reason;
    this.disarm();
    this.controller?.abort(reason);
    this.listener?.(reason);
    this.turnAwayWaiters();
  }

  /** Ends this run without failing the call: it makes way for a question and starts over with the answer. */
  suspend(): void {
    this.end(new ErrandError('CALL_SUSPENDED', 'The call makes way for a question, and starts over with the answer.'));
  }

  /** The call returned or threw: nothing is aborted, but its Context no longer works. */
  finish(): void {
    if (this.isOver) return;
    this.finished = true;
    this.disarm();
    if (this.waiting > 0) this.turnAwayWaiters();
  }

  /** Calls `listener` when the call ends early, at once if it already has. There is one listener: the pipeline. */
  onEnd(listener: (reason: ErrandError) => void): void {
    if (this.reason === undefined) this.listener = listener;
    else listener(this.reason);
  }

  /** Waits without a slot, and pauses the timeout. Rejects as soon as the call is over. */
  async waitFor<T>(answer: Promise<T>): Promise<T> {
    void ignorable(answer); // may reject after the wait is over
    this.check();
    if (this.waiting++ === 0) this.pause();
    let turnAway: ((reason: ErrandError) => void) | undefined;
    let value: T;
    try {
      value = await new Promise<T>((resolve, reject) => {
        turnAway = reject;
        (this.waiters ??= new Set()).add(reject);
        answer.then(resolve, reject);
      });
    } finally {
      if (turnAway !== undefined) this.waiters?.delete(turnAway);
      if (--this.waiting === 0) await this.resume();
    }
    // The call may have ended while it waited for a slot.
    this.check();
    return value;
  }

  private turnAwayWaiters(): void {
    const { over } = this;
    if (over !== undefined) for (const turnAway of this.waiters ?? []) turnAway(over);
  }

  private get isOver(): boolean {
    return this.finished || this.reason !== undefined;
  }

  private pause(): void {
    // No timer: the call has not run since the last pause and still waits for a slot.
    if (this.stopTimer !== undefined) this.left -= this.clock.now() - this.since;
    this.disarm();
    this.parking?.park();
  }

  private async resume(): Promise<void> {
    if (this.isOver) return;
    await this.parking?.unpark();
    if (this.waiting === 0 && this.stopTimer === undefined) this.arm();
  }

  private arm(): void {
    if (this.isOver || !Number.isFinite(this.left)) return;
    this.since = this.clock.now();
    this.stopTimer = this.clock.schedule(Math.max(this.left, 0), () => {
      this.end(
        new ErrandError('CALL_TIMED_OUT', `The call did not finish within its timeout of ${this.timeout} ms.`, {
          exposed: true,
        }),
      );
    });
  }

  private disarm(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }
}

const ended = (): ErrandError =>
  new ErrandError(
    'CALL_ENDED',
    'The call is over, so its Context, Progress and questions no longer work. Await everything before the method returns.',
  );

/** Marks a promise as handled: a `ctx.info()` that nobody awaits must not crash the process when the call ends. */
export function ignorable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
