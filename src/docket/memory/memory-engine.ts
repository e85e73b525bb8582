import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Answer, ClientNotice, ClientQuestion, ProgressState } from '../../call/channel.js';
import type {
  Addition,
  AnswerFrom,
  AnswerResult,
  CancelResult,
  ConsumeOptions,
  Consumer,
  Delivery,
  DeliveryHandler,
  EndWatch,
  Engine,
  EngineEvent,
  Health,
  ListQuery,
  NewExecution,
  NewSchedule,
  RecordPage,
  Retried,
  ScheduleRecord,
  Unwatch,
  Settlement,
  TaskLimits,
  Watched,
} from '../engine/engine.js';
import { tooManyQuestions } from '../engine/size-limits.js';
import { Dispatcher } from './memory-dispatcher.js';
import { copyOfQuestion, type StoredExecution } from './stored-execution.js';
import { copyOfRecord, endOf, executionOf } from '../engine/new-record.js';
import { MemoryExecutions } from './memory-executions.js';
import { MemoryOverview } from './memory-overview.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerSummary } from '../engine/queries.js';
import { MemorySchedules } from './memory-schedules.js';
import { MemorySessions } from './memory-sessions.js';
import { MemoryQuestionLeases } from './memory-question-leases.js';
import {
  isRepeatable,
  isTerminal,
  makesWay,
  type ExecutionEnd,
  type ExecutionRecord,
  type Question,
} from '../engine/record.js';
import { RunSlots } from '../engine/run-slots.js';
import { TimerHeap } from './timer-heap.js';
import { Watchers, type OnError } from '../engine/watchers.js';

/** Options of {@link MemoryEngine}. */
export interface MemoryEngineOptions {
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Receives errors thrown by listeners and handlers. Default: they become uncaught exceptions. */
  readonly onError?: OnError;
}

/**
 * The embedded engine: everything lives in this process and ends with it. Every transition is one synchronous step,
 * which makes it atomic.
 */
export class MemoryEngine implements Engine {
  readonly kind = 'memory';
  readonly sessions: MemorySessions;
  readonly questionLeases: MemoryQuestionLeases;

  private readonly clock: Clock;
  private readonly report: OnError;
  private readonly watchers: Watchers;
  private readonly timers: TimerHeap;
  private readonly plans: MemorySchedules;
  private readonly closeListeners = new Set<() => void>();
  private readonly overview = new MemoryOverview();
  private readonly executions: MemoryExecutions;
  private readonly handlers = new Map<RunSlots, DeliveryHandler>();
  private readonly dispatcher = new Dispatcher<StoredExecution>({
    deliver: (stored, consumer) => this.deliver(stored, consumer),
    now: () => this.clock.now(),
    at: (time, run) => this.timers.add(time, run),
  });
  private lastConnection = 0;
  private closed = false;

  constructor(options: MemoryEngineOptions = {}) {
    const onError = options.onError ?? raise;
    this.clock = options.clock ?? systemClock;
    this.report = (error) => queueMicrotask(() => onError(error));
    this.watchers = new Watchers(this.report);
    this.timers = new TimerHeap(this.clock);
    this.plans = new MemorySchedules(this.clock, this.timers, (execution) => this.executions.addUnlessAlive(execution));
    const step = <T>(transition: () => T): Promise<T> => this.step(transition);
    const { timers, report } = this;
    this.sessions = new MemorySessions({ step, now: () => this.clock.now(), timers, report });
    const { clock, dispatcher, watchers, overview, sessions } = this;
    this.executions = new MemoryExecutions({ clock, timers, dispatcher, watchers, overview, sessions });
    this.questionLeases = new MemoryQuestionLeases({
      stepWith: (key, transition) => step(() => transition(this.executions.get(key))),
      now: () => this.clock.now(),
      available: (stored, name) => {
        const question = stored.questions.get(name);
        if (question) this.watchers.emit({ type: 'question', record: stored.record, question });
      },
      report,
    });
  }

  start(): Promise<void> {
    return this.step(() => undefined);
  }

  close(): Promise<void> {
    this.closed = true;
    for (const listener of this.closeListeners) listener();
    this.closeListeners.clear();
    this.dispatcher.close();
    this.timers.clear();
    this.plans.clear();
    this.executions.clear();
    this.overview.clear();
    this.watchers.clear();
    this.sessions.clear();
    this.questionLeases.clear();
    return Promise.resolve();
  }

  health(): Promise<Health> {
    return Promise.resolve(this.closed ? { ok: false, reason: unavailable().message } : { ok: true });
  }

  onClose(listener: () => void): Unwatch {
    this.closeListeners.add(listener);
    return () => this.closeListeners.delete(listener);
  }

  newConnectionId(): string {
    return String(++this.lastConnection);
  }

  add(execution: NewExecution, limits: TaskLimits = {}): Promise<Addition> {
    return this.step(() => this.executions.addUnlessAlive(execution, limits));
  }

  replace(execution: NewExecution): Promise<Addition> {
    return this.step(() => {
      const known = this.executions.get(execution.key);
      if (!known || isTerminal(known.record.state)) {
        return { added: true, record: this.executions.insert(execution, known) };
      }
      if (!makesWay(known.record, execution)) return { added: false, record: copyOfRecord(known.record) };
      const { run } = known;
      this.executions.giveWay(known);
      const record = this.executions.insert(execution, known);
      run?.consumer.revoke(run.token, 'replaced');
      return { added: true, record };
    });
  }

  get(key: string): Promise<ExecutionRecord | undefined> {
    return this.step(() => {
      const stored = this.executions.get(key);
      return stored && copyOfRecord(stored.record);
    });
  }

  list(query: ListQuery): Promise<RecordPage> {
    return this.step(() => {
      const { items, nextCursor } = this.executions.page(query);
      return { records: items.map((stored) => copyOfRecord(stored.record)), ...(nextCursor && { nextCursor }) };
    });
  }

  browse(query: BrowseQuery): Promise<SummaryPage> {
    return this.step(() => this.overview.page(query));
  }

  stats(): Promise<DocketStats> {
    return this.step(() => this.overview.stats(this.clock.now()));
  }

  workers(): Promise<readonly WorkerSummary[]> {
    return this.step(() => this.overview.listWorkers());
  }

  retry(key: string): Promise<Retried> {
    return this.step(() => {
      const known = this.executions.get(key);
      if (!known) return { retried: false };
      if (!isRepeatable(known.record)) return { retried: false, record: copyOfRecord(known.record) };
      return { retried: true, record: this.executions.insert(executionOf(known.record), known) };
    });
  }

  cancel(key: string, reason?: string, generation?: number): Promise<CancelResult> {
    return this.step(() => {
      const stored = this.executions.get(key);
      if (!stored || (generation !== undefined && stored.record.generation !== generation)) return 'unknown';
      if (isTerminal(stored.record.state)) return 'terminal';
      const { run } = stored;
      this.executions.end(stored, { state: 'cancelled', ...(reason !== undefined && { reason }) });
      run?.consumer.revoke(run.token, 'cancelled');
      return 'cancelled';
    });
  }

  watch(of: Watched, listener: (event: EngineEvent) => void): Promise<Unwatch> {
    return this.step(() => this.watchers.add(of, listener));
  }

  watchEnd(key: string, listener: (end: ExecutionEnd | undefined) => void): Promise<EndWatch> {
    return this.step(() => {
      const unwatch = this.watchers.add({ key }, ({ type, record }) => {
        if (type === 'state') listener(endOf(record));
      });
      const record = this.executions.get(key)?.record;
      return { unwatch, ...(record && { now: endOf(record) }) };
    });
  }

  schedule(schedule: NewSchedule): Promise<ScheduleRecord> {
    return this.step(() => this.plans.set(schedule));
  }

  unschedule(id: string): Promise<boolean> {
    return this.step(() => this.plans.delete(id));
  }

  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.step(() => this.plans.list());
  }

  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer {
    if (this.closed) throw unavailable();
    const consumer = new RunSlots(options.concurrency, {
      slotFree: () => this.dispatcher.dispatchSoon(),
      revoked: (run, reason) => this.guarded(() => handler.revoke(run, reason)),
      done: (slots) => {
        this.dispatcher.remove(slots);
        this.handlers.delete(slots);
        this.overview.workerEnds(slots);
      },
    });
    this.handlers.set(consumer, handler);
    this.overview.workerBegins(consumer, options, this.clock.now());
    this.dispatcher.add(consumer, options.limits);
    return consumer;
  }

  settle(key: string, run: string, settlement: Settlement): Promise<boolean> {
    return this.step(() => {
      const stored = this.executions.ownedBy(key, run);
      if (!stored) return false;
      const { attempt } = stored.record;
      switch (settlement.type) {
        case 'finish':
          this.executions.end(stored, {
            state: 'error' in settlement.outcome ? 'failed' : 'completed',
            outcome: settlement.outcome,
            isError: settlement.isError,
          });
          break;
        case 'retry':
          this.executions.queueAfter(stored, settlement.delay, { lastError: settlement.error });
          break;
        case 'release':
          if (settlement.delay !== undefined) {
            this.executions.queueAfter(stored, settlement.delay, { attempt: attempt - 1 });
          } else {
            this.executions.queue(stored, stored.position, { attempt: attempt - 1, redelivered: true });
          }
      }
      return true;
    });
  }

  beginAlone(): Promise<void> {
    // A crash takes the whole docket with it, so nothing is ever isolated.
    return Promise.resolve();
  }

  exonerate(): Promise<void> {
    return Promise.resolve();
  }

  progress(key: string, run: string, progress: ProgressState): Promise<boolean> {
    return this.step(() => {
      const stored = this.executions.ownedBy(key, run);
      if (!stored) return false;
      this.executions.write(stored, { progress: { ...progress } });
      this.executions.emit(stored, 'progress');
      return true;
    });
  }

  notify(key: string, run: string, notice: ClientNotice): Promise<boolean> {
    return this.step(() => {
      const stored = this.executions.ownedBy(key, run);
      if (stored) this.watchers.emit({ type: 'notice', record: stored.record, notice });
      return stored !== undefined;
    });
  }

  ask(key: string, run: string, asked: ClientQuestion, limit = Infinity): Promise<Question | undefined> {
    return this.step(() => {
      const stored = this.executions.ownedBy(key, run);
      if (!stored) return undefined;
      const known = stored.questions.get(asked.key);
      if (!known && stored.questions.size >= limit) throw tooManyQuestions(limit);
      const now = this.clock.now();
      const question: Question = known ?? { ...asked, createdAt: now, deadline: now + asked.deadline };
      if (!known) {
        stored.questions.set(asked.key, question);
        const giveUp = (): void => this.executions.closeQuestion(stored, question, question.onDeadline);
        stored.deadlines.set(asked.key, this.timers.add(question.deadline, giveUp));
        this.executions.write(stored, { openQuestions: stored.record.openQuestions + 1 });
        if (stored.record.openQuestions === 1) this.executions.emit(stored, 'state');
      }
      if (!question.answer) this.watchers.emit({ type: 'question', record: stored.record, question });
      return copyOfQuestion(question);
    });
  }

  answer(key: string, name: string, answer: Answer, { session, by }: AnswerFrom = {}): Promise<AnswerResult> {
    return this.step(() => {
      const stored = this.executions.get(key);
      if (stored && isTerminal(stored.record.state)) return 'ended';
      const question = stored?.questions.get(name);
      if (!stored || !question) return 'unknown';
      if (question.answer) return 'answered';
      if (session !== undefined && stored.leases?.get(name)?.sessions.includes(session) !== true) return 'unknown';
      this.executions.closeQuestion(stored, question, answer, by);
      return 'accepted';
    });
  }

  questions(key: string): Promise<readonly Question[]> {
    return this.step(() => [...(this.executions.get(key)?.questions.values() ?? [])].map(copyOfQuestion));
  }

  /** Makes a transition, after running due timers, so that no expired record is ever seen. */
  private step<T>(transition: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.closed) throw unavailable();
      this.timers.runDue();
      resolve(transition());
    });
  }

  private deliver(stored: StoredExecution, consumer: RunSlots): void {
    const run = randomUUID();
    this.executions.begin(stored, { token: run, consumer });
    const delivery = { record: copyOfRecord(stored.record), run };
    void consumer.begin(run, () => this.run(delivery, consumer));
  }

  private async run(delivery: Delivery, consumer: RunSlots): Promise<void> {
    try {
      await this.handlers.get(consumer)?.run(delivery);
    } catch (error) {
      this.report(error);
    }
    this.recover(delivery);
  }

  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.report(error);
    }
  }

  /** A run that ended without a settlement counts as lost. */
  private recover({ record, run }: Delivery): void {
    const stored = this.executions.ownedBy(record.key, run);
    if (stored) this.executions.queue(stored, stored.position, { redelivered: true, losses: stored.record.losses + 1 });
  }
}

function unavailable(): ErrandError {
  return new ErrandError(
    'DOCKET_UNAVAILABLE',
    'The memory engine is closed. Create a new one, or close the server last.',
  );
}

/** Called in a microtask of its own, where a throw becomes an uncaught exception. */
function raise(error: unknown): never {
  throw error;
}
