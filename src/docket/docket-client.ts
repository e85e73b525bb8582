import { answerInStead, type AnswerOptions, type QuestionAnswer } from './answering.js';
import { docketEvents, type DocketEvent, type SubscribeOptions } from './docket-events.js';
import type { Engine, Health } from './engine/engine.js';
import { usualInput, type SizeLimits } from './engine/size-limits.js';
import type { DocketStats, WorkerSummary } from './engine/queries.js';
import { isTerminal } from './engine/record.js';
import { toDetails, type ExecutionDetails } from './execution-details.js';
import {
  runAgain,
  toBrowseQuery,
  toPage,
  toSummary,
  type ExecutionPage,
  type ExecutionSummary,
  type ListOptions,
} from './execution-summary.js';
import { unknownExecution } from './wait.js';

/**
 * A docket for operators: scripts, dashboards and commands that inspect and control it from outside its server. It adds
 * and runs nothing. `openDocket` of `errand/redis` creates one; close it at the end, because it holds connections.
 *
 * Every method rejects with `DOCKET_UNAVAILABLE` while Redis is out of reach, and after {@link DocketClient.close}.
 */
export class DocketClient {
  /** @internal */
  constructor(
    private readonly engine: Engine,
    private readonly limits: Pick<SizeLimits, 'input'> = { input: usualInput },
  ) {}

  /**
   * Lists the executions of all principals, the newest first. The cost of a page does not grow with the docket.
   *
   * @throws {ErrandError} `OPTIONS_INVALID`, `CURSOR_INVALID`, `DOCKET_UNAVAILABLE`
   *
   * @example
   * ```ts
   * import { openDocket } from 'errand/redis';
   *
   * const docket = await openDocket({ url: 'redis://localhost:6379', name: 'reports' });
   * const { executions, nextCursor } = await docket.list({ state: 'failed', limit: 20 });
   * for (const { key, component } of executions) console.log(key, component);
   * if (nextCursor !== undefined) console.log(await docket.list({ state: 'failed', cursor: nextCursor }));
   * await docket.close();
   * ```
   */
  async list(options: ListOptions = {}): Promise<ExecutionPage> {
    return toPage(await this.engine.browse(toBrowseQuery(options)));
  }

  /** Counts what waits, runs and has ended. @throws {ErrandError} `DOCKET_UNAVAILABLE` */
  stats(): Promise<DocketStats> {
    return this.engine.stats();
  }

  /**
   * Returns the details of an execution; undefined if no execution has the key, or its record has expired. With
   * `input`, they include its input while that is kept: until the execution ends, or as long as its record if it failed
   * and the program had added it.
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE`
   *
   * @example
   * ```ts
   * import { openDocket } from 'errand/redis';
   *
   * const docket = await openDocket({ url: 'redis://localhost:6379', name: 'reports' });
   * const details = await docket.get('nightly-refresh', { input: true });
   * console.log(details?.state, details?.error?.message, details?.input);
   * await docket.close();
   * ```
   */
  async get(key: string, options: { readonly input?: boolean } = {}): Promise<ExecutionDetails | undefined> {
    const record = await this.engine.get(key);
    if (record === undefined) return undefined;
    // Ended executions have none.
    const questions = isTerminal(record.state) ? [] : await this.engine.questions(key);
    return toDetails(record, questions, options);
  }

  /**
   * Cancels an execution, running or not; its client and its worker see the reason. `false` if it had already ended.
   *
   * @throws {ErrandError} `EXECUTION_UNKNOWN`, `DOCKET_UNAVAILABLE`
   */
  async cancel(key: string, reason?: string): Promise<boolean> {
    const result = await this.engine.cancel(key, reason);
    if (result === 'unknown') throw unknownExecution(key);
    return result === 'cancelled';
  }

  /**
   * Answers a question of an execution in its client's stead; {@link DocketClient.get} lists its questions. It counts like
   * an answer of the client: the first one wins, the method goes on with it, and the client's prompt is closed. The answer is
   * checked against the form; one that does not fit is refused, and the question stays open.
   *
   * @param key - the key of the execution
   * @param question - the key of the question
   * @param answer - what a client would answer: `{ action, content }` to a form or a URL, `{ role, content, model }` to a
   * request to sample, `{ roots }` to a request for roots
   * @returns `false` if the question already had an answer, or the execution had ended
   * @throws {ErrandError} `EXECUTION_UNKNOWN`, `QUESTION_UNKNOWN`, `ANSWER_INVALID`, `INPUT_TOO_LARGE`, `RESULT_NOT_JSON`,
   * `OPTIONS_INVALID` for a bad `by`, `SEAL_INVALID` if the docket is sealed and the keys are missing here,
   * `DOCKET_UNAVAILABLE`
   *
   * @example
   * ```ts
   * import { openDocket } from 'errand/redis';
   *
   * const docket = await openDocket({ url: 'redis://localhost:6379', name: 'reports' });
   * const { executions } = await docket.list({ state: 'running' });
   * for (const { key, openQuestions } of executions) {
   *   if (openQuestions === 0) continue;
   *   const { questions = [] } = (await docket.get(key)) ?? {};
   *   for (const question of questions) {
   *     if (!question.isAnswered) await docket.answer(key, question.key, { action: 'decline' }, { by: 'night shift' });
   *   }
   * }
   * await docket.close();
   * ```
   */
  async answer(key: string, question: string, answer: QuestionAnswer, options: AnswerOptions): Promise<boolean> {
    const record = await this.engine.get(key);
    if (record === undefined) throw unknownExecution(key);
    return answerInStead(this.engine, record, question, answer, options, this.limits);
  }

  /**
   * Runs a failed execution again, with its original input and a fresh count of attempts. Returns the execution as it
   * is now. Tasks of clients are not run again: to the client, an ended task stays ended.
   *
   * @throws {ErrandError} `EXECUTION_UNKNOWN`, `RETRY_REFUSED`, `DOCKET_UNAVAILABLE`
   *
   * @example
   * ```ts
   * import { openDocket } from 'errand/redis';
   *
   * const docket = await openDocket({ url: 'redis://localhost:6379', name: 'reports' });
   * const { executions } = await docket.list({ state: 'failed', component: 'send-mail' });
   * for (const { key, isTask } of executions) if (!isTask) await docket.retry(key);
   * await docket.close();
   * ```
   */
  async retry(key: string): Promise<ExecutionSummary> {
    return toSummary(await runAgain(this.engine, key));
  }

  /**
   * Lists the live workers of all processes, in order of start. A killed one stays listed until its lease has passed
   * three times (30 seconds by default).
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE`
   */
  workers(): Promise<readonly WorkerSummary[]> {
    return this.engine.workers();
  }

  /**
   * Iterates over events of the docket, from the first `next()` on: with a `key`, the execution as it is now and its
   * changes until it has ended; without one, the changes of all executions until the signal aborts. A reader that falls
   * more than 1,000 events behind misses the oldest ones. The process stays alive during the iteration.
   *
   * The iteration throws `EXECUTION_UNKNOWN`, `DOCKET_UNAVAILABLE`, or the reason of the signal.
   *
   * @example
   * ```ts
   * import { openDocket } from 'errand/redis';
   *
   * const docket = await openDocket({ url: 'redis://localhost:6379', name: 'reports' });
   * for await (const { type, execution } of docket.subscribe({ key: 'nightly-refresh' })) {
   *   console.log(type, execution.state, execution.progress?.current);
   * }
   * await docket.close();
   * ```
   */
  subscribe(options: SubscribeOptions = {}): AsyncIterable<DocketEvent> {
    return docketEvents(this.engine, options);
  }

  /** Checks within about a second whether the docket accepts executions. Never rejects. */
  health(): Promise<Health> {
    return this.engine.health();
  }

  /** Closes its connections. Iterations under way fail with `DOCKET_UNAVAILABLE`. Safe to call twice. */
  close(): Promise<void> {
    return this.engine.close();
  }
}
