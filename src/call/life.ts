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
export class CallLife {
  private reason: ErrandError | undefined;
  private controller: AbortController | undefined;
  private listeners: Set<(reason: ErrandError) => void> | undefined;
  private stopTimer: (() => void) | undefined;
  private left: number;
  private since = 0;
  private waiting = 0;

  constructor(
    private readonly clock: Clock,
    private readonly timeout: number,
    private readonly parking?: Parking,
  ) {
    this.left = timeout;
    this.arm();
  }

  /** Why the call is over, or undefined while it is not. */
  get over(): ErrandError | undefined {
    return this.reason;
  }

  /** Aborted when the call is cancelled, times out or is handed back; made when first asked for. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined && this.reason.code !== 'CALL_ENDED') this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /** @throws {ErrandError} the reason, when the call is over. */
  check(): void {
    if (this.reason !== undefined) throw this.reason;
  }

  /** Ends the call early. Only the first end counts. */
  end(reason: ErrandError): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.disarm();
    this.controller?.abort(reason);
    const { listeners } = this;
    this.listeners = undefined;
    for (const listener of listeners ?? []) listener(reason);
  }

  /** The call came to its own end: nothing is aborted, but its Context works no longer. */
  finish(): void {
    if (this.reason !== undefined) return;
    this.disarm();
    this.listeners = undefined;
    this.reason = new ErrandError(
      'CALL_ENDED',
      'The call is over, so its Context, Progress and questions no longer work. Await everything before the method returns.',
    );
  }

  /** Calls `listener` when the call ends early, at once if it has. Returns what takes it away again. */
  onEnd(listener: (reason: ErrandError) => void): () => void {
    if (this.reason !== undefined) {
      listener(this.reason);
      return () => undefined;
    }
    this.listeners ??= new Set();
    this.listeners.add(listener);
    return () => this.listeners?.delete(listener);
  }

  /** Waits for the client: meanwhile the timeout stands still and the slot is free. Rejects as soon as the call is over. */
  async waitFor<T>(answer: Promise<T>): Promise<T> {
    this.check();
    if (this.waiting++ === 0) this.pause();
    let forget: (() => void) | undefined;
    try {
      return await Promise.race([
        answer,
        new Promise<never>((_resolve, reject) => {
          forget = this.onEnd(reject);
        }),
      ]);
    } finally {
      forget?.();
      if (--this.waiting === 0) await this.resume();
    }
  }

  private pause(): void {
    this.left -= this.clock.now() - this.since;
    this.disarm();
    this.parking?.park();
  }

  private async resume(): Promise<void> {
    if (this.reason !== undefined) return;
    await this.parking?.unpark();
    if (this.waiting === 0) this.arm();
  }

  private arm(): void {
    if (this.reason !== undefined || !Number.isFinite(this.left)) return;
    this.since = this.clock.now();
    this.stopTimer = this.clock.schedule(Math.max(this.left, 0), () => {
      this.end(new ErrandError('CALL_TIMED_OUT', `The call did not finish within its timeout of ${this.timeout} ms.`));
    });
  }

  private disarm(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }
}
