import type { Clock } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';

/** What a worker does while a call waits for its user: gives the slot back, and takes one again. */
export interface Parking {
  park(): void;
  unpark(): Promise<void>;
}

/**
 * The time of one call: its timeout, which does not count open questions, and its end. Once it is over, everything that
 * still waits rejects with the reason, and so does every method of the call's Context.
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

  /** Why the call is over, or undefined while it is not. */
  get over(): ErrandError | undefined {
    if (this.finished) this.reason ??= ended(); // made when asked for: a stack trace for each call would cost more than the call
    return this.reason;
  }

  /** Aborted when the call is cancelled, times out or is handed back; made when first asked for. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined && !this.finished) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /** @throws {ErrandError} the reason, when the call is over. */
  check(): void {
    const { over } = this;
    if (over !== undefined) throw over;
  }

  /** Ends the call early. Only the first end counts. */
  end(reason: ErrandError): void {
    if (this.isOver) return;
    this.reason = reason;
    this.disarm();
    this.controller?.abort(reason);
    this.listener?.(reason);
    this.turnAwayWaiters();
  }

  /** Ends this run of the call: it makes way for a question of its client and begins anew with the answer. That is no failure. */
  suspend(): void {
    this.end(new ErrandError('CALL_SUSPENDED', 'The call makes way for a question, and begins anew with the answer.'));
  }

  /** The call came to its own end: nothing is aborted, but its Context works no longer. */
  finish(): void {
    if (this.isOver) return;
    this.finished = true;
    this.disarm();
    if (this.waiting > 0) this.turnAwayWaiters();
  }

  /** Calls `listener` when the call ends early, at once if it has. There is one listener: who runs the call. */
  onEnd(listener: (reason: ErrandError) => void): void {
    if (this.reason === undefined) this.listener = listener;
    else listener(this.reason);
  }

  /** Waits for the client: meanwhile the timeout stands still and the slot is free. Rejects as soon as the call is over. */
  async waitFor<T>(answer: Promise<T>): Promise<T> {
    void ignorable(answer); // it may be rejected when nobody waits any more
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
    // It may have ended while it waited for its slot to come back.
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
    // Without a timer nothing ran since the last pause: the call still waits for a slot to come back to.
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

/** Lets a promise be ignored: a call that ends while nobody awaits its last `ctx.info()` must not end the process. */
export function ignorable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
