import type { Answer, ClientNotice, ClientQuestion, ProgressState } from '../../call/channel.js';
import type { Outcome } from '../../call/outcome.js';
import type { ComponentLimits } from '../../components/options.js';
import type { WireError } from '../../protocol/errors.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerIdentity, WorkerSummary } from './queries.js';
import type { ExecutionEnd, ExecutionRecord, Question } from './record.js';
import type { Timetable } from './timetable.js';
import type { Sessions, QuestionLeases } from './sessions.js';

/**
 * An execution to add. It becomes due at `runAt`, or `delay` milliseconds from the engine's now; at once if neither is
 * given, or the time has passed.
 */
export type NewExecution = Pick<
  ExecutionRecord,
  | 'key'
  | 'component'
  | 'input'
  | 'owner'
  | 'session'
  | 'client'
  | 'snapshot'
  | 'trace'
  | 'retry'
  | 'timeout'
  | 'ttl'
  | 'priority'
  | 'runAt'
> & { readonly delay?: number };

/** How many open tasks (live executions with a session) there may be when another is added. */
export interface TaskLimits {
  /** Of its owner. */
  readonly owner?: number;
  /** Of its client, if that is not just its owner. */
  readonly client?: number;
  /** Of its session. */
  readonly session?: number;
}

/** A schedule to set: a timetable, and the execution to add at each tick with the schedule's id as its key. */
export type NewSchedule = Omit<NewExecution, 'key' | 'session' | 'client' | 'runAt' | 'delay'> & {
  readonly id: string;
  readonly when: Timetable;
};

/** A schedule, as listed. */
export interface ScheduleRecord extends Pick<NewSchedule, 'id' | 'when' | 'component' | 'owner'> {
  /** The next tick. */
  readonly next: number;
}

/** The result of adding an execution. */
export interface Addition {
  /** `false` if a live execution has the key; `record` is then that execution's. */
  readonly added: boolean;
  readonly record: ExecutionRecord;
}

/**
 * An event for watchers: a wake-up, with the record as it was after the transition. An engine may leave out its input. Only
 * `get` is authoritative.
 */
export type EngineEvent =
  /** The state changed. */
  | { readonly type: 'state'; readonly record: ExecutionRecord }
  | { readonly type: 'progress'; readonly record: ExecutionRecord }
  /** A question needs a connection that shows it: it was opened, opened again by a later run, or its lease was released. */
  | { readonly type: 'question'; readonly record: ExecutionRecord; readonly question: Question }
  /** A question is closed: the client or its deadline answered it (it then has an answer), or its execution ended. */
  | { readonly type: 'closed'; readonly record: ExecutionRecord; readonly question: Question }
  | { readonly type: 'notice'; readonly record: ExecutionRecord; readonly notice: ClientNotice };

/** The scope of a watch: one execution, the executions of a session, or all. */
export type Watched = { readonly key: string } | { readonly session: string } | { readonly all: true };

/** A query for the tasks of one owner. */
export interface ListQuery {
  readonly owner: string;
  /** The `nextCursor` of the previous page. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A page of records, the newest first. */
export interface RecordPage {
  readonly records: readonly ExecutionRecord[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** The result of running an execution again. */
export interface Retried {
  /** Whether it runs again. */
  readonly retried: boolean;
  /** The execution as it is now; absent if there is none, or its record has expired. */
  readonly record?: ExecutionRecord;
}

/** The result of cancelling an execution. */
export type CancelResult = 'cancelled' | 'terminal' | 'unknown';

/** The result of answering a question. */
export type AnswerResult = 'accepted' | 'answered' | 'ended' | 'unknown';

/** Where an answer comes from. */
export interface AnswerFrom {
  /** The session of the client that answers. */
  readonly session?: string;
  /** Who answers in the client's stead. */
  readonly by?: string;
}

/** Stops a watch. Safe to call twice. */
export type Unwatch = () => void;

/** A watch for the end of an execution. */
export interface EndWatch {
  /** The execution when the watch began; absent if there was none, or its record had expired. */
  readonly now?: ExecutionEnd;
  readonly unwatch: Unwatch;
}

/** One run of an execution, delivered to a worker. */
export interface Delivery {
  /** The record at the beginning of the run: state `running`, with this attempt counted. */
  readonly record: ExecutionRecord;
  /** The token of this run. Every write carries it, and a newer run fences it out. */
  readonly run: string;
}

/** How a run ends its hold on its execution. */
export type Settlement =
  /**
   * The execution ends: `completed` if the outcome has a result, `failed` if it has an error. `isError` is stored in the
   * record. `lost` means that the call did not run this time, so it does not clear its component of suspicion.
   */
  | { readonly type: 'finish'; readonly outcome: Outcome; readonly isError?: true; readonly lost?: true }
  /** The attempt failed, and another follows after `delay` milliseconds. The record keeps the error. */
  | { readonly type: 'retry'; readonly error: WireError; readonly delay: number }
  /**
   * The worker gives the execution back, and the attempt does not count. Without `delay` the run was interrupted: the
   * execution is queued at once, ahead of younger ones, and marked as redelivered. With `delay` the call never began: it
   * is queued again after that many milliseconds. With `unknown` this worker does not have the component: an engine with
   * several processes keeps the execution for a worker that has it, however long that takes.
   */
  | { readonly type: 'release'; readonly delay?: number; readonly unknown?: true };

/** Why a run no longer owns its execution: it was cancelled, lost to another worker, or replaced by a newer execution. */
export type Revocation = 'cancelled' | 'lost' | 'replaced';

/** A worker's handler of deliveries. */
export interface DeliveryHandler {
  /**
   * Runs the call and settles the run ({@link Engine.settle}). It holds a slot until the promise settles. A run that ends
   * without a settlement counts as lost, and its execution is delivered again.
   */
  run(delivery: Delivery): Promise<void>;
  /** The run no longer owns its execution. Called once, as soon as this is known. */
  revoke(run: string, reason: Revocation): void;
}

/** The health of an engine. */
export interface Health {
  /** Whether it accepts writes, so that executions can be added and delivered. */
  readonly ok: boolean;
  /** How long the check took, in milliseconds; absent if nothing outside the process was asked. */
  readonly latency?: number;
  /** Why it is not ok: a sentence without secrets. */
  readonly reason?: string;
}

/** The options of a worker for its engine. */
export interface ConsumeOptions extends WorkerIdentity {
  /**
   * Limits by component key. They apply to the runs that this worker takes, and count those of all workers that have a
   * limit. An execution held back by its component's limits holds no slot and stays `queued`.
   */
  readonly limits?: ReadonlyMap<string, ComponentLimits>;
}

/** The intake of one worker. */
export interface Consumer {
  /** Frees the slot of a waiting run, so that another execution can start. */
  park(run: string): void;
  /** Takes a slot again; resolves once one is free. Returning runs go before executions that have not begun. */
  unpark(run: string): Promise<void>;
  /**
   * Stops intake until this run ends or parks, and resolves once no other run holds a slot. Undefined if another run is
   * already isolated or waits to be.
   */
  isolate(run: string): Promise<void> | undefined;
  /** Stops intake; runs under way go on. */
  stopIntake(): Promise<void>;
  /** After {@link Consumer.stopIntake}: resolves when every run has ended. */
  idle(): Promise<void>;
}

/**
 * The engine of a docket. Every transition is one atomic step, guarded so that a terminal state is final and only the
 * current run can write to an execution. An ended execution keeps neither input, snapshot nor questions. A failed one that
 * no client asked for does keep its input and snapshot, so that it can be run again. Callers pass values that have been
 * through JSON.
 */
export interface Engine {
  /** `memory` or `redis`. */
  readonly kind: string;
  /** Client sessions, which several connections and processes may serve. */
  readonly sessions: Sessions;
  /** Which connection shows each question. */
  readonly questionLeases: QuestionLeases;
  /** Makes the engine ready, or fails within a deadline. */
  start(): Promise<void>;
  /** Releases everything. Later calls fail with `DOCKET_UNAVAILABLE`. */
  close(): Promise<void>;
  /** Checks within a deadline whether the engine works. Never rejects. */
  health(): Promise<Health>;
  /** Calls back when the engine closes: no more events will come. */
  onClose(listener: () => void): Unwatch;
  /** Returns a new id for a connection that serves a client. */
  newConnectionId(): string;

  /**
   * Adds an execution, or returns the live one with its key. An ended one is replaced. Who has as many open tasks as
   * `limits` allow is refused with `TASK_LIMIT`. Counting and adding are one step.
   */
  add(execution: NewExecution, limits?: TaskLimits): Promise<Addition>;
  /**
   * Adds an execution as the next generation of the live one with its key. The older one leaves the waiting list, its
   * questions are closed and its run is revoked. One of another component or owner, or with a session, stays and is
   * returned instead.
   */
  replace(execution: NewExecution): Promise<Addition>;
  /** Returns the current record of an execution; undefined if there is none, or it has expired. */
  get(key: string): Promise<ExecutionRecord | undefined>;
  /** Lists the tasks of one owner (executions with a session), the newest first. `CURSOR_INVALID` for a foreign cursor. */
  list(query: ListQuery): Promise<RecordPage>;
  /**
   * Lists the executions of all owners, the newest first. With a filter, a page may hold fewer than `limit`, even none, and
   * still be followed by others. `CURSOR_INVALID` for a foreign cursor.
   */
  browse(query: BrowseQuery): Promise<SummaryPage>;
  /** Counts what is in the docket. */
  stats(): Promise<DocketStats>;
  /** Lists the live workers in order of start. A killed one stays listed until its lease has passed three times. */
  workers(): Promise<readonly WorkerSummary[]>;
  /**
   * Runs a failed execution again, unless a client asked for it: adds it again as the next generation. Returns the
   * record as it then is, changed or not.
   */
  retry(key: string): Promise<Retried>;
  /**
   * Cancels at once, whatever the state, and revokes a run under way. Of a cancel and a finish, exactly one wins. With
   * `generation`, a later execution with the same key is left alone: the result is `unknown`.
   */
  cancel(key: string, reason?: string, generation?: number): Promise<CancelResult>;
  /**
   * Delivers events in order, never synchronously. Calls `gone` if events were missed and the record of a watched key no
   * longer exists: it has expired, or the engine has lost its data.
   */
  watch(of: Watched, listener: (event: EngineEvent) => void, gone?: () => void): Promise<Unwatch>;
  /**
   * Waits for the end of an execution. Returns its current state, and calls `listener` once it has ended or a later
   * execution has its key; possibly also for other changes, and with `undefined` where {@link Engine.watch} calls `gone`.
   * With `generation`, an engine may return that execution's state as it was when added.
   */
  watchEnd(key: string, listener: (end: ExecutionEnd | undefined) => void, generation?: number): Promise<EndWatch>;

  /**
   * Adds an execution at each tick, once, however many processes have a started engine. A tick is skipped while the
   * execution of an earlier one is alive. Ticks missed while there was no process are made up for by a single one. A
   * schedule with the same id is replaced; if its `when` is the same, the next tick stays as it was.
   */
  schedule(schedule: NewSchedule): Promise<ScheduleRecord>;
  /** Removes a schedule; executions it has added stay. `false` if there is none with that id. */
  unschedule(id: string): Promise<boolean>;
  /** Lists all schedules, the next to tick first. */
  schedules(): Promise<readonly ScheduleRecord[]>;

  /**
   * Delivers due executions, at most `concurrency` at once: by priority, and among equals the oldest due first. One whose
   * component has reached its limits is passed over until there is room.
   */
  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer;
  /**
   * Settles a run. `false` if the run had lost its execution; the settlement is then dropped. `over` means that the run
   * has stopped completely, so that an engine may already fetch the next one; the handler must return soon.
   */
  settle(key: string, run: string, settlement: Settlement, over?: boolean): Promise<boolean>;
  /**
   * An isolated run begins, alone in its worker: if the worker dies from here on, the run is charged with it. In a
   * process `shared` with foreground calls or another worker, that takes more deaths.
   */
  beginAlone(key: string, run: string, shared: boolean): Promise<void>;
  /** An isolated run has proved harmless: its component is no longer isolated. */
  exonerate(key: string, run: string): Promise<void>;
  /** Stores progress. `false` if the run had lost its execution. */
  progress(key: string, run: string, progress: ProgressState): Promise<boolean>;
  /** Passes a notice to watchers. `false` if the run had lost its execution. */
  notify(key: string, run: string, notice: ClientNotice): Promise<boolean>;

  /**
   * Opens a question, or finds the one that an earlier run opened with the same key, with its answer if it has one. The
   * deadline counts from its opening, by the engine's clock. `undefined` if the run had lost its execution. With `limit`,
   * an execution with that many questions, answered ones included, is refused another with `QUESTION_LIMIT`.
   */
  ask(key: string, run: string, question: ClientQuestion, limit?: number): Promise<Question | undefined>;
  /**
   * Answers a question; the first answer wins. At the deadline the engine itself answers, whether or not a run still waits.
   * An answer from a session that was not shown the question is `unknown`. Of an answer in the client's stead, the question
   * and the record keep `by`.
   */
  answer(key: string, question: string, answer: Answer, from?: AnswerFrom): Promise<AnswerResult>;
  /** Lists the questions of an execution, answered ones included, the oldest first. */
  questions(key: string): Promise<readonly Question[]>;
}
