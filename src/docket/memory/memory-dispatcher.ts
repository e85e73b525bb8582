import type { ComponentLimits } from '../../components/options.js';
import { Heap, type HeapNode } from './heap.js';
import type { RunSlots } from '../engine/run-slots.js';

/** How many deliveries may follow each other before sockets and timers get their turn. */
const longestBurst = 100;

/** An item of the waiting list. */
interface Waiting {
  readonly component: string;
  readonly priority: number;
  readonly position: number;
}

/** The parts of an engine that its dispatcher depends on. */
interface DispatcherHost<T> {
  deliver(item: T, consumer: RunSlots): void;
  now(): number;
  /** Calls `run` once at that time. */
  at(time: number, run: () => void): void;
}

/** The waiting list and the counts of one component. */
interface Lane<T> {
  readonly waiting: Heap<T>;
  /** How many have been delivered and not given back. */
  running: number;
  /** The current window of the rate limit, and the number of deliveries in it. */
  window?: { readonly endsAt: number; used: number };
  /** The end of the window for which a wake-up has been scheduled. */
  wakesAt?: number;
}

const before = (a: Waiting, b: Waiting): boolean =>
  a.priority === b.priority ? a.position < b.position : a.priority < b.priority;

/** Delivers due executions to consumers with room: to each in turn the first one that may run there. */
export class Dispatcher<T extends Waiting> {
  /** By component, as long as it has anything waiting, running or counted. */
  private readonly lanes = new Map<string, Lane<T>>();
  /** Consumers with their limits, in turn. One that stopped its intake stays until its last run has ended. */
  private readonly consumers = new Map<RunSlots, ReadonlyMap<string, ComponentLimits> | undefined>();
  private waiting = 0;
  private pending = false;
  private burst = 0;

  constructor(private readonly host: DispatcherHost<T>) {}

  /** The length of the waiting list. */
  get size(): number {
    return this.waiting;
  }

  add(consumer: RunSlots, limits?: ReadonlyMap<string, ComponentLimits>): void {
    this.consumers.set(consumer, limits);
    this.dispatchSoon();
  }

  remove(consumer: RunSlots): void {
    this.consumers.delete(consumer);
  }

  push(item: T): HeapNode<T> {
    this.waiting++;
    const node = this.laneOf(item.component).waiting.push(item);
    this.dispatchSoon();
    return node;
  }

  delete(node: HeapNode<T>): void {
    const lane = this.laneOf(node.value.component);
    lane.waiting.delete(node);
    this.waiting--;
    this.tidy(node.value.component, lane);
  }

  /** A run of this component no longer owns its execution. */
  left(component: string): void {
    const lane = this.laneOf(component);
    lane.running--;
    this.tidy(component, lane);
    this.dispatchSoon();
  }

  /** Delivers in a microtask, so that callers see an added execution queued before it runs. */
  dispatchSoon(): void {
    if (this.pending || this.waiting === 0) return;
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
    this.lanes.clear();
    this.waiting = 0;
    for (const consumer of this.consumers.keys()) consumer.close();
    this.consumers.clear();
  }

  private dispatch(): void {
    while (this.waiting > 0 && this.burst < longestBurst) {
      if (!this.deliverOne()) return;
      this.burst++;
    }
    this.dispatchSoon();
  }

  /** Delivers to the next consumer in turn; `false` if none can take anything. */
  private deliverOne(): boolean {
    for (const [consumer, limits] of this.consumers) {
      if (!consumer.hasRoom) continue;
      const lane = this.openLane(limits);
      const item = lane?.waiting.pop();
      if (!lane || !item) continue;
      this.consumers.delete(consumer);
      this.consumers.set(consumer, limits);
      this.waiting--;
      lane.running++;
      this.count(lane, limits?.get(item.component)?.rate);
      this.host.deliver(item, consumer);
      return true;
    }
    return false;
  }

  /** The lane whose first item is the first of all that may run under these limits. */
  private openLane(limits: ReadonlyMap<string, ComponentLimits> | undefined): Lane<T> | undefined {
    let best: Lane<T> | undefined;
    let first: T | undefined;
    for (const [component, lane] of this.lanes) {
      const head = lane.waiting.peek();
      if (!head || (first && before(first, head)) || !this.isOpen(lane, limits?.get(component))) continue;
      best = lane;
      first = head;
    }
    return best;
  }

  private isOpen(lane: Lane<T>, limits: ComponentLimits | undefined): boolean {
    if (limits?.concurrency !== undefined && lane.running >= limits.concurrency) return false;
    const { window } = lane;
    if (!limits?.rate || !window || window.used < limits.rate.max || window.endsAt <= this.host.now()) return true;
    if (lane.wakesAt !== window.endsAt) {
      lane.wakesAt = window.endsAt;
      this.host.at(window.endsAt, () => this.dispatchSoon());
    }
    return false;
  }

  private count(lane: Lane<T>, rate: ComponentLimits['rate']): void {
    if (!rate) return;
    const now = this.host.now();
    if (!lane.window || lane.window.endsAt <= now) lane.window = { endsAt: now + rate.duration, used: 0 };
    lane.window.used++;
  }

  private laneOf(component: string): Lane<T> {
    let lane = this.lanes.get(component);
    if (!lane) {
      lane = { waiting: new Heap<T>(before), running: 0 };
      this.lanes.set(component, lane);
    }
    return lane;
  }

  private tidy(component: string, { waiting, running, window }: Lane<T>): void {
    if (waiting.size > 0 || running > 0 || (window && window.endsAt > this.host.now())) return;
    this.lanes.delete(component);
  }
}
