import type { Answer, ClientNotice, ClientQuestion, ProgressState } from '../../call/channel.js';
import type { Outcome } from '../../call/outcome.js';
import type { ComponentLimits } from '../../components/options.js';
import type { WireError } from '../../protocol/errors.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerIdentity, WorkerSummary } from './queries.js';
import type { ExecutionEnd, ExecutionRecord, Question } from './record.js';
import type { Timetable } from './timetable.js';
import type { Sessions, QuestionLeases } from './sessions.js';

/**
 * What `add` writes. It becomes due not before `runAt`, or `delay` milliseconds from the engine's now; at once when neither
 * is given, or the time is past.
 */
export type NewExecution = Pick<
  ExecutionRecord,
  | 'key'
  | 'component'
  | 'input'
  | 'owner'
  | 'session'
  | 'snapshot'
  | 'trace'
  | 'retry'
  | 'timeout'
  | 'ttl'
  | 'priority'
  | 'runAt'
> & { readonly delay?: number };

/** Executions that are added by a timetable, each under the id of the schedule as its key. */
export type NewSchedule = Omit<NewExecution, 'key' | 'session' | 'runAt' | 'delay'> & {
  readonly id: string;
  readonly when: Timetable;
};

/** A schedule as it is listed. */
export interface ScheduleRecord extends Pick<NewSchedule, 'id' | 'when' | 'component' | 'owner'> {
  /** The next tick. */
  readonly next: number;
}

/** What became of a wish to add. */
export interface Addition {
  /** False when a live execution has the key: then the record is that one's. */
  readonly added: boolean;
  readonly record: ExecutionRecord;
}

/**
 * What watchers are told. An event is a wake-up with the record as it was after the step, which an engine may give without
 * its input; what `get` gives is the truth.
 */
export type EngineEvent =
  /** The state changed. */
  | { readonly type: 'state'; readonly record: ExecutionRecord }
  | { readonly type: 'progress'; readonly record: ExecutionRecord }
  /** A question needs a place: it was opened, opened again by a later run, or the place that showed it gave it up. */
  | { readonly type: 'question'; readonly record: ExecutionRecord; readonly question: Question }
  /** A question needs no answer any more: a client or its deadline answered (then it has one), or its execution ended. */
  | { readonly type: 'closed'; readonly record: ExecutionRecord; readonly question: Question }
  | { readonly type: 'notice'; readonly record: ExecutionRecord; readonly notice: ClientNotice };

/** Whose events are watched: of one execution, of all that belong to a session, or of all. */
export type Watched = { readonly key: string } | { readonly session: string } | { readonly all: true };

/** Which records are listed. */
export interface ListQuery {
  readonly owner: string;
  /** What the page before gave. */
  readonly cursor?: string;
  readonly limit: number;
}

/** A page of records, the newest first. */
export interface RecordPage {
  readonly records: readonly ExecutionRecord[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** What became of a wish to run something again. */
export interface Retried {
  /** Whether it runs again. */
  readonly retried: boolean;
  /** The execution as it is now; undefined where nobody knows it (any more). */
  readonly record?: ExecutionRecord;
}

/** What became of a wish to cancel. */
export type CancelResult = 'cancelled' | 'terminal' | 'unknown';

/** What became of an answer. */
export type AnswerResult = 'accepted' | 'answered' | 'ended' | 'unknown';

/** Stops a watch. Safe to call twice. */
export type Unwatch = () => void;

/** Somebody waits for the end of an execution. */
export interface EndWatch {
  /** How it stood when the watch began; absent where nobody knows it (any more). */
  readonly now?: ExecutionEnd;
  readonly unwatch: Unwatch;
}

/** One run of one execution, given to a worker. */
export interface Delivery {
  /** The record as it was when the run began: state `running`, the attempt counted. */
  readonly record: ExecutionRecord;
  /** The token of this run. Every write of the run carries it, and a newer run fences it out. */
  readonly run: string;
}

/** How a run ends. */
export type Settlement =
  /**
   * `completed` when the outcome has a result, `failed` when it has an error. `isError` goes into the record; `lost` says
   * that the call was not made any more, which speaks for nobody.
   */
  | { readonly type: 'finish'; readonly outcome: Outcome; readonly isError?: true; readonly lost?: true }
  /** The attempt failed and another follows after `delay` milliseconds. The record keeps the error. */
  | { readonly type: 'retry'; readonly error: WireError; readonly delay: number }
  /**
   * The worker gives the execution back, and the attempt does not count. Without `delay` the run was interrupted: the
   * execution is queued at once, ahead of younger ones, and marked as redelivered. With `delay` the call never began: it
   * is queued again after that many milliseconds.
   */
  | { readonly type: 'release'; readonly reason: ReleaseReason; readonly delay?: number };

/**
 * Why a worker releases a run: it shuts down, does not know the component, cannot run the call alone, or the call made way
 * for a question of its client.
 */
export type ReleaseReason = 'shutdown' | 'unknown-component' | 'not-alone' | 'suspended';

/** Why a run no longer owns its execution: that was cancelled, is run by another worker, or has made way for a newer one. */
export type Revocation = 'cancelled' | 'lost' | 'replaced';

/** What a worker does with deliveries. */
export interface DeliveryHandler {
  /**
   * Makes the call and settles it ({@link Engine.settle}). The slot is taken until the promise settles. A run that ends
   * without having been settled counts as lost, and the execution is delivered again.
   */
  run(delivery: Delivery): Promise<void>;
  /** The run no longer owns its execution. Called once, as soon as it is known. */
  revoke(run: string, why: Revocation): void;
}

/** Whether an engine works now. */
export interface Health {
  /** Whether it takes what it is told, so that executions can be added and workers can claim them. */
  readonly ok: boolean;
  /** How long it took to answer, in milliseconds; absent where nobody was asked. */
  readonly latency?: number;
  /** Why it does not work, as a sentence without secrets. */
  readonly reason?: string;
}

/** What a worker brings to its engine. */
export interface ConsumeOptions extends WorkerIdentity {
  /**
   * What bounds components, by their names in the docket: it holds for the runs that this worker takes, and counts those of
   * all workers that know a bound. An execution that has to wait for its component holds no slot and stays `queued`.
   */
  readonly limits?: ReadonlyMap<string, ComponentLimits>;
}

/** The intake of one worker. */
export interface Consumer {
  /** Gives the slot of a waiting run back, so that another execution can start. */
  park(run: string): void;
  /** Takes a slot again; resolves when one is free. Runs that come back go before executions that have not begun. */
  unpark(run: string): Promise<void>;
  /**
   * Takes nothing more until this run has ended or is parked, and resolves when no other run holds a slot. Undefined where
   * another run has asked for that before.
   */
  isolate(run: string): Promise<void> | undefined;
  /** Takes nothing more; runs under way go on. */
  stopIntake(): Promise<void>;
  /** After {@link Consumer.stopIntake}: resolves when every run has ended. */
  idle(): Promise<void>;
}

/**
 * What a docket runs on. Every transition is one atomic step, guarded so that a terminal state is final and only the
 * current run of an execution can write to it. What has ended keeps neither its input nor its snapshot nor its questions,
 * save that a failed execution that no client asked for keeps the first two, so that it can be run again. Values have been through JSON when they come here.
 */
export interface Engine {
  /** `memory` or `redis`. */
  readonly kind: string;
  /** The sessions of clients that several connections or processes serve. */
  readonly sessions: Sessions;
  /** At which of their connections each question is shown. */
  readonly questionLeases: QuestionLeases;
  /** Makes the engine ready; fails within a deadline. */
  start(): Promise<void>;
  /** Releases everything. Later calls fail with `DOCKET_UNAVAILABLE`. */
  close(): Promise<void>;
  /** Looks whether the engine works now, within its deadline. Never rejects. */
  health(): Promise<Health>;
  /** Calls back when the engine closes: nothing more will be heard of what is waited for. */
  onClose(listener: () => void): Unwatch;
  /** A name for a place where a client is served. */
  newConnectionId(): string;

  /**
   * Adds an execution, or answers the live one that has its key. A finished one is replaced. With `limit`, an owner who
   * has that many open tasks (executions with a session that have not ended) gets no more: `TASK_LIMIT`, and nothing
   * has changed. Counting and adding are one step.
   */
  add(execution: NewExecution, limit?: number): Promise<Addition>;
  /**
   * Adds an execution in the place of the live one that has its key, as its next generation: the older one leaves the line, its
   * questions are closed, and a run under way is revoked. One that belongs to another component or owner, or to a session,
   * stays, and is the answer.
   */
  replace(execution: NewExecution): Promise<Addition>;
  /** The record of an execution as it is now; undefined where nobody knows it (any more). */
  get(key: string): Promise<ExecutionRecord | undefined>;
  /** The records of one owner that have a session, so those that a client asked for, the newest first. `CURSOR_INVALID` for a cursor that is not ours. */
  list(query: ListQuery): Promise<RecordPage>;
  /**
   * The executions of all owners, tasks or not, the newest first. A page with a filter may hold fewer than `limit`, even
   * none, and be followed by another. `CURSOR_INVALID` for a cursor that is not ours.
   */
  browse(query: BrowseQuery): Promise<SummaryPage>;
  /** How much of what there is in the docket now. */
  stats(): Promise<DocketStats>;
  /** The workers that are alive, in the order in which they began. One that was killed is told of until its lease has passed three times. */
  workers(): Promise<readonly WorkerSummary[]>;
  /**
   * Runs a failed execution that no client asked for again, as the next generation: as if it had been added anew with what
   * was kept of it. Gives the record as it is then, or as it is where nothing was done.
   */
  retry(key: string): Promise<Retried>;
  /**
   * Cancels at once whatever the state, and revokes a run under way. Decided once against a finish. With `generation`, a later
   * execution under the same key is left alone, as one that is unknown.
   */
  cancel(key: string, reason?: string, generation?: number): Promise<CancelResult>;
  /**
   * Events in order, never synchronously. `gone` is called when events were missed and the record of a watched key is no more: it
   * expired meanwhile, or the engine has lost its data.
   */
  watch(of: Watched, listener: (event: EngineEvent) => void, gone?: () => void): Promise<Unwatch>;
  /**
   * For whoever waits for the end of an execution: gives how it stands now, and tells `listener` of that once it has
   * ended or a later execution is under the key. It may be told of other states on the way, and is told `undefined`
   * where {@link Engine.watch} calls `gone`. With `generation`, an engine may give how that one stood when it was added.
   */
  watchEnd(key: string, listener: (end: ExecutionEnd | undefined) => void, generation?: number): Promise<EndWatch>;

  /**
   * Adds an execution with each tick, as long as some process has its engine started: each tick once, however many there
   * are. While the execution of an earlier tick has not ended a tick is left out; of ticks that nobody was there for, one is
   * made up for. Another schedule with the same id is replaced; where its `when` was the same, the next tick stays.
   */
  schedule(schedule: NewSchedule): Promise<ScheduleRecord>;
  /** `false` when there is none with that id. What it has added stays. */
  unschedule(id: string): Promise<boolean>;
  /** All of them, the next to tick first. */
  schedules(): Promise<readonly ScheduleRecord[]>;

  /**
   * Delivers executions that are due, at most `concurrency` at once: by priority, and among equals the oldest due first. One
   * whose component is bound and has no place for it is left out until there is one.
   */
  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer;
  /**
   * Ends a run. `false` when the run had lost its execution: the settlement is dropped. `over` says that nothing of the run goes
   * on, so that an engine may look for the next one already; its handler is to settle soon.
   */
  settle(key: string, run: string, settlement: Settlement, over?: boolean): Promise<boolean>;
  /** An isolated run has shown that it kills no worker: its component is isolated no longer. */
  exonerate(key: string, run: string): Promise<void>;
  /** `false` when the run had lost its execution. */
  progress(key: string, run: string, progress: ProgressState): Promise<boolean>;
  /** Passes a notice on to watchers. `false` when the run had lost its execution. */
  notify(key: string, run: string, notice: ClientNotice): Promise<boolean>;

  /**
   * Opens a question, or finds the one that an earlier run opened under the same key, with its answer if it has one. Its
   * deadline counts from then by the engine's clock, which may not be the worker's. `undefined` when the run had lost its execution. With `limit`, an execution that has that many questions, answered
   * ones included, opens no more: `QUESTION_LIMIT`.
   */
  ask(key: string, run: string, question: ClientQuestion, limit?: number): Promise<Question | undefined>;
  /**
   * The first answer wins. When nobody answers before the deadline, the engine does, whether or not a run still waits. With
   * `session`, that of its client: from one to which the question was not shown it is `unknown`.
   */
  answer(key: string, question: string, answer: Answer, session?: string): Promise<AnswerResult>;
  /** All questions of an execution, answered ones included, the oldest first. */
  questions(key: string): Promise<readonly Question[]>;
}
