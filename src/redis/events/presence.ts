import type { OnError } from '../../docket/engine/watchers.js';
import type { Reply, ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';

/** How long a killed process keeps its question leases, in worker leases, and how often others check. */
const ttlPerLease = 1.5;
const checksPerLease = 2;
const heartbeatsPerLease = 3;

/** A connection id consists of the id of its process and a number. */
export const connectionIdOf = (node: string, number: number): string => `${node}/${number}`;
export const nodeOf = (connectionId: string): string => connectionId.slice(0, connectionId.lastIndexOf('/'));

/** Sends the heartbeat of this process, and detects the death of others that something here depends on. */
export class Presence {
  private readonly waiting = new Map<string, Set<() => void>>();
  /** Releases that have not reached Redis yet, by name. */
  private readonly unreleased = new Map<string, () => Promise<unknown>>();
  private heartbeats?: NodeJS.Timeout;
  private checks?: NodeJS.Timeout;
  private isChecking = false;
  private closed = false;

  constructor(
    private readonly node: string,
    private readonly scripts: ScriptRunner,
    /** How long a dead worker keeps its executions, in milliseconds. A dead process keeps its question leases half as long again. */
    private readonly lease: number,
    private readonly report: OnError,
  ) {}

  async open(): Promise<void> {
    await this.sendHeartbeat();
    const every = Math.ceil(this.lease / heartbeatsPerLease);
    this.heartbeats = setInterval(() => void this.sendHeartbeat().catch(this.report), every).unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.heartbeats);
    clearInterval(this.checks);
    this.waiting.clear();
    this.unreleased.clear();
    await this.scripts.run(lua.presence.signOff, this.node, 2 * this.ttl);
  }

  /** Calls the listener once when the process is gone. Returns a function that removes the listener. */
  onGone(node: string, listener: () => void): () => void {
    if (this.closed || node === this.node) return () => undefined;
    const listeners = this.waiting.get(node) ?? new Set();
    this.waiting.set(node, listeners.add(listener));
    const every = Math.ceil(this.lease / checksPerLease);
    this.checks ??= setInterval(() => void this.check(), every).unref();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.waiting.get(node) === listeners) this.waiting.delete(node);
    };
  }

  /**
   * Releases something. If Redis cannot be reached, the release is repeated after the next heartbeat; otherwise others would
   * wait for it as long as this process is alive.
   */
  async release(name: string, send: () => Promise<unknown>): Promise<void> {
    this.unreleased.set(name, send);
    await send();
    if (this.unreleased.get(name) === send) this.unreleased.delete(name);
  }

  /** Cancels a pending release of something that was acquired again. */
  acquiredAgain(name: string): void {
    this.unreleased.delete(name);
  }

  private get ttl(): number {
    return Math.ceil(this.lease * ttlPerLease);
  }

  private async sendHeartbeat(): Promise<void> {
    await this.scripts.run(lua.presence.heartbeat, this.node, this.ttl);
    for (const [name, send] of [...this.unreleased]) {
      if (this.unreleased.get(name) === send) await this.release(name, send);
    }
  }

  private async check(): Promise<void> {
    if (this.isChecking) return;
    if (this.waiting.size === 0) {
      clearInterval(this.checks);
      this.checks = undefined;
      return;
    }
    this.isChecking = true;
    try {
      const gone = (await this.scripts.run(lua.presence.gone, ...this.waiting.keys())) as readonly Reply[];
      for (const node of gone.map(String)) {
        const listeners = this.waiting.get(node);
        this.waiting.delete(node);
        listeners?.forEach((listener) => this.call(listener));
      }
    } catch (error) {
      this.report(error);
    } finally {
      this.isChecking = false;
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
