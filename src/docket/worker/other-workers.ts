import type { Clock } from '../../base/clock.js';
import type { Engine } from '../engine/engine.js';
import type { WorkerSummary } from '../engine/queries.js';

/** How long a snapshot of the other workers is valid, in milliseconds. */
const snapshotLife = 1_000;

interface Snapshot {
  readonly takenAt: number;
  readonly workers: Promise<readonly WorkerSummary[]>;
  /** How much of their room has been spoken for. */
  rooms: number;
  idle: number;
}

/**
 * A recent snapshot of the docket's workers, for one that would rather leave a run to another. Each free slot is counted on
 * only once, because it may have been taken since, or its worker may be stopping.
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

  /** Whether one of them could run a call of the component alone. */
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
