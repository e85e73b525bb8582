import type { Json } from '../../base/json.js';
import type { TraceContext } from '../../telemetry/tracing.js';
import type { Answer, ProgressState, QuestionKind } from '../../call/channel.js';
import type { Outcome } from '../../call/outcome.js';
import type { RetryPolicy } from '../../components/options.js';
import type { WireError } from '../../protocol/errors.js';

/** Where an execution stands. The last three are terminal, and terminal is final. */
export type ExecutionState = 'scheduled' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** One entry of the docket. Times are milliseconds since 1970 by the engine's clock. */
export interface ExecutionRecord {
  readonly key: string;
  /** The component's name in the docket. */
  readonly component: string;
  /**
   * The input as it travels; absent where the component takes none. Kept until the end, like the snapshot: nobody needs
   * them any more, and a client may have said things in them that are not to lie about for a day. Work of the program that
   * failed keeps both, so that it can be run again.
   */
  readonly input?: Json;
  /** Who it belongs to: the id of a principal. Lists are made by owner. */
  readonly owner: string;
  /** The session whose connection follows it, where a client asked for it. */
  readonly session?: string;
  /** The span that added it: whoever works on it goes on with its trace. */
  readonly trace?: TraceContext;
  /** What the worker restores before user code runs. The engine does not look inside. */
  readonly snapshot?: Json;
  readonly retry: RetryPolicy;
  /** How long one attempt may run, in milliseconds, not counting open questions. */
  readonly timeout: number;
  /** How long the record is kept after the end, in milliseconds. */
  readonly ttl: number;
  /** Where it stands in line: 0, which is meant where it is absent, goes first, and larger numbers later. */
  readonly priority?: number;

  readonly state: ExecutionState;
  /** Questions without an answer. */
  readonly openQuestions: number;
  /** Tells the execution from others under the same key: later ones have larger numbers, also after the record has expired. */
  readonly generation: number;
  /** Attempts begun; one that was handed back, put back, or lost beside others does not count. */
  readonly attempt: number;
  /**
   * How often a run ended without a word and by its own fault: its worker reported that it lost the run, or died while it
   * ran nothing else. What was handed back or put back is not counted.
   */
  readonly losses: number;
  /**
   * How often its worker died while it may have run others as well, so that nobody knows whose fault that was. Those
   * attempts do not count. Once it dies of this execution alone they become losses. Absent where there was none.
   */
  readonly suspicions?: number;
  /** Its run may be what kills workers: it is to be made beside no other. */
  readonly isolated?: true;
  /** Whether an earlier run was interrupted without an outcome (hand-back, lost worker). */
  readonly redelivered: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Grows with each write: tells which of two records of one generation is the newer one. */
  readonly revision: number;
  /** Since when it could run, or from when it can. */
  readonly dueAt: number;
  /** When a scheduled execution becomes due. */
  readonly runAt?: number;
  readonly finishedAt?: number;
  readonly progress?: ProgressState;
  readonly outcome?: Outcome;
  /** Set where the result of a task says that it is an error: the task completed, and to its client it failed. */
  readonly isError?: true;
  /** What the last attempt that was followed by another has thrown. */
  readonly lastError?: WireError;
  /** Why it was cancelled, where somebody said. */
  readonly reason?: string;
}

/** What is told of an execution to whoever waits for its end, the state first. */
export const endFields = ['state', 'key', 'generation', 'updatedAt', 'finishedAt', 'outcome', 'reason'] as const;

/** How an execution stands, for whoever waits for its end. */
export type ExecutionEnd = Pick<ExecutionRecord, (typeof endFields)[number]>;

/** Whether nothing more can happen to an execution. */
export function isTerminal(state: ExecutionState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** Whether a live execution makes way for a new one under its key: for the same work of the same owner, and never a task. */
export function makesWay(
  live: ExecutionRecord,
  { component, owner }: { readonly component: string; readonly owner: string },
): boolean {
  return !isTask(live) && live.component === component && live.owner === owner;
}

/** Whether a client asked for it. The rest is work that the program added for itself, and of no concern to clients. */
export function isTask({ session }: Pick<ExecutionRecord, 'session'>): boolean {
  return session !== undefined;
}

/** Whether what came of an execution is a failure. To the client of a task, a result that says that it is an error is one. */
export function hasFailed(record: Pick<ExecutionRecord, 'session'>, outcome: Outcome): boolean {
  if ('error' in outcome) return true;
  const { isError } = (outcome.result ?? {}) as { readonly isError?: unknown };
  return isTask(record) && isError === true;
}

/** Whether to its client it failed: where it did, and where it completed with a result that says that it is an error. */
export function hasFailedForClient(record: Pick<ExecutionRecord, 'session' | 'state' | 'isError'>): boolean {
  return isTask(record) && (record.state === 'failed' || record.isError === true);
}

/** Whether an execution that ends so keeps what it needs to be run again. To a client, what has failed stays so. */
export function isRepeatable(record: ExecutionRecord): boolean {
  return record.state === 'failed' && !isTask(record);
}

/** What the log says of a task. Of its client it names the principal, and nothing that gives access. */
export function auditFields({ key, component, owner }: ExecutionRecord): {
  readonly taskId: string;
  readonly component: string;
  readonly principal: string;
} {
  return { taskId: key, component, principal: owner };
}

/** A question of a running execution to its client, kept with the execution until that ends. */
export interface Question {
  /** Unique within the execution and for its life; of `[A-Za-z0-9_-]`. */
  readonly key: string;
  readonly kind: QuestionKind;
  /** What is asked, as the protocol's parameters. */
  readonly params: Json;
  readonly createdAt: number;
  /** When the question is given up. */
  readonly deadline: number;
  /** What is answered then in the client's place. */
  readonly onDeadline: Answer;
  readonly answer?: Answer;
}
