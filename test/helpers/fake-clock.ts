import type { Clock } from '../../src/base/clock.js';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test turns it. */
export class FakeClock implements Clock {
  private time: number;
  private timers: Timer[] = [];

  /** Starts at `start`, milliseconds since 1970. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.time = start;
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.timers.length;
  }

  now(): number {
    return this.time;
  }

  schedule(delay: number, run: () => void): () => void {
    const timer: Timer = { at: this.time + Math.max(delay, 0), run };
    this.timers.push(timer);
    // The real clock does not wait for anybody to turn it when the delay is 0.
    if (delay <= 0) setImmediate(() => this.fire(timer));
    return () => this.remove(timer);
  }

  /** Lets `ms` milliseconds pass: fires what becomes due, in order, and lets everything that it sets off run before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settled();
    for (let next = this.nextBefore(end); next; next = this.nextBefore(end)) {
      this.time = Math.max(this.time, next.at);
      this.fire(next);
      await settled();
    }
    this.time = end;
  }

  /** Sets the time without firing anything: a machine that slept, or whose clock was corrected. */
  jump(ms: number): void {
    this.time += ms;
  }

  private nextBefore(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    return next;
  }

  private fire(timer: Timer): void {
    if (this.remove(timer)) timer.run();
  }

  private remove(timer: Timer): boolean {
    const index = this.timers.indexOf(timer);
    if (index >= 0) this.timers.splice(index, 1);
    return index >= 0;
  }
}

/** Resolves when all microtasks, and those that they set off, have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
