import { docketEvents, type DocketEvent, type SubscribeOptions } from './docket-events.js';
import type { Engine, Health } from './engine/engine.js';
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
 * A docket for operators: for scripts, boards and commands that look after it without being its server. It runs nothing
 * and adds nothing. `openDocket` of `errand/redis` makes one; close it in the end, since it holds connections.
 *
 * Every method rejects with `DOCKET_UNAVAILABLE` while Redis is out of reach, and after {@link DocketClient.close}.
 */
export class DocketClient {
  /** @internal */
  constructor(private readonly engine: Engine) {}

  /**
   * All executions of the docket, whoever they belong to, the newest first. The cost of a page does not grow with the docket.
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

  /** How much there is in the docket: how many executions wait, run and have ended. @throws {ErrandError} `DOCKET_UNAVAILABLE` */
  stats(): Promise<DocketStats> {
    return this.engine.stats();
  }

  /**
   * The details of one execution; undefined when no execution has the key (any more). With `input`, what it was given as
   * well, as long as that is kept: until it has ended, and for work of the program that failed as long as its record.
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
    // Executions that have ended keep none.
    const questions = isTerminal(record.state) ? [] : await this.engine.questions(key);
    return toDetails(record, questions, options);
  }

  /**
   * Cancels an execution, running or not; its client and its worker see the reason. False when it had ended already.
   *
   * @throws {ErrandError} `EXECUTION_UNKNOWN`, `DOCKET_UNAVAILABLE`
   */
  async cancel(key: string, reason?: string): Promise<boolean> {
    const result = await this.engine.cancel(key, reason);
    if (result === 'unknown') throw unknownExecution(key);
    return result === 'cancelled';
  }

  /**
   * Runs an execution that has failed again, from the input that it had and with its attempts counted anew. Returns the
   * execution as it is now. A task of a client is not run again: for its client, what has ended stays ended.
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
   * The workers that are alive, of all processes, in the order in which they started. A worker that was killed is listed
   * until its lease has passed three times (30 seconds by default).
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE`
   */
  workers(): Promise<readonly WorkerSummary[]> {
    return this.engine.workers();
  }

  /**
   * Events of the docket, from the first `next()` on: with a `key`, the execution as it is and each change of it until
   * it has ended; without one, all changes of all executions until the signal aborts. A reader that falls more than 1,000
   * events behind misses the oldest ones. The process stays alive while somebody iterates.
   *
   * Errors come from the iteration: `EXECUTION_UNKNOWN`, `DOCKET_UNAVAILABLE`, or the reason of the signal.
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

  /** Whether the docket takes executions now, asked of Redis within about a second. Never rejects. */
  health(): Promise<Health> {
    return this.engine.health();
  }

  /** Ends its connections. Iterations that are under way reject with `DOCKET_UNAVAILABLE`. Safe to call twice. */
  close(): Promise<void> {
    return this.engine.close();
  }
}
