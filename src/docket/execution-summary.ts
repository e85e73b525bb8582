import { ErrandError } from '../base/errors.js';
import { shown } from '../base/shown.js';
import type { ProgressState } from '../call/channel.js';
import { executionStates, type BrowseQuery, type RecordSummary, type SummaryPage } from './engine/queries.js';
import { hasFailedForClient, isTask, type ExecutionRecord, type ExecutionState } from './engine/record.js';

/** Which executions `docket.list` gives. */
export interface ListOptions {
  /** Only those in this state. */
  readonly state?: ExecutionState;
  /** Only those of this component: the name of a tool, or of a job `'Class.method'` unless it has a name of its own. */
  readonly component?: string;
  /** Goes on behind the page that gave it as `nextCursor`. */
  readonly cursor?: string;
  /** How many there are on a page, from 1 to 1,000. Default 100. */
  readonly limit?: number;
}

/** What lists tell of an execution: neither its input nor its result, nor what else was said in it. */
export interface ExecutionSummary {
  /** Unique in its docket; for a task, the task's id. */
  readonly key: string;
  /** The component's name in the docket. */
  readonly component: string;
  /** Where it stands. */
  readonly state: ExecutionState;
  /** Whether a client asked for it; the rest is work that the program added. */
  readonly isTask: boolean;
  /** The id of the principal that it belongs to. */
  readonly principal: string;
  /** Attempts begun. */
  readonly attempt: number;
  /** Whether an earlier run was interrupted without an outcome. */
  readonly redelivered: boolean;
  /** Questions that wait for an answer. */
  readonly openQuestions: number;
  /** How far it is, where it said so. */
  readonly progress?: ProgressState;
  /** When it was added. */
  readonly createdAt: Date;
  /** When something of it changed last. */
  readonly updatedAt: Date;
  /** When it becomes due, where it is scheduled. */
  readonly runAt?: Date;
  /** When it ended, where it has. */
  readonly finishedAt?: Date;
  /** Why it was cancelled, where somebody said. */
  readonly reason?: string;
  /**
   * Whether its client is told that it failed. A tool whose result says that it is an error has `completed` for the docket,
   * which made the call to its end, and failed for the client. Never so for what the program added.
   */
  readonly failedForClient: boolean;
}

/** A page of executions, the newest first. */
export interface ExecutionPage {
  /** With a filter there may be fewer than the limit on a page that others follow, even none. */
  readonly executions: readonly ExecutionSummary[];
  /** What to list on with; absent on the last page. */
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
  const { state, component } = query;
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

/** A page as users get it. */
export function toPage({ summaries, nextCursor }: SummaryPage): ExecutionPage {
  return { executions: summaries.map(toSummary), ...(nextCursor !== undefined && { nextCursor }) };
}

/** A record as lists tell of it. */
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

/** Why an execution is not run again. */
export function retryRefused({ key, state, ...record }: ExecutionRecord): ErrandError {
  const why = isTask(record)
    ? 'is a task: to the client that asked for it, what has ended stays as it is. The client may ask again'
    : `is ${state}. Only one that has failed can be run again`;
  return new ErrandError('RETRY_REFUSED', `Execution '${key}' ${why}.`);
}
