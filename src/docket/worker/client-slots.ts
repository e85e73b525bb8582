import type { Clock } from '../../base/clock.js';

/** The shortest and the longest time that a task beyond its client's share is left in the docket, in milliseconds. */
const shortestPause = 250;
const longestPause = 60_000;
/** How long the share of a client stays taken, as far as its next task is concerned, in milliseconds. */
const lookInterval = 1_000;

interface ClientRuns {
  /** How many of its runs hold a slot. */
  running: number;
  /** When the last of its tasks that were left in the docket comes back. */
  nextAt: number;
}

/**
 * The slots of one worker, by client. One client may hold a part of them, so that its tasks, however many there are and however
 * long they take, leave room for those of others. What exceeds that goes back to the docket, and comes again one by one.
 */
export class ClientSlots {
  private readonly clients = new Map<string, ClientRuns>();
  private readonly most: number;

  /** @param share - the part of the slots that one client may hold; with more than one slot, one is always left */
  constructor(
    concurrency: number,
    share: number,
    private readonly clock: Clock,
  ) {
    const left = share < 1 && concurrency > 1 ? 1 : 0;
    this.most = Math.max(1, Math.min(concurrency - left, Math.ceil(concurrency * share)));
  }

  /** A run begins. If its client has no slot left, returns the milliseconds until the run may come again. */
  enter(client: string): number | undefined {
    const runs = this.runsOf(client);
    if (runs.running < this.most) {
      runs.running++;
      return undefined;
    }
    const now = this.clock.now();
    // As many come again in each interval as may run, so that a free slot is found soon, and a long list costs little.
    runs.nextAt = Math.max(runs.nextAt, now) + lookInterval / this.most;
    const pause = runs.nextAt - now;
    if (pause > longestPause) runs.nextAt = now;
    return Math.max(shortestPause, pause);
  }

  /** A run that had given its slot away takes one again. */
  resume(client: string): void {
    this.runsOf(client).running++;
  }

  /** A run ends, or gives its slot away. */
  leave(client: string): void {
    const runs = this.runsOf(client);
    if (--runs.running === 0) this.clients.delete(client);
  }

  private runsOf(client: string): ClientRuns {
    let runs = this.clients.get(client);
    if (runs === undefined) this.clients.set(client, (runs = { running: 0, nextAt: -Infinity }));
    return runs;
  }
}
