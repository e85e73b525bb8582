import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { Logger } from '../base/logger.js';

/** How long the same trouble is not logged again, in milliseconds. */
const silence = 60_000;

/** Errors of an outage: each connection and each command fails in its own way. */
const outage =
  /\b(E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN)|ENOTFOUND|LOADING|CLUSTERDOWN|MASTERDOWN)|connection is closed|command timed out|max retries|slots cache|sentinels are unreachable|could not be reached|did not answer/i;

/**
 * Logs errors of a docket's Redis that no caller waits for. During an outage, each loop of each worker keeps failing, so the
 * same trouble is logged once a minute. A restored connection is logged as its end.
 */
export class TroubleLog {
  private readonly logged = new Map<string, number>();

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  failed(error: unknown): void {
    const now = this.clock.now();
    for (const [what, at] of this.logged) if (now - at >= silence) this.logged.delete(what);
    const message = messageOf(error);
    const what = outage.test(message) ? 'outage' : message;
    if (this.logged.has(what)) return;
    this.logged.set(what, now);
    this.logger.error('The docket on Redis has trouble', { error });
  }

  reconnected(): void {
    // A process has several connections. The first to be restored is enough.
    if (this.logged.size === 0) return;
    this.logged.clear();
    this.logger.info('The Redis of the docket can be reached again');
  }
}
