import type { OnError } from '../../docket/engine/watchers.js';
import { goneScript, signScript, signOffScript } from '../scripts/presence.js';
import type { Reply, ScriptRunner } from '../scripts/script.js';

/** How long a process that was killed keeps what it showed, as a part of the lease, and how often others look. */
const lifePerLease = 1.5;
const looksPerLease = 2;
const signsPerLease = 3;

/** A place is named by its process and a number. */
export const placeOf = (node: string, number: number): string => `${node}/${number}`;
export const nodeOf = (place: string): string => place.slice(0, place.lastIndexOf('/'));

/** Says that this process is alive, and finds out which of the others, on whom something here depends, are not. */
export class Presence {
  private readonly waiting = new Map<string, Set<() => void>>();
  /** By name, what Redis is still to be told. */
  private readonly owed = new Map<string, () => Promise<unknown>>();
  private signing?: NodeJS.Timeout;
  private looking?: NodeJS.Timeout;
  private isLooking = false;
  private closed = false;

  constructor(
    private readonly node: string,
    private readonly scripts: ScriptRunner,
    /** How long a worker that has died keeps its executions, in milliseconds; what a process shows is kept as long and a half. */
    private readonly lease: number,
    private readonly report: OnError,
  ) {}

  async open(): Promise<void> {
    await this.sign();
    const every = Math.ceil(this.lease / signsPerLease);
    this.signing = setInterval(() => void this.sign().catch(this.report), every).unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.signing);
    clearInterval(this.looking);
    this.waiting.clear();
    this.owed.clear();
    await this.scripts.run(signOffScript, this.node, 2 * this.life);
  }

  /** Calls back once when that process is gone. Returns what takes the listener away. */
  onGone(node: string, listener: () => void): () => void {
    if (this.closed || node === this.node) return () => undefined;
    const listeners = this.waiting.get(node) ?? new Set();
    this.waiting.set(node, listeners.add(listener));
    const every = Math.ceil(this.lease / looksPerLease);
    this.looking ??= setInterval(() => void this.look(), every).unref();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.waiting.get(node) === listeners) this.waiting.delete(node);
    };
  }

  /**
   * Gives something up. Where Redis cannot be reached now, it is told with the first sign that reaches it: as long as this
   * process is alive, others would wait for what it does not have any more.
   */
  async giveUp(name: string, tell: () => Promise<unknown>): Promise<void> {
    this.owed.set(name, tell);
    await tell();
    if (this.owed.get(name) === tell) this.owed.delete(name);
  }

  /** It was taken again, so that it must not be given up later. */
  tookAgain(name: string): void {
    this.owed.delete(name);
  }

  private get life(): number {
    return Math.ceil(this.lease * lifePerLease);
  }

  private async sign(): Promise<void> {
    await this.scripts.run(signScript, this.node, this.life);
    for (const [name, tell] of [...this.owed]) if (this.owed.get(name) === tell) await this.giveUp(name, tell);
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    if (this.waiting.size === 0) {
      clearInterval(this.looking);
      this.looking = undefined;
      return;
    }
    this.isLooking = true;
    try {
      const gone = (await this.scripts.run(goneScript, ...this.waiting.keys())) as readonly Reply[];
      for (const node of gone.map(String)) {
        const listeners = this.waiting.get(node);
        this.waiting.delete(node);
        listeners?.forEach((listener) => this.call(listener));
      }
    } catch (error) {
      this.report(error);
    } finally {
      this.isLooking = false;
    }
  }

  private call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.report(error);
    }
  }
}
