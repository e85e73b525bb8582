import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { Logger } from '../base/logger.js';

/** How long the same trouble is not told again, in milliseconds. */
const silence = 60_000;

/** An outage has many names: each connection and each command fails in its own way. */
const outage =
  /\b(E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN)|ENOTFOUND|LOADING|CLUSTERDOWN|MASTERDOWN)|connection is closed|command timed out|max retries|slots cache|sentinels are unreachable|could not be reached|did not answer/i;

/**
 * Logs what goes wrong with the Redis of a docket where nobody waits. In an outage each loop of each worker fails again and
 * again: the same trouble is told once a minute, and so is its end, which is a connection that was made again.
 */
export class TroubleLog {
  private readonly told = new Map<string, number>();

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  failed(error: unknown): void {
    const now = this.clock.now();
    for (const [what, at] of this.told) if (now - at >= silence) this.told.delete(what);
    const message = messageOf(error);
    const what = outage.test(message) ? 'outage' : message;
    if (this.told.has(what)) return;
    this.told.set(what, now);
    this.logger.error('The docket on Redis has trouble', { error });
  }

  reconnected(): void {
    // A process has several connections, and the first one tells it.
    if (this.told.size === 0) return;
    this.told.clear();
    this.logger.info('The Redis of the docket is reached again');
  }
}
