import type { Clock } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Meters } from '../../telemetry/meters.js';
import type { Settlement } from '../engine/engine.js';
import { hasFailed, type ExecutionRecord } from '../engine/record.js';

/** How a run ended, as it is counted. */
export type RunOutcome = 'completed' | 'failed' | 'cancelled' | 'retried' | 'handed_back' | 'put_back' | 'lost';

/** What a settlement is counted as. */
export function outcomeOf(record: ExecutionRecord, settlement: Settlement): RunOutcome {
  switch (settlement.type) {
    case 'finish':
      return hasFailed(record, settlement.outcome) ? 'failed' : 'completed';
    case 'retry':
      return 'retried';
    case 'release':
      return settlement.delay === undefined ? 'handed_back' : 'put_back';
  }
}

/** Counts and measures one run of a call. */
export class RunMeter {
  private readonly component: string;
  private spent = 0;
  /** Since when it runs; undefined while it waits. */
  private since: number | undefined;
  private errorType = '_OTHER';

  constructor(
    private readonly meters: Meters,
    private readonly clock: Clock,
    { component, redelivered, dueAt, updatedAt }: ExecutionRecord,
  ) {
    this.component = component;
    this.since = clock.now();
    // Both are times of the engine: the run began with the last write.
    meters.time('startDelay', Math.max(updatedAt - dueAt, 0), { 'errand.component': component });
    if (redelivered) meters.count('executionsRedelivered', { 'errand.component': component });
  }

  /** It waits and holds no slot. */
  pause(): void {
    if (this.since !== undefined) this.spent += this.clock.now() - this.since;
    this.since = undefined;
  }

  /** It goes on. */
  resume(): void {
    this.since ??= this.clock.now();
  }

  /** The call threw; what it threw is counted by its code, of which there are few. Gives that code. */
  threw(thrown: unknown): string {
    if (ErrandError.is(thrown)) this.errorType = thrown.code;
    return this.errorType;
  }

  ended(outcome: RunOutcome): void {
    this.pause();
    const attributes = { 'errand.component': this.component, 'errand.outcome': outcome };
    const failed = outcome === 'failed' || outcome === 'retried';
    this.meters.count('runsEnded', attributes);
    this.meters.time('runDuration', this.spent, {
      ...attributes,
      'error.type': failed ? this.errorType : undefined,
    });
  }
}
