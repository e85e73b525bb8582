import type { Clock } from '../base/clock.js';

interface Running {
  readonly giveUp: () => void;
  left: number;
  since: number;
  stop: (() => void) | undefined;
}

/**
 * Timeouts of the calls that may ask this client. A question does not say which call asks it, so all of them pause while
 * one is open, as the timeouts of calls do on the server.
 */
export class PausableTimeouts {
  private readonly running = new Set<Running>();
  private isPaused = false;

  constructor(private readonly clock: Clock) {}

  /** Calls `giveUp` after that many milliseconds, not counting pauses. Returns a function that cancels it. */
  start(milliseconds: number, giveUp: () => void): () => void {
    const timeout: Running = { giveUp, left: milliseconds, since: 0, stop: undefined };
    this.running.add(timeout);
    if (!this.isPaused) this.arm(timeout);
    return () => {
      timeout.stop?.();
      this.running.delete(timeout);
    };
  }

  /** Pauses or resumes all timeouts. */
  setPaused(isPaused: boolean): void {
    if (isPaused === this.isPaused) return;
    this.isPaused = isPaused;
    for (const timeout of this.running) {
      if (isPaused) this.pause(timeout);
      else this.arm(timeout);
    }
  }

  private arm(timeout: Running): void {
    timeout.since = this.clock.now();
    timeout.stop = this.clock.schedule(timeout.left, () => {
      this.running.delete(timeout);
      timeout.giveUp();
    });
  }

  private pause(timeout: Running): void {
    timeout.stop?.();
    timeout.left -= this.clock.now() - timeout.since;
  }
}
