import { ErrandError } from '../base/errors.js';
import { ignorable } from '../call/call-scope.js';
import type { Engine } from './engine/engine.js';
import { follow, type ExecutionChange } from './follow.js';
import type { AnswerOptions, QuestionAnswer } from './answering.js';
import { usualInput, type SizeLimits } from './engine/size-limits.js';
import type { QuestionSummary } from './execution-details.js';
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
    private readonly limits: Pick<SizeLimits, 'input'> = { input: usualInput },
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

  /**
   * Its questions to its client, the oldest first, answered ones included. None once it has ended.
   *
   * @throws {ErrandError} `EXECUTION_UNKNOWN`, `EXECUTION_REPLACED`, `DOCKET_UNAVAILABLE`
   */
  async questions(): Promise<readonly QuestionSummary[]> {
    await this.record();
    const { toQuestionSummary } = await import('./execution-details.js');
    return (await this.engine.questions(this.key)).map(toQuestionSummary);
  }

  /**
   * Answers a question in the client's stead, for programs where somebody else than the user of the client decides. It
   * counts like an answer of the client: the first one wins, the method goes on with it, and the client's prompt is closed.
   * The answer is checked against the form; one that does not fit is refused, and the question stays open.
   *
   * @param question - the key of the question, from {@link Execution.questions}
   * @param answer - what a client would answer: `{ action, content }` to a form or a URL, `{ role, content, model }` to a
   * request to sample, `{ roots }` to a request for roots
   * @returns `false` if the question already had an answer, or the execution had ended
   * @throws {ErrandError} `QUESTION_UNKNOWN`, `ANSWER_INVALID`, `INPUT_TOO_LARGE` beyond `docket.limits.input`,
   * `RESULT_NOT_JSON`, `OPTIONS_INVALID` for a bad `by`, `SEAL_INVALID`, `EXECUTION_UNKNOWN`, `EXECUTION_REPLACED`,
   * `DOCKET_UNAVAILABLE`
   *
   * @example
   * ```ts
   * import type { Docket } from 'errand';
   *
   * async function approve(docket: Docket, key: string, by: string) {
   *   const execution = await docket.get(key);
   *   for (const question of (await execution?.questions()) ?? []) {
   *     if (question.isAnswered) continue;
   *     await execution?.answer(question.key, { action: 'accept', content: { publish: true } }, { by });
   *   }
   * }
   * ```
   */
  async answer(question: string, answer: QuestionAnswer, options: AnswerOptions): Promise<boolean> {
    const record = await this.record();
    const { answerInStead } = await import('./answering.js');
    return answerInStead(this.engine, record, question, answer, options, this.limits);
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
