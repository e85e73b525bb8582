import { ErrandError } from '../base/errors.js';
import type { Engine } from './engine.js';
import type { ProgressState } from '../call/channel.js';
import type { ExecutionRecord, ExecutionState } from './record.js';
import { unknownExecution, waitForEnd, type WaitLimits } from './wait.js';

/** One entry of the docket, to follow it and to get what it returned. */
export class Execution<Result = unknown> {
  /** @internal */
  constructor(
    /** Unique in its docket. */
    readonly key: string,
    /** Whether `add` made it; false when a live execution had the key already. */
    readonly added: boolean,
    private readonly engine: Engine,
  ) {}

  /** @throws {ErrandError} `EXECUTION_UNKNOWN` after the record expired. */
  async state(): Promise<ExecutionState> {
    return (await this.record()).state;
  }

  /** How far it is; undefined before the first report. */
  async progress(): Promise<ProgressState | undefined> {
    return (await this.record()).progress;
  }

  /**
   * Waits for the end and gives what the method returned, as it is after a journey as JSON.
   *
   * @throws {ErrandError} `EXECUTION_FAILED` (its cause has the stored code and message), `EXECUTION_CANCELLED`,
   * `EXECUTION_UNKNOWN`, or `WAIT_TIMED_OUT` when a `timeout` in milliseconds was given.
   */
  async result(limits?: WaitLimits): Promise<Result> {
    const { state, outcome, reason } = await waitForEnd(this.engine, this.key, limits);
    if (state === 'cancelled') {
      throw new ErrandError(
        'EXECUTION_CANCELLED',
        `Execution '${this.key}' was cancelled${reason === undefined ? '' : `: ${reason}`}.`,
      );
    }
    if (outcome !== undefined && 'error' in outcome) {
      throw new ErrandError('EXECUTION_FAILED', `Execution '${this.key}' failed: ${outcome.error.message}`, {
        cause: outcome.error,
      });
    }
    return outcome?.result as Result;
  }

  /** Cancels it, running or not. False when it had ended already. */
  async cancel(reason?: string): Promise<boolean> {
    return (await this.engine.cancel(this.key, reason)) === 'cancelled';
  }

  private async record(): Promise<ExecutionRecord> {
    const record = await this.engine.get(this.key);
    if (record === undefined) throw unknownExecution(this.key);
    return record;
  }
}
