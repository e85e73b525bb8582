import { ErrandError } from '../base/errors.js';
import { ignorable } from '../call/call-scope.js';
import type { Engine } from './engine/engine.js';
import { follow, type ExecutionChange } from './follow.js';
import type { ProgressState } from '../call/channel.js';
import type { ExecutionRecord, ExecutionState } from './engine/record.js';
import { goneExecution, waitForEnd, type WaitOptions } from './wait.js';

/** How somebody waits: a call in a worker gives its slot back meanwhile. */
export type Waiting = <T>(work: Promise<T>) => Promise<T>;

/** One entry of the docket, to follow it and to get what it returned. */
export class Execution<Result = unknown> {
  /** @internal */
  constructor(
    record: ExecutionRecord,
    /** Whether `add` made it; false when a live execution had the key already. */
    readonly added: boolean,
    private readonly engine: Engine,
    private readonly waiting: Waiting,
  ) {
    this.key = record.key;
    this.generation = record.generation;
  }

  /** Unique in its docket. */
  readonly key: string;
  /** Tells it from a later execution under the same key. */
  private readonly generation: number;

  /** @throws {ErrandError} `EXECUTION_UNKNOWN` after the record expired, `EXECUTION_REPLACED` when a later one has the key. */
  async state(): Promise<ExecutionState> {
    return (await this.record()).state;
  }

  /** How far it is; undefined before the first report. */
  async progress(): Promise<ProgressState | undefined> {
    return (await this.record()).progress;
  }

  /**
   * Waits for the end and gives what the method returned, as it is after a journey as JSON. A call that waits holds no slot
   * of its worker, and its timeout stands still.
   *
   * @throws {ErrandError} `EXECUTION_FAILED` (its cause has the stored code and message), `EXECUTION_CANCELLED`,
   * `EXECUTION_UNKNOWN`, `EXECUTION_REPLACED` when a later one has the key, `DOCKET_UNAVAILABLE` when the server closes, or `WAIT_TIMED_OUT` when a `timeout` was given.
   */
  result(limits?: WaitOptions): Promise<Result> {
    return ignorable(this.waiting(this.outcome(limits)));
  }

  /**
   * What happens to it: its state as it is (with its progress, if it has any), then each change, until it has ended. A reader
   * that is behind is told the newest progress only. A call that waits holds no slot of its worker.
   *
   * Errors come from the iteration: `EXECUTION_UNKNOWN`, `EXECUTION_REPLACED`, `DOCKET_UNAVAILABLE` when the server closes, or the reason of the
   * signal.
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

  /** Cancels it, running or not. False when it had ended already. */
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
