import type { Clock } from '../../base/clock.js';
import { Heap, type HeapNode } from './heap.js';

interface Due {
  readonly at: number;
  /** Orders those due at the same time by arrival. */
  readonly order: number;
  readonly run: () => void;
}

/** A handle from {@link TimerHeap.add} for {@link TimerHeap.delete}. */
export type Timer = HeapNode<Due>;

/**
 * Many timers over a single system timer: a hundred thousand expiring records cost one, and an empty heap none.
 */
export class TimerHeap {
  private readonly heap = new Heap<Due>((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order));
  private added = 0;
  private armedFor: number | undefined;
  private disarm: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.heap.size;
  }

  /** Calls `run` once at a time (milliseconds since 1970), never synchronously. */
  add(at: number, run: () => void): Timer {
    const timer = this.heap.push({ at, order: this.added++, run });
    this.arm();
    return timer;
  }

  /** Cancels a timer. Does nothing once it has run. */
  delete(timer: Timer): void {
    this.heap.delete(timer);
    this.arm();
  }

  /**
   * Runs all due timers, the earliest first. This happens by itself. Readers call it first, so that they never see the
   * effect of a late timer (a blocked event loop, a machine that slept).
   */
  runDue(): void {
    for (let next = this.heap.peek(); next && next.at <= this.clock.now(); next = this.heap.peek()) {
      this.heap.pop();
      next.run();
    }
    this.arm();
  }

  /** Cancels all timers. */
  clear(): void {
    this.heap.clear();
    this.arm();
  }

  private arm(): void {
    const next = this.heap.peek()?.at;
    if (next === this.armedFor) return;
    this.disarm?.();
    this.disarm = undefined;
    this.armedFor = next;
    if (next === undefined) return;
    this.disarm = this.clock.schedule(next - this.clock.now(), () => {
      this.armedFor = undefined;
      this.disarm = undefined;
      this.runDue();
    });
  }
}
