import type { Clock } from '../../base/clock.js';
import type { Engine } from '../engine/engine.js';
import type { WorkerSummary } from '../engine/queries.js';

/** How long what is known of other workers counts, in milliseconds. */
const snapshotLife = 1_000;

interface Snapshot {
  readonly takenAt: number;
  readonly workers: Promise<readonly WorkerSummary[]>;
  /** How much of their room has been counted on. */
  rooms: number;
  idle: number;
}

/**
 * The workers of a docket as they were a moment ago, for one of them that would rather leave a run to another. What is free
 * there is counted on once: it may have been taken since, or its worker may be about to stop.
 */
export class OtherWorkers {
  private snapshot: Snapshot | undefined;

  constructor(
    private readonly self: string,
    private readonly engine: Engine,
    private readonly clock: Clock,
  ) {}

  /** Whether one of them has room for a call of the component. */
  async hasRoom(component: string): Promise<boolean> {
    const snapshot = this.latest();
    const able = await ableIn(snapshot, component);
    const free = able.reduce((sum, { concurrency, running }) => sum + Math.max(concurrency - running, 0), 0);
    return snapshot.rooms++ < free;
  }

  /** Whether one of them could make a call of the component beside no other. */
  async hasIdle(component: string): Promise<boolean> {
    const snapshot = this.latest();
    const idle = (await ableIn(snapshot, component)).filter(({ name, running }) => name !== this.self && running === 0);
    return snapshot.idle++ < idle.length;
  }

  private latest(): Snapshot {
    const now = this.clock.now();
    if (this.snapshot === undefined || now - this.snapshot.takenAt > snapshotLife) {
      this.snapshot = { takenAt: now, workers: this.engine.workers().catch(() => []), rooms: 0, idle: 0 };
    }
    return this.snapshot;
  }
}

const ableIn = async ({ workers }: Snapshot, component: string): Promise<readonly WorkerSummary[]> =>
  (await workers).filter(({ components }) => components.includes(component));
