import type { ExecutionRecord, ExecutionState } from './record.js';

/** All states, in the order in which an execution goes through them. */
export const executionStates = ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;

/** What lists tell of a record: nothing that a client or a component has said, save how far it is. */
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

/** A record as lists tell of it. */
export type RecordSummary = Pick<ExecutionRecord, (typeof summaryFields)[number]>;

/** Which executions of the docket are looked at, whoever they belong to. */
export interface BrowseQuery {
  readonly state?: ExecutionState;
  /** The component's name in the docket. */
  readonly component?: string;
  /** What the page before gave. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A page of summaries, the newest first. */
export interface SummaryPage {
  readonly summaries: readonly RecordSummary[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** How many records one page with a filter looks at, so that no page takes long, however rare what is looked for. */
export const mostLookedAt = 500;

/** How much there is in a docket. */
export interface DocketStats {
  /** How many executions there are in each state; ended ones until their records expire. */
  readonly states: Readonly<Record<ExecutionState, number>>;
  /** How many questions wait for an answer. */
  readonly openQuestions: number;
  /**
   * How long the execution that has been `queued` longest waits for a worker, in milliseconds; absent when none waits. On
   * Redis it is found among the hundred queued ones that were added first.
   */
  readonly oldestWaiting?: number;
  /** How many workers are alive. */
  readonly workers: number;
}

/** What a worker says of itself when it begins. */
export interface WorkerIdentity {
  /** How it is called in logs. */
  readonly worker: string;
  /** How many calls it makes at once. */
  readonly concurrency: number;
  /** The version of its server. */
  readonly version?: string;
  /** What it can make: the names of components in the docket. */
  readonly components?: readonly string[];
}

/** A worker that is alive. */
export interface WorkerSummary {
  /** Unique among all workers. */
  readonly id: string;
  /** How it is called in logs. */
  readonly name: string;
  /** The version of its server. */
  readonly version?: string;
  /** What it can make: the names of components in the docket. */
  readonly components: readonly string[];
  /** The machine. */
  readonly host: string;
  /** The process on that machine. */
  readonly pid: number;
  /** How many calls it makes at once. */
  readonly concurrency: number;
  /** When it began. */
  readonly startedAt: Date;
  /** Calls that it makes, a few seconds ago. */
  readonly running: number;
  /** Calls that wait for an answer and hold no slot, a few seconds ago. */
  readonly waiting: number;
}
