import type { Clock } from '../base/clock.js';

interface Running {
  readonly giveUp: () => void;
  left: number;
  since: number;
  stop: (() => void) | undefined;
}

/**
 * The timeouts of requests whose calls may ask this client. A question does not say which call asks it, so they all stand
 * still while one is open, as the timeouts of calls do on the server.
 */
export class StandingTimeouts {
  private readonly running = new Set<Running>();
  private isStill = false;

  constructor(private readonly clock: Clock) {}

  /** Calls back once after `timeout` milliseconds in which no question was open. Returns what stops that. */
  start(timeout: number, giveUp: () => void): () => void {
    const entry: Running = { giveUp, left: timeout, since: 0, stop: undefined };
    this.running.add(entry);
    if (!this.isStill) this.arm(entry);
    return () => {
      entry.stop?.();
      this.running.delete(entry);
    };
  }

  /** Whether a question is open now. */
  standStill(isStill: boolean): void {
    if (isStill === this.isStill) return;
    this.isStill = isStill;
    for (const entry of this.running) {
      if (isStill) this.pause(entry);
      else this.arm(entry);
    }
  }

  private arm(entry: Running): void {
    entry.since = this.clock.now();
    entry.stop = this.clock.schedule(entry.left, () => {
      this.running.delete(entry);
      entry.giveUp();
    });
  }

  private pause(entry: Running): void {
    entry.stop?.();
    entry.left -= this.clock.now() - entry.since;
  }
}
