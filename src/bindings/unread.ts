import type { Clock } from '../base/clock.js';
import type { JSONRPCMessage } from '../protocol/json-rpc/messages.js';

/** How long senders wait for a client that reads slowly. */
export interface SlowReaderLimits {
  /** How much one stream may hold that its client has not read, in bytes. */
  readonly pending: number;
  /** How long a message waits for room, in milliseconds. */
  readonly wait: number;
}

/** A message that waits for room. */
interface Waiter {
  readonly bytes: number;
  readonly until: number;
  readonly settle: (isAdmitted: boolean) => void;
}

/** What a message takes on a stream beside its JSON, as an event of `text/event-stream`, in bytes. */
const framing = Buffer.byteLength('event: message\ndata: \n\n');

/** The size of a message on a stream, in bytes. */
export function sizeOf(message: JSONRPCMessage): number {
  return Buffer.byteLength(JSON.stringify(message)) + framing;
}

/**
 * The part of one stream that its client has not read. News (progress, log lines, statuses) are admitted only while there is room, so
 * that a client that does not read costs a bounded amount of memory. Everything else is sent anyway, and counted.
 */
export class Unread {
  private pending = 0;
  /** Those that wait for room, in order. */
  private waiters: Waiter[] = [];
  private waitingBytes = 0;
  private stopTimer: (() => void) | undefined;
  /** Whether somebody has waited in vain since there was room, so that nobody waits again until the client reads on. */
  private isStuck = false;
  private readonly onRoom = new Set<() => void>();

  constructor(
    private readonly clock: Clock,
    private readonly limits: SlowReaderLimits,
  ) {}

  /** Counts a message that is sent whether or not there is room. */
  add(bytes: number): void {
    this.pending += bytes;
  }

  /** The client, or the system on its behalf, took this many bytes. */
  taken(bytes: number): void {
    // Results and signs of life were not counted.
    this.pending = Math.max(this.pending - bytes, 0);
    this.release();
  }

  /** Counts a message if there is room for it now. Returns whether there is. */
  offer(bytes: number): boolean {
    if (this.waiters.length > 0 || !this.hasRoom()) return false;
    this.pending += bytes;
    return true;
  }

  /** Counts a message once there is room. Resolves with `false` if there is none in time. */
  async admit(bytes: number): Promise<boolean> {
    if (this.offer(bytes)) return true;
    // What waits takes memory as well.
    const isCrowded = this.waiters.length > 0 && this.waitingBytes + bytes > this.limits.pending;
    if (this.isStuck || isCrowded) return false;
    return new Promise((settle) => {
      this.waiters.push({ bytes, until: this.clock.now() + this.limits.wait, settle });
      this.waitingBytes += bytes;
      this.arm();
    });
  }

  /** Calls `listener` once there is room. Returns a function that removes it. */
  whenRoom(listener: () => void): () => void {
    this.onRoom.add(listener);
    return () => this.onRoom.delete(listener);
  }

  /** The stream has ended, so that nothing has to wait for it any longer. */
  end(): void {
    this.turnAway();
    this.pending = 0;
    this.tellRoom();
  }

  private hasRoom(): boolean {
    return this.pending < this.limits.pending;
  }

  private release(): void {
    if (!this.hasRoom()) return;
    this.isStuck = false;
    while (this.hasRoom()) {
      const next = this.waiters.shift();
      if (next === undefined) break;
      this.waitingBytes -= next.bytes;
      this.pending += next.bytes;
      next.settle(true);
    }
    if (this.stopTimer !== undefined) this.arm();
    if (this.hasRoom()) this.tellRoom();
  }

  private tellRoom(): void {
    if (this.onRoom.size === 0) return;
    const listeners = [...this.onRoom];
    this.onRoom.clear();
    for (const listener of listeners) listener();
  }

  /** One timer, for the first of those that wait. */
  private arm(): void {
    this.stopTimer?.();
    const [first] = this.waiters;
    this.stopTimer =
      first &&
      this.clock.schedule(first.until - this.clock.now(), () => {
        this.isStuck = true;
        this.turnAway();
      });
  }

  private turnAway(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    this.waitingBytes = 0;
    for (const { settle } of this.waiters.splice(0)) settle(false);
  }
}
