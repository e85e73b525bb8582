import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';
import type { Answer, ClientNotice, ClientQuestion, ProgressState } from '../call/channel.js';
import type {
  Addition,
  AnswerVerdict,
  CancelVerdict,
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
  ScheduleRecord,
  Unwatch,
  Verdict,
  Watched,
} from './engine.js';
import { tooManyQuestions, tooManyTasks } from './limits.js';
import { Dispatcher } from './memory-dispatcher.js';
import { copyOfQuestion, copyOfRecord, executionOf, newRecord, type Entry } from './memory-entry.js';
import { MemoryOverview } from './memory-overview.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerRecord } from './overview.js';
import { MemorySchedules } from './memory-schedules.js';
import { MemorySessions } from './memory-sessions.js';
import { MemoryShowings } from './memory-showings.js';
import { OwnerIndex } from './owner-index.js';
import { isRepeatable, isTerminal, makesWay, type ExecutionRecord, type Question } from './record.js';
import { RunSlots } from './run-slots.js';
import { TimerHeap } from './timer-heap.js';
import { Watchers, type OnError } from './watchers.js';

/** Options of {@link MemoryEngine}. */
export interface MemoryEngineOptions {
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Takes what a listener or a handler throws. Default: it becomes an uncaught exception. */
  readonly onError?: OnError;
}

/**
 * The embedded engine: everything lives in this process and ends with it. Every transition is one synchronous step,
 * which makes it atomic.
 */
export class MemoryEngine implements Engine {
  readonly kind = 'memory';
  readonly sessions: MemorySessions;
  readonly showings: MemoryShowings;

  private readonly clock: Clock;
  private readonly report: OnError;
  private readonly watchers: Watchers;
  private readonly timers: TimerHeap;
  private readonly plans: MemorySchedules;
  private readonly closeListeners = new Set<() => void>();
  private readonly entries = new Map<string, Entry>();
  private readonly owners = new OwnerIndex<Entry>();
  private readonly overview = new MemoryOverview();
  /** How many tasks of each owner have not ended; owners without one are not in it. */
  private readonly openTasks = new Map<string, number>();
  private readonly handlers = new Map<RunSlots, DeliveryHandler>();
  private readonly dispatcher = new Dispatcher<Entry>({
    deliver: (entry, consumer) => this.deliver(entry, consumer),
    now: () => this.clock.now(),
    at: (time, run) => this.timers.add(time, run),
  });
  private sequence = 0;
  private place = 0;
  private places = 0;
  private closed = false;

  constructor(options: MemoryEngineOptions = {}) {
    const onError = options.onError ?? raise;
    this.clock = options.clock ?? systemClock;
    this.report = (error) => queueMicrotask(() => onError(error));
    this.watchers = new Watchers(this.report);
    this.timers = new TimerHeap(this.clock);
    this.plans = new MemorySchedules(this.clock, this.timers, (execution) => this.addUnlessAlive(execution));
    const step = <T>(transition: () => T): Promise<T> => this.step(transition);
    const { timers, report } = this;
    this.sessions = new MemorySessions({ step, now: () => this.clock.now(), timers, report });
    this.showings = new MemoryShowings({
      stepWith: (key, transition) => step(() => transition(this.entries.get(key))),
      needsPlace: (entry, name) => {
        const question = entry.questions.get(name);
        if (question) this.watchers.emit({ type: 'question', record: entry.record, question });
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
    this.entries.clear();
    this.owners.clear();
    this.overview.clear();
    this.openTasks.clear();
    this.watchers.clear();
    this.sessions.clear();
    this.showings.clear();
    return Promise.resolve();
  }

  health(): Promise<Health> {
    return Promise.resolve(this.closed ? { ok: false, reason: unavailable().message } : { ok: true });
  }

  onClose(listener: () => void): Unwatch {
    this.closeListeners.add(listener);
    return () => this.closeListeners.delete(listener);
  }

  newPlace(): string {
    return String(++this.places);
  }

  add(execution: NewExecution, limit = Infinity): Promise<Addition> {
    return this.step(() => {
      return this.addUnlessAlive(execution, limit);
    });
  }

  replace(execution: NewExecution): Promise<Addition> {
    return this.step(() => {
      const known = this.entries.get(execution.key);
      if (!known || isTerminal(known.record.state)) return { added: true, record: this.enter(execution, known) };
      if (!makesWay(known.record, execution)) return { added: false, record: copyOfRecord(known.record) };
      const { run } = known;
      this.detach(known);
      this.write(known, { openQuestions: 0 });
      this.closeQuestions(known);
      const record = this.enter(execution, known);
      run?.consumer.revoke(run.token, 'replaced');
      return { added: true, record };
    });
  }

  get(key: string): Promise<ExecutionRecord | undefined> {
    return this.step(() => {
      const entry = this.entries.get(key);
      return entry && copyOfRecord(entry.record);
    });
  }

  list(query: ListQuery): Promise<RecordPage> {
    return this.step(() => {
      const { entries, nextCursor } = this.owners.page(query);
      return { records: entries.map((entry) => copyOfRecord(entry.record)), ...(nextCursor && { nextCursor }) };
    });
  }

  browse(query: BrowseQuery): Promise<SummaryPage> {
    return this.step(() => this.overview.page(query));
  }

  stats(): Promise<DocketStats> {
    return this.step(() => this.overview.stats(this.clock.now()));
  }

  workers(): Promise<readonly WorkerRecord[]> {
    return this.step(() => this.overview.listWorkers());
  }

  retry(key: string): Promise<{ readonly retried: boolean; readonly record?: ExecutionRecord }> {
    return this.step(() => {
      const known = this.entries.get(key);
      if (!known) return { retried: false };
      if (!isRepeatable(known.record)) return { retried: false, record: copyOfRecord(known.record) };
      return { retried: true, record: this.enter(executionOf(known.record), known) };
    });
  }

  cancel(key: string, reason?: string, generation?: number): Promise<CancelVerdict> {
    return this.step(() => {
      const entry = this.entries.get(key);
      if (!entry || (generation !== undefined && entry.record.generation !== generation)) return 'unknown';
      if (isTerminal(entry.record.state)) return 'terminal';
      const { run } = entry;
      this.end(entry, { state: 'cancelled', ...(reason !== undefined && { reason }) });
      run?.consumer.revoke(run.token, 'cancelled');
      return 'cancelled';
    });
  }

  watch(of: Watched, listener: (event: EngineEvent) => void): Promise<Unwatch> {
    return this.step(() => this.watchers.add(of, listener));
  }

  watchEnd(key: string, listener: (record: ExecutionRecord | undefined) => void): Promise<EndWatch> {
    return this.step(() => {
      const unwatch = this.watchers.add({ key }, ({ type, record }) => {
        // Events carry the record itself; what is handed out must not change it.
        if (type === 'state') listener(isTerminal(record.state) ? copyOfRecord(record) : record);
      });
      const record = this.entries.get(key)?.record;
      return { unwatch, ...(record && { record: copyOfRecord(record) }) };
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
      revoked: (run, why) => this.guarded(() => handler.revoke(run, why)),
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

  settle(key: string, run: string, verdict: Verdict): Promise<boolean> {
    return this.step(() => {
      const entry = this.ownedBy(key, run);
      if (!entry) return false;
      const { attempt } = entry.record;
      switch (verdict.type) {
        case 'finish':
          this.end(entry, { state: 'error' in verdict.outcome ? 'failed' : 'completed', outcome: verdict.outcome });
          break;
        case 'retry':
          this.queueAfter(entry, verdict.delay, { lastError: verdict.error });
          break;
        case 'putBack':
          this.queueAfter(entry, verdict.delay, { attempt: attempt - 1 });
          break;
        case 'handBack':
          this.queue(entry, entry.place, { attempt: attempt - 1, redelivered: true });
      }
      return true;
    });
  }

  progress(key: string, run: string, progress: ProgressState): Promise<boolean> {
    return this.step(() => {
      const entry = this.ownedBy(key, run);
      if (!entry) return false;
      this.write(entry, { progress });
      this.emit(entry, 'progress');
      return true;
    });
  }

  notify(key: string, run: string, notice: ClientNotice): Promise<boolean> {
    return this.step(() => {
      const entry = this.ownedBy(key, run);
      if (entry) this.watchers.emit({ type: 'notice', record: entry.record, notice });
      return entry !== undefined;
    });
  }

  ask(key: string, run: string, asked: ClientQuestion, limit = Infinity): Promise<Question | undefined> {
    return this.step(() => {
      const entry = this.ownedBy(key, run);
      if (!entry) return undefined;
      const known = entry.questions.get(asked.key);
      if (!known && entry.questions.size >= limit) throw tooManyQuestions(limit);
      const now = this.clock.now();
      const question: Question = known ?? { ...asked, createdAt: now, deadline: now + asked.deadline };
      if (!known) {
        entry.questions.set(asked.key, question);
        const giveUp = (): void => this.closeQuestion(entry, question, question.onDeadline);
        entry.deadlines.set(asked.key, this.timers.add(question.deadline, giveUp));
        this.write(entry, { openQuestions: entry.record.openQuestions + 1 });
        if (entry.record.openQuestions === 1) this.emit(entry, 'state');
      }
      if (!question.answer) this.watchers.emit({ type: 'question', record: entry.record, question });
      return copyOfQuestion(question);
    });
  }

  answer(key: string, name: string, answer: Answer): Promise<AnswerVerdict> {
    return this.step(() => {
      const entry = this.entries.get(key);
      if (entry && isTerminal(entry.record.state)) return 'ended';
      const question = entry?.questions.get(name);
      if (!entry || !question) return 'unknown';
      if (question.answer) return 'answered';
      this.closeQuestion(entry, question, answer);
      return 'accepted';
    });
  }

  questions(key: string): Promise<readonly Question[]> {
    return this.step(() => [...(this.entries.get(key)?.questions.values() ?? [])].map(copyOfQuestion));
  }

  /** Makes a transition; what is due comes first, so that nobody sees a record that should have expired. */
  private step<T>(transition: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.closed) throw unavailable();
      this.timers.runDue();
      resolve(transition());
    });
  }

  private addUnlessAlive(execution: NewExecution, limit = Infinity): Addition {
    const known = this.entries.get(execution.key);
    if (known && !isTerminal(known.record.state)) return { added: false, record: copyOfRecord(known.record) };
    const open = this.openTasks.get(execution.owner) ?? 0;
    if (open >= limit) throw tooManyTasks(limit, open);
    return { added: true, record: this.enter(execution, known) };
  }

  /** Makes an execution of what is new, in the place of an earlier one under its key that is over. */
  private enter(execution: NewExecution, previous: Entry | undefined): ExecutionRecord {
    if (previous) this.forget(previous);
    const now = Math.max(this.clock.now(), previous?.record.updatedAt ?? 0);
    const sequence = ++this.sequence;
    const record = newRecord(execution, now, sequence);
    const entry: Entry = {
      record,
      sequence,
      component: record.component,
      priority: record.priority ?? 0,
      place: 0,
      questions: new Map(),
      deadlines: new Map(),
    };
    this.entries.set(record.key, entry);
    this.overview.add(entry);
    if (record.session !== undefined) {
      this.owners.add(record.owner, entry);
      this.sessions.opened(record.session, record.key);
    }
    this.countOpen(record, 1);
    const runAt = execution.delay === undefined ? execution.runAt : now + execution.delay;
    if (runAt !== undefined && runAt > now) this.postpone(entry, runAt, { updatedAt: now });
    else this.queue(entry, ++this.place, { updatedAt: now });
    return copyOfRecord(entry.record);
  }

  private queueAfter(entry: Entry, delay: number, change: Partial<ExecutionRecord>): void {
    const updatedAt = this.nowFor(entry);
    if (delay > 0) this.postpone(entry, updatedAt + delay, { ...change, updatedAt });
    else this.queue(entry, ++this.place, { ...change, updatedAt });
  }

  private postpone(entry: Entry, runAt: number, change: Partial<ExecutionRecord>): void {
    this.leave(entry);
    this.write(entry, { ...change, state: 'scheduled', runAt, dueAt: runAt });
    entry.timer = this.timers.add(runAt, () => {
      entry.timer = undefined;
      this.queue(entry, ++this.place, {});
    });
    this.emit(entry, 'state');
  }

  private queue(entry: Entry, place: number, change: Partial<ExecutionRecord>): void {
    const dueAt = entry.record.runAt ?? this.nowFor(entry);
    this.leave(entry);
    entry.place = place;
    this.write(entry, { ...change, state: 'queued', runAt: undefined, dueAt });
    entry.queued = this.dispatcher.push(entry);
    this.emit(entry, 'state');
  }

  private deliver(entry: Entry, consumer: RunSlots): void {
    const run = randomUUID();
    entry.queued = undefined;
    entry.run = { token: run, consumer };
    this.write(entry, { state: 'running', attempt: entry.record.attempt + 1 });
    this.emit(entry, 'state');
    const delivery = { record: copyOfRecord(entry.record), run };
    void consumer.begin(run, () => this.make(delivery, consumer));
  }

  private async make(delivery: Delivery, consumer: RunSlots): Promise<void> {
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

  /** A run that ended without a verdict counts as lost. */
  private recover({ record, run }: Delivery): void {
    const entry = this.ownedBy(record.key, run);
    if (entry) this.queue(entry, entry.place, { redelivered: true, losses: entry.record.losses + 1 });
  }

  private end(entry: Entry, change: Partial<ExecutionRecord>): void {
    this.detach(entry);
    const finishedAt = this.nowFor(entry);
    const ended = { ...change, openQuestions: 0, runAt: undefined, finishedAt, updatedAt: finishedAt };
    const kept = isRepeatable({ ...entry.record, ...ended }) ? {} : { input: undefined, snapshot: undefined };
    this.write(entry, { ...ended, ...kept });
    this.closeQuestions(entry);
    this.countOpen(entry.record, -1);
    entry.timer = this.timers.add(finishedAt + entry.record.ttl, () => this.forget(entry));
    this.emit(entry, 'state');
  }

  /** It is in no line any more, waits for no time, and no run owns it. */
  private detach(entry: Entry): void {
    if (entry.queued) this.dispatcher.delete(entry.queued);
    if (entry.timer) this.timers.delete(entry.timer);
    entry.queued = undefined;
    entry.timer = undefined;
    this.leave(entry);
  }

  /** No run owns it any more, which gives the place of that to another of its component. */
  private leave(entry: Entry): void {
    if (!entry.run) return;
    entry.run = undefined;
    this.dispatcher.left(entry.component);
  }

  /** Nobody needs an answer any more. */
  private closeQuestions(entry: Entry): void {
    for (const question of entry.questions.values()) {
      if (!question.answer) this.watchers.emit({ type: 'closed', record: entry.record, question });
    }
    for (const deadline of entry.deadlines.values()) this.timers.delete(deadline);
    entry.deadlines.clear();
    entry.questions.clear();
    entry.shown = undefined;
    const { key, session } = entry.record;
    if (session !== undefined) this.sessions.ended(session, key);
  }

  private closeQuestion(entry: Entry, question: Question, answer: Answer): void {
    const deadline = entry.deadlines.get(question.key);
    if (deadline) this.timers.delete(deadline);
    entry.deadlines.delete(question.key);
    const answered: Question = { ...question, answer };
    entry.questions.set(question.key, answered);
    this.write(entry, { openQuestions: entry.record.openQuestions - 1 });
    this.watchers.emit({ type: 'closed', record: entry.record, question: answered });
    if (entry.record.openQuestions === 0) this.emit(entry, 'state');
  }

  private forget(entry: Entry): void {
    if (entry.timer) this.timers.delete(entry.timer);
    this.entries.delete(entry.record.key);
    this.overview.delete(entry);
    this.owners.delete(entry.record.owner, entry);
  }

  private countOpen({ owner, session }: ExecutionRecord, change: 1 | -1): void {
    if (session === undefined) return;
    const open = (this.openTasks.get(owner) ?? 0) + change;
    if (open === 0) this.openTasks.delete(owner);
    else this.openTasks.set(owner, open);
  }

  private ownedBy(key: string, run: string): Entry | undefined {
    const entry = this.entries.get(key);
    return entry?.run?.token === run ? entry : undefined;
  }

  private write(entry: Entry, change: Partial<ExecutionRecord>): void {
    const before = entry.record;
    entry.record = { ...before, updatedAt: this.nowFor(entry), revision: before.revision + 1, ...change };
    this.overview.written(entry, before);
  }

  /** The time of a write. It does not go back, even when the clock does. */
  private nowFor(entry: Entry): number {
    return Math.max(this.clock.now(), entry.record.updatedAt);
  }

  /** Watchers get the record itself and not a copy: what they hand on to users, they copy. */
  private emit(entry: Entry, type: 'state' | 'progress'): void {
    this.watchers.emit({ type, record: entry.record });
  }
}

function unavailable(): ErrandError {
  return new ErrandError(
    'DOCKET_UNAVAILABLE',
    'The memory engine is closed. Make a new one, or close the server last.',
  );
}

/** Runs in a microtask of its own, where a throw becomes an uncaught exception. */
function raise(error: unknown): never {
  throw error;
}
