import type { ExecutionRecord, ExecutionState } from './record.js';

/** All states, in the order in which an execution goes through them. */
export const executionStates = ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;

/** The fields of a record in lists: none with data of a client or a component, except progress and the reason. */
export const summaryFields = [
  'key',
  'component',
  'owner',
  'session',
  'state',
  'openQuestions',
  'generation',
  'attempt',
  'losses',
  'redelivered',
  'createdAt',
  'updatedAt',
  'runAt',
  'finishedAt',
  'progress',
  'reason',
  'isError',
] as const satisfies readonly (keyof ExecutionRecord)[];

/** A record, as listed. */
export type RecordSummary = Pick<ExecutionRecord, (typeof summaryFields)[number]>;

/** A query for executions of all owners. */
export interface BrowseQuery {
  readonly state?: ExecutionState;
  /** Only those that failed, for the docket or for their client, instead of those in a state. */
  readonly failed?: boolean;
  /** The key of the component. */
  readonly component?: string;
  /** The `nextCursor` of the previous page. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A page of summaries, the newest first. */
export interface SummaryPage {
  readonly summaries: readonly RecordSummary[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** How many records a filtered page examines at most, so that no page takes long, however rare the matches. */
export const mostLookedAt = 500;

/** The counts of a docket. */
export interface DocketStats {
  /** The number of executions in each state; ended ones until their records expire. */
  readonly states: Readonly<Record<ExecutionState, number>>;
  /** The number of questions without an answer. */
  readonly openQuestions: number;
  /**
   * How long the longest `queued` execution has been waiting, in milliseconds; absent if none waits. Redis examines only
   * the hundred queued ones that were added first.
   */
  readonly oldestWaiting?: number;
  /** The number of live workers. */
  readonly workers: number;
}

/** The description of a worker, given when it starts. */
export interface WorkerIdentity {
  /** Its name in logs. */
  readonly worker: string;
  /** How many calls it runs at once. */
  readonly concurrency: number;
  /** The version of its server. */
  readonly version?: string;
  /** The keys of the components it can run. */
  readonly components?: readonly string[];
}

/** A live worker. */
export interface WorkerSummary {
  /** Unique among all workers. */
  readonly id: string;
  /** Its name in logs. */
  readonly name: string;
  /** The version of its server. */
  readonly version?: string;
  /** The keys of the components it can run. */
  readonly components: readonly string[];
  /** The name of its machine. */
  readonly host: string;
  /** Its process id. */
  readonly pid: number;
  /** How many calls it runs at once. */
  readonly concurrency: number;
  /** When it started. */
  readonly startedAt: Date;
  /** The number of calls that held a slot, a few seconds ago. */
  readonly running: number;
  /** The number of calls that waited without a slot, a few seconds ago. */
  readonly waiting: number;
}
