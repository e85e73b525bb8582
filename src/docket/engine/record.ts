import type { Json } from '../../base/json.js';
import type { TraceContext } from '../../telemetry/tracing.js';
import type { Answer, ProgressState, QuestionKind } from '../../call/channel.js';
import type { Outcome } from '../../call/outcome.js';
import type { RetryPolicy } from '../../components/retry-policy.js';
import type { WireError } from '../../protocol/errors.js';

/** The state of an execution. The last three are terminal, which is final. */
export type ExecutionState = 'scheduled' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** The record of one execution. Times are milliseconds since 1970 by the engine's clock. */
export interface ExecutionRecord {
  readonly key: string;
  /** The key of its component. */
  readonly component: string;
  /**
   * The wire input; absent if the component takes none. Like the snapshot it is dropped at the end, because a client's data
   * must not be kept longer than needed. A failed execution that the program added keeps both, so that it can be run again.
   */
  readonly input?: Json;
  /** The id of the principal it belongs to. */
  readonly owner: string;
  /** The session whose connection follows it; absent unless a client asked for it. */
  readonly session?: string;
  /**
   * Tells the client that asked for it from others, if it came over HTTP: the principal, or for anonymous clients a hash of the
   * address. A client may hold a part of the slots, and have so many open tasks.
   */
  readonly client?: string;
  /** The span that added it. Its runs continue that trace. */
  readonly trace?: TraceContext;
  /** The values that the worker restores before user code runs; opaque to the engine. */
  readonly snapshot?: Json;
  readonly retry: RetryPolicy;
  /** How long one attempt may run, in milliseconds, not counting open questions. */
  readonly timeout: number;
  /** How long the record is kept after the execution has ended, in milliseconds. */
  readonly ttl: number;
  /** 0 (also if absent) goes first, larger numbers later. */
  readonly priority?: number;

  readonly state: ExecutionState;
  /** The number of questions without an answer. */
  readonly openQuestions: number;
  /** Distinguishes executions with the same key. Later ones have larger numbers, even after a record has expired. */
  readonly generation: number;
  /** Attempts begun. One that was released, or lost beside other runs, does not count. */
  readonly attempt: number;
  /**
   * How often a run was lost through its own fault: its worker reported it lost, or died while running nothing else.
   * Released runs do not count.
   */
  readonly losses: number;
  /**
   * How often its worker died while it may have been running others too, so that the fault is unclear. Those attempts do
   * not count. They become losses once a worker dies of this execution alone. Absent if there were none.
   */
  readonly suspicions?: number;
  /** Its runs may be killing workers, so each must run alone. */
  readonly isolated?: true;
  /** Whether an earlier run was interrupted (released by a stopping worker, or lost). */
  readonly redelivered: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Grows with each write: of two records of one generation, the one with the larger number is newer. */
  readonly revision: number;
  /** The time from which it can run. */
  readonly dueAt: number;
  /** When it becomes due, if it is scheduled. */
  readonly runAt?: number;
  readonly finishedAt?: number;
  readonly progress?: ProgressState;
  readonly outcome?: Outcome;
  /** Set if the result of a task has `isError`: completed in the docket, failed for its client. */
  readonly isError?: true;
  /** The error of the latest attempt that was retried. */
  readonly lastError?: WireError;
  /** Why it was cancelled, if a reason was given. */
  readonly reason?: string;
  /** Who answered which question in the client's stead, in order. Kept after the end; absent if nobody did. */
  readonly answerers?: readonly Answerer[];
}

/** Who answered a question in the client's stead. */
export interface Answerer {
  /** The key of the question. */
  readonly question: string;
  /** Who answered, as given with the answer. */
  readonly by: string;
}

/** The fields of a record needed to wait for its end, the state first. */
export const endFields = ['state', 'key', 'generation', 'updatedAt', 'finishedAt', 'outcome', 'reason'] as const;

/** An execution, as seen by those who wait for its end. */
export type ExecutionEnd = Pick<ExecutionRecord, (typeof endFields)[number]>;

/** Whether the state is final. */
export function isTerminal(state: ExecutionState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** Whether `replace` may replace a live execution: one of the same component and owner that is not a task. */
export function makesWay(
  live: ExecutionRecord,
  { component, owner }: { readonly component: string; readonly owner: string },
): boolean {
  return !isTask(live) && live.component === component && live.owner === owner;
}

/** Whether a client asked for the execution. The others were added by the program, and clients never see them. */
export function isTask({ session }: Pick<ExecutionRecord, 'session'>): boolean {
  return session !== undefined;
}

/** Whether an outcome is a failure. For a task, a result with `isError` is one too. */
export function hasFailed(record: Pick<ExecutionRecord, 'session'>, outcome: Outcome): boolean {
  if ('error' in outcome) return true;
  const { isError } = (outcome.result ?? {}) as { readonly isError?: unknown };
  return isTask(record) && isError === true;
}

/** Whether a task failed from its client's point of view: it failed, or completed with a result that has `isError`. */
export function hasFailedForClient(record: Pick<ExecutionRecord, 'session' | 'state' | 'isError'>): boolean {
  return isTask(record) && (record.state === 'failed' || record.isError === true);
}

/** Whether an ended execution can be run again, and keeps its input for that. To a client, a failed task stays failed. */
export function isRepeatable(record: ExecutionRecord): boolean {
  return record.state === 'failed' && !isTask(record);
}

/** The fields of a task for the log. They name the principal, and nothing that would give access. */
export function auditFields({ key, component, owner }: ExecutionRecord): {
  readonly taskId: string;
  readonly component: string;
  readonly principal: string;
} {
  return { taskId: key, component, principal: owner };
}

/** A question of an execution to its client, kept until the execution ends. */
export interface Question {
  /** Unique within the execution; of `[A-Za-z0-9_-]`. */
  readonly key: string;
  readonly kind: QuestionKind;
  /** The parameters, as in the protocol. */
  readonly params: Json;
  readonly createdAt: number;
  /** When the engine answers in the client's stead. */
  readonly deadline: number;
  /** The answer it then gives. */
  readonly onDeadline: Answer;
  readonly answer?: Answer;
  /** Who gave the answer in the client's stead; absent if the client or the deadline did. */
  readonly by?: string;
}
