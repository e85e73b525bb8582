import { ErrandError } from '../base/errors.js';
import { shown } from '../base/shown.js';
import type { ProgressState } from '../call/channel.js';
import type { Engine } from './engine/engine.js';
import { executionStates, type BrowseQuery, type RecordSummary, type SummaryPage } from './engine/queries.js';
import { hasFailedForClient, isTask, type ExecutionRecord, type ExecutionState } from './engine/record.js';
import { unknownExecution } from './wait.js';

/** Options of `docket.list`. */
export interface ListOptions {
  /** Only executions in this state. */
  readonly state?: ExecutionState;
  /**
   * Only executions that failed: those in the state `failed`, and tasks that are `completed` but told their client of a
   * failure ({@link ExecutionSummary.failedForClient}). Not together with `state`.
   */
  readonly failed?: boolean;
  /**
   * Only executions of this component, by its key: the name of a tool, a job's `name` (default `'Class.method'`), or the name
   * of a prompt or resource after `prompt:` or `resource:`.
   */
  readonly component?: string;
  /** The `nextCursor` of the previous page. */
  readonly cursor?: string;
  /** The size of a page, 1 to 1,000. Default 100. */
  readonly limit?: number;
}

/** An execution as listed: without its input, its result and its questions. */
export interface ExecutionSummary {
  /** Unique in its docket; for a task, the task's id. */
  readonly key: string;
  /** The key of its component. */
  readonly component: string;
  /** Its current state. */
  readonly state: ExecutionState;
  /** Whether a client asked for it, rather than the program. */
  readonly isTask: boolean;
  /** The id of the principal it belongs to. */
  readonly principal: string;
  /** The number of attempts begun. */
  readonly attempt: number;
  /** Whether an earlier run was interrupted without an outcome. */
  readonly redelivered: boolean;
  /** The number of questions without an answer. */
  readonly openQuestions: number;
  /** Its progress, if it has reported any. */
  readonly progress?: ProgressState;
  /** When it was added. */
  readonly createdAt: Date;
  /** When it last changed. */
  readonly updatedAt: Date;
  /** When it becomes due, if it is scheduled. */
  readonly runAt?: Date;
  /** When it ended, if it has. */
  readonly finishedAt?: Date;
  /** Why it was cancelled, if a reason was given. */
  readonly reason?: string;
  /**
   * Whether it failed from the client's point of view. A tool that returned a result with `isError` is `completed` in the
   * docket, but failed for the client. Always false for executions that the program added.
   */
  readonly failedForClient: boolean;
}

/** A page of executions, the newest first. */
export interface ExecutionPage {
  /** With a filter, a page may hold fewer than the limit, even none, and still be followed by others. */
  readonly executions: readonly ExecutionSummary[];
  /** Pass it as `cursor` to get the next page; absent on the last one. */
  readonly nextCursor?: string;
}

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toBrowseQuery({ limit = 100, ...query }: ListOptions): BrowseQuery {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `docket.list: limit is ${String(limit)}. Give a whole number from 1 to 1000.`,
    );
  }
  const { state, failed, component } = query;
  if (state !== undefined && failed === true) {
    throw new ErrandError('OPTIONS_INVALID', 'docket.list: state and failed exclude each other. Give one of them.');
  }
  if (component === '') {
    throw new ErrandError('OPTIONS_INVALID', 'docket.list: component is empty. Name one, or leave it out to list all.');
  }
  if (state !== undefined && !executionStates.includes(state)) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `docket.list: state is ${shown(JSON.stringify(state))}. Give one of ${executionStates.join(', ')}.`,
    );
  }
  return { ...query, limit };
}

/** The public form of a page. */
export function toPage({ summaries, nextCursor }: SummaryPage): ExecutionPage {
  return { executions: summaries.map(toSummary), ...(nextCursor !== undefined && { nextCursor }) };
}

/** The public form of a listed record. */
export function toSummary(record: RecordSummary): ExecutionSummary {
  const { key, component, state, owner, attempt, redelivered, openQuestions, progress, reason } = record;
  return {
    key,
    component,
    state,
    isTask: isTask(record),
    principal: owner,
    attempt,
    redelivered,
    openQuestions,
    ...(progress !== undefined && { progress: { ...progress } }),
    createdAt: new Date(record.createdAt),
    updatedAt: new Date(record.updatedAt),
    ...(record.runAt !== undefined && { runAt: new Date(record.runAt) }),
    ...(record.finishedAt !== undefined && { finishedAt: new Date(record.finishedAt) }),
    ...(reason !== undefined && { reason }),
    failedForClient: hasFailedForClient(record),
  };
}

/** Runs an execution again. @throws {ErrandError} `EXECUTION_UNKNOWN`, `RETRY_REFUSED` */
export async function runAgain(engine: Engine, key: string): Promise<ExecutionRecord> {
  const { retried, record } = await engine.retry(key);
  if (record === undefined) throw unknownExecution(key);
  if (!retried) throw retryRefused(record);
  return record;
}

/** The error for an execution that cannot be run again. */
function retryRefused({ key, state, ...record }: ExecutionRecord): ErrandError {
  const why = isTask(record)
    ? 'is a task: to the client that asked for it, an ended task stays ended. The client may ask again'
    : `is ${state}. Only a failed one can be run again`;
  return new ErrandError('RETRY_REFUSED', `Execution '${key}' ${why}.`);
}
