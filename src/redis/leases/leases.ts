import type { OnError } from '../../docket/engine/watchers.js';
import type { Commands } from '../connection/commands.js';
import type { Argument, Reply, ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';
import { LeaseGuard, type GuardOptions } from './lease-guard.js';

/** How many leases one command renews. */
const batchSize = 300;

/** A run of this process. */
interface HeldRun {
  readonly id: string;
  readonly lock: string;
  readonly lost: () => void;
}

/** The parts of the engine that {@link Leases} uses. */
export interface LeasesParts {
  readonly commands: Commands;
  /** Runs steps that workers wait for, however long an outage lasts. */
  readonly workers: () => ScriptRunner;
  /** How long a dead worker keeps its executions from others, in milliseconds. */
  readonly lease: number;
  readonly guard: Omit<GuardOptions, 'node' | 'lease' | 'report'>;
  readonly report: OnError;
}

/**
 * Renews the leases of the runs of this process. While the event loop is blocked, a thread does it instead: calls that compute
 * for longer than a lease are not taken for dead.
 */
export class Leases {
  private readonly held = new Map<string, HeldRun>();
  private guard: LeaseGuard | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** When the event loop turned last, by `performance.now()`. */
  private turned = performance.now();
  private renewing: Promise<void> | undefined;
  /** While it is not known which leases this process still has. */
  private doubted: Promise<void> | undefined;

  constructor(private readonly parts: LeasesParts) {}

  /** Renews the lease of a run until {@link Leases.release}. Calls `lost` if it is found to be lost. */
  hold(run: string, { id, lock }: { readonly id: string; readonly lock: string }, lost: () => void): void {
    this.held.set(run, { id, lock, lost });
    if (this.timer) return;
    const { commands, guard, lease, report } = this.parts;
    // Before the first handler is called, which may block at once.
    if (guard.maxBlock > 0) this.guard = LeaseGuard.start({ ...guard, node: commands.node, lease, report });
    this.turned = performance.now();
    this.timer = setInterval(() => this.onTimer(), Math.ceil(lease / 3));
  }

  release(run: string): void {
    this.held.delete(run);
  }

  /**
   * Resolves once it is known which leases this process still has. It may have lost some while it was stopped or blocked; the
   * replies that it finds then may be old.
   */
  async checked(): Promise<void> {
    if (this.hasSlept()) this.doubt();
    await this.doubted;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.held.clear();
    await this.guard?.close();
  }

  private hasSlept(): boolean {
    const now = performance.now();
    const slept = now - this.turned > this.parts.lease;
    this.turned = now;
    return slept;
  }

  private onTimer(): void {
    if (this.hasSlept()) this.doubt();
    else void this.renew();
  }

  /** Nothing begins until a renewal that is sent from now on has told which leases are left. */
  private doubt(): void {
    const doubted = (this.renewing ?? Promise.resolve())
      .then(() => this.renew())
      .finally(() => {
        if (this.doubted === doubted) this.doubted = undefined;
      });
    this.doubted = doubted;
  }

  /** During an outage only one renewal waits; it covers the runs that are held when it begins. */
  private renew(): Promise<void> {
    this.renewing ??= this.renewAll()
      .catch(this.parts.report)
      .finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renewAll(): Promise<void> {
    const { lease, workers } = this.parts;
    // The time of sending: the leases run from there at the latest.
    const sent = LeaseGuard.now();
    const runs = [...this.held.values()];
    for (let index = 0; index < runs.length; index += batchSize) {
      const batch = runs.slice(index, index + batchSize);
      const args = batch.flatMap(({ id, lock }): Argument[] => [id, lock]);
      const lost = new Set((await workers().run(lua.leases.renew, lease, ...args)) as readonly Reply[]);
      for (const { id, lost: notify } of batch) if (lost.has(id)) notify();
    }
    this.guard?.noteRenewal(sent);
  }
}
