import { ErrandError } from '../base/errors.js';
import { ignorable } from '../call/call-scope.js';
import type { Engine } from './engine/engine.js';
import { follow, type ExecutionChange } from './follow.js';
import type { ProgressState } from '../call/channel.js';
import type { ExecutionRecord, ExecutionState } from './engine/record.js';
import { goneExecution, waitForEnd, type WaitOptions } from './wait.js';

/** How to wait for a promise: a call in a worker frees its slot meanwhile. */
export type Waiting = <T>(work: Promise<T>) => Promise<T>;

/** A handle on one execution: follow it, wait for its result, or cancel it. */
export class Execution<Result = unknown> {
  /** @internal */
  constructor(
    record: ExecutionRecord,
    /** Whether it is new; `false` if a live execution already had the key. */
    readonly added: boolean,
    private readonly engine: Engine,
    private readonly waiting: Waiting,
  ) {
    this.key = record.key;
    this.generation = record.generation;
  }

  /** Its key, unique in the docket. */
  readonly key: string;
  /** Distinguishes it from a later execution with the same key. */
  private readonly generation: number;

  /** Its current state. @throws {ErrandError} `EXECUTION_UNKNOWN` once the record has expired, `EXECUTION_REPLACED` if a later execution has the key. */
  async state(): Promise<ExecutionState> {
    return (await this.record()).state;
  }

  /** Its progress; undefined before the first report. */
  async progress(): Promise<ProgressState | undefined> {
    return (await this.record()).progress;
  }

  /**
   * Waits for the end and resolves with the method's result, as it is after a round trip through JSON. A waiting call
   * holds no worker slot, and its timeout is paused.
   *
   * @throws {ErrandError} `EXECUTION_FAILED` (its cause has the stored code and message), `EXECUTION_CANCELLED`,
   * `EXECUTION_UNKNOWN`, `EXECUTION_REPLACED` if a later execution has the key, `DOCKET_UNAVAILABLE` when the server
   * closes, or `WAIT_TIMED_OUT` after the `timeout`.
   */
  result(limits?: WaitOptions): Promise<Result> {
    return ignorable(this.waiting(this.outcome(limits)));
  }

  /**
   * Iterates over its changes until it has ended, beginning with its current state and progress. Slow readers get only the
   * latest progress. A waiting call holds no worker slot.
   *
   * The iteration throws `EXECUTION_UNKNOWN`, `EXECUTION_REPLACED`, `DOCKET_UNAVAILABLE` when the server closes, or the
   * reason of the signal.
   *
   * @example
   * ```ts
   * import type { Execution } from 'errand';
   *
   * async function print(execution: Execution) {
   *   for await (const change of execution.subscribe()) {
   *     if (change.type === 'state') console.error(change.state);
   *     else console.error(`${change.progress.current} of ${change.progress.total ?? '?'}`);
   *   }
   * }
   * ```
   */
  subscribe({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterable<ExecutionChange> {
    const { key, generation, waiting } = this;
    return follow(this.engine, { key, generation, waiting, ...(signal && { signal }) });
  }

  /** Cancels it, running or not. `false` if it has already ended. */
  async cancel(reason?: string): Promise<boolean> {
    return (await this.engine.cancel(this.key, reason, this.generation)) === 'cancelled';
  }

  private async record(): Promise<ExecutionRecord> {
    const record = await this.engine.get(this.key);
    if (record?.generation !== this.generation) throw goneExecution(this.key, this.generation, record);
    return record;
  }

  private async outcome(limits?: WaitOptions): Promise<Result> {
    const { state, outcome, reason } = await waitForEnd(this.engine, this.key, limits, this.generation);
    if (state === 'cancelled') {
      const why = reason === undefined ? '' : `: ${reason}`;
      throw new ErrandError('EXECUTION_CANCELLED', `Execution '${this.key}' was cancelled${why}.`);
    }
    if (outcome !== undefined && 'error' in outcome) {
      const { error } = outcome;
      throw new ErrandError('EXECUTION_FAILED', `Execution '${this.key}' failed: ${error.message}`, { cause: error });
    }
    return outcome?.result as Result;
  }
}
