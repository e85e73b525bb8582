import { Heap, type HeapNode } from './heap.js';
import type { RunSlots } from './run-slots.js';

/** So many deliveries may follow each other before sockets and timers get their turn. */
const longestBurst = 100;

/** What stands in line. */
interface InLine {
  readonly priority: number;
  readonly place: number;
}

const before = (a: InLine, b: InLine): boolean =>
  a.priority === b.priority ? a.place < b.place : a.priority < b.priority;

/** Brings what is due to the consumers that have room: the first in line to each of them in turn. */
export class Dispatcher<T extends InLine> {
  private readonly line = new Heap<T>(before);
  /** In the order of their turn; also those that take nothing more, until their last run has ended. */
  private readonly consumers = new Set<RunSlots>();
  private pending = false;
  private burst = 0;

  constructor(private readonly deliver: (entry: T, consumer: RunSlots) => void) {}

  /** How many wait in line. */
  get size(): number {
    return this.line.size;
  }

  add(consumer: RunSlots): void {
    this.consumers.add(consumer);
    this.dispatchSoon();
  }

  remove(consumer: RunSlots): void {
    this.consumers.delete(consumer);
  }

  push(entry: T): HeapNode<T> {
    const node = this.line.push(entry);
    this.dispatchSoon();
    return node;
  }

  delete(node: HeapNode<T>): void {
    this.line.delete(node);
  }

  /** Delivers in a microtask, so that whoever adds an execution sees it queued before it runs. */
  dispatchSoon(): void {
    if (this.pending || this.line.size === 0) return;
    this.pending = true;
    const dispatch = (): void => {
      this.pending = false;
      this.dispatch();
    };
    if (this.burst < longestBurst) {
      queueMicrotask(dispatch);
    } else {
      this.burst = 0;
      setImmediate(dispatch);
    }
  }

  close(): void {
    this.line.clear();
    for (const consumer of this.consumers) consumer.close();
    this.consumers.clear();
  }

  private dispatch(): void {
    while (this.line.size > 0 && this.burst < longestBurst) {
      const consumer = this.nextWithRoom();
      const entry = consumer && this.line.pop();
      if (!entry) return;
      this.burst++;
      this.deliver(entry, consumer);
    }
    this.dispatchSoon();
  }

  /** Its turn is over with the asking, so ask only when there is something to deliver. */
  private nextWithRoom(): RunSlots | undefined {
    for (const consumer of this.consumers) {
      if (!consumer.hasRoom) continue;
      this.consumers.delete(consumer);
      this.consumers.add(consumer);
      return consumer;
    }
    return undefined;
  }
}
