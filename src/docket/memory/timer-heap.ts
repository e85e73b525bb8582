import type { Clock } from '../../base/clock.js';
import { Heap, type HeapNode } from './heap.js';

interface Due {
  readonly at: number;
  /** Keeps those due at the same time in the order in which they came. */
  readonly order: number;
  readonly run: () => void;
}

/** What {@link TimerHeap.add} gives to take back with {@link TimerHeap.delete}. */
export type Timer = HeapNode<Due>;

/**
 * Many due times over one armed timer: a hundred thousand records that expire cost one timer of the machine, and
 * none when nothing is due.
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

  /** Calls `run` once at that time (milliseconds since 1970), never synchronously. */
  add(at: number, run: () => void): Timer {
    const timer = this.heap.push({ at, order: this.added++, run });
    this.arm();
    return timer;
  }

  /** Takes a due time back. Does nothing when it has passed. */
  delete(timer: Timer): void {
    this.heap.delete(timer);
    this.arm();
  }

  /**
   * Runs what is due by the clock, the earliest first. The timer does this by itself; whoever reads calls it before,
   * so that a late timer (a blocked event loop, a machine that slept) cannot be seen.
   */
  runDue(): void {
    for (let next = this.heap.peek(); next && next.at <= this.clock.now(); next = this.heap.peek()) {
      this.heap.pop();
      next.run();
    }
    this.arm();
  }

  /** Forgets everything. */
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
