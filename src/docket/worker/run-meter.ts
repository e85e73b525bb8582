import type { Clock } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Meters } from '../../telemetry/meters.js';
import type { Settlement } from '../engine/engine.js';
import { hasFailed, type ExecutionRecord } from '../engine/record.js';

/** The end of a run, as a metric label. */
export type RunOutcome = 'completed' | 'failed' | 'cancelled' | 'retried' | 'handed_back' | 'put_back' | 'lost';

/** The metric label of a settlement. */
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
  /** When it last started or resumed; undefined while it waits. */
  private since: number | undefined;
  private errorType = '_OTHER';

  constructor(
    private readonly meters: Meters,
    private readonly clock: Clock,
    { component, redelivered, dueAt, updatedAt }: ExecutionRecord,
  ) {
    this.component = component;
    this.since = clock.now();
    // Both are by the engine's clock: the last write began the run.
    meters.time('startDelay', Math.max(updatedAt - dueAt, 0), { 'errand.component': component });
    if (redelivered) meters.count('executionsRedelivered', { 'errand.component': component });
  }

  /** The run waits without a slot. */
  pause(): void {
    if (this.since !== undefined) this.spent += this.clock.now() - this.since;
    this.since = undefined;
  }

  /** The run goes on. */
  resume(): void {
    this.since ??= this.clock.now();
  }

  /** Notes the code of a thrown error, and returns it. Codes are few, so they can be a metric label. */
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
