import type { Clock } from '../../base/clock.js';
import type { Answer } from '../../call/channel.js';
import type { Addition, ListQuery, NewExecution } from '../engine/engine.js';
import { tooManyTasks } from '../engine/size-limits.js';
import type { Dispatcher } from './memory-dispatcher.js';
import type { Entry } from './memory-entry.js';
import { copyOfRecord, newRecord } from '../engine/new-record.js';
import type { MemoryOverview } from './memory-overview.js';
import type { MemorySessions } from './memory-sessions.js';
import { OwnerIndex } from './owner-index.js';
import { isRepeatable, isTerminal, type ExecutionRecord, type Question } from '../engine/record.js';
import type { TimerHeap } from './timer-heap.js';
import type { Watchers } from '../engine/watchers.js';

/** What is told of each change of an execution, and where it stands in line. */
export interface MemoryExecutionsHost {
  readonly clock: Clock;
  readonly timers: TimerHeap;
  readonly dispatcher: Dispatcher<Entry>;
  readonly watchers: Watchers;
  readonly overview: MemoryOverview;
  readonly sessions: MemorySessions;
}

/** The executions of a memory engine and how they go from one state to the next. */
export class MemoryExecutions {
  private readonly entries = new Map<string, Entry>();
  private readonly owners = new OwnerIndex<Entry>();
  /** How many tasks of each owner have not ended; owners without one are not in it. */
  private readonly openTasks = new Map<string, number>();
  private sequence = 0;
  private lastPosition = 0;

  constructor(private readonly host: MemoryExecutionsHost) {}

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  /** The execution that the run still owns. */
  ownedBy(key: string, run: string): Entry | undefined {
    const entry = this.entries.get(key);
    return entry?.run?.token === run ? entry : undefined;
  }

  /** The executions of one owner that a client asked for. */
  page(query: ListQuery): ReturnType<OwnerIndex<Entry>['page']> {
    return this.owners.page(query);
  }

  clear(): void {
    this.entries.clear();
    this.owners.clear();
    this.openTasks.clear();
  }

  /** Adds it, or gives the live one that has its key. */
  addUnlessAlive(execution: NewExecution, limit = Infinity): Addition {
    const known = this.entries.get(execution.key);
    if (known && !isTerminal(known.record.state)) return { added: false, record: copyOfRecord(known.record) };
    const open = this.openTasks.get(execution.owner) ?? 0;
    if (open >= limit) throw tooManyTasks(limit, open);
    return { added: true, record: this.enter(execution, known) };
  }

  /** Makes an execution of what is new, in the place of an earlier one under its key that is over. */
  enter(execution: NewExecution, previous: Entry | undefined): ExecutionRecord {
    if (previous) this.forget(previous);
    const now = Math.max(this.host.clock.now(), previous?.record.updatedAt ?? 0);
    const sequence = ++this.sequence;
    const record = newRecord(execution, now, sequence);
    const entry: Entry = {
      record,
      sequence,
      component: record.component,
      priority: record.priority ?? 0,
      position: 0,
      questions: new Map(),
      deadlines: new Map(),
    };
    this.entries.set(record.key, entry);
    this.host.overview.add(entry);
    if (record.session !== undefined) {
      this.owners.add(record.owner, entry);
      this.host.sessions.opened(record.session, record.key);
    }
    this.countOpen(record, 1);
    const runAt = execution.delay === undefined ? execution.runAt : now + execution.delay;
    if (runAt !== undefined && runAt > now) this.postpone(entry, runAt, { updatedAt: now });
    else this.queue(entry, ++this.lastPosition, { updatedAt: now });
    return copyOfRecord(entry.record);
  }

  /** Back into the line after so many milliseconds, or at once. */
  queueAfter(entry: Entry, delay: number, change: Partial<ExecutionRecord>): void {
    const updatedAt = this.nowFor(entry);
    if (delay > 0) this.postpone(entry, updatedAt + delay, { ...change, updatedAt });
    else this.queue(entry, ++this.lastPosition, { ...change, updatedAt });
  }

  private postpone(entry: Entry, runAt: number, change: Partial<ExecutionRecord>): void {
    this.leave(entry);
    this.write(entry, { ...change, state: 'scheduled', runAt, dueAt: runAt });
    entry.timer = this.host.timers.add(runAt, () => {
      entry.timer = undefined;
      this.queue(entry, ++this.lastPosition, {});
    });
    this.emit(entry, 'state');
  }

  /** Into the line, at its place among equals. */
  queue(entry: Entry, position: number, change: Partial<ExecutionRecord>): void {
    const dueAt = entry.record.runAt ?? this.nowFor(entry);
    this.leave(entry);
    entry.position = position;
    this.write(entry, { ...change, state: 'queued', runAt: undefined, dueAt });
    entry.queued = this.host.dispatcher.push(entry);
    this.emit(entry, 'state');
  }

  /** A run begins. */
  begin(entry: Entry, run: NonNullable<Entry['run']>): void {
    entry.queued = undefined;
    entry.run = run;
    this.write(entry, { state: 'running', attempt: entry.record.attempt + 1 });
    this.emit(entry, 'state');
  }

  /** Ends it: `change` says how. */
  end(entry: Entry, change: Partial<ExecutionRecord>): void {
    this.detach(entry);
    const finishedAt = this.nowFor(entry);
    const ended = { ...change, openQuestions: 0, runAt: undefined, finishedAt, updatedAt: finishedAt };
    const kept = isRepeatable({ ...entry.record, ...ended }) ? {} : { input: undefined, snapshot: undefined };
    this.write(entry, { ...ended, ...kept });
    this.closeQuestions(entry);
    this.countOpen(entry.record, -1);
    entry.timer = this.host.timers.add(finishedAt + entry.record.ttl, () => this.forget(entry));
    this.emit(entry, 'state');
  }

  /** Another execution takes its key: it is out of line, and nobody needs an answer any more. */
  giveWay(entry: Entry): void {
    this.detach(entry);
    this.write(entry, { openQuestions: 0 });
    this.closeQuestions(entry);
  }

  /** A question has its answer. */
  closeQuestion(entry: Entry, question: Question, answer: Answer): void {
    const deadline = entry.deadlines.get(question.key);
    if (deadline) this.host.timers.delete(deadline);
    entry.deadlines.delete(question.key);
    const answered: Question = { ...question, answer };
    entry.questions.set(question.key, answered);
    this.write(entry, { openQuestions: entry.record.openQuestions - 1 });
    this.host.watchers.emit({ type: 'closed', record: entry.record, question: answered });
    if (entry.record.openQuestions === 0) this.emit(entry, 'state');
  }

  write(entry: Entry, change: Partial<ExecutionRecord>): void {
    const before = entry.record;
    entry.record = { ...before, updatedAt: this.nowFor(entry), revision: before.revision + 1, ...change };
    this.host.overview.written(entry, before);
  }

  /** Watchers get the record itself and not a copy: what they hand on to users, they copy. */
  emit(entry: Entry, type: 'state' | 'progress'): void {
    this.host.watchers.emit({ type, record: entry.record });
  }

  /** It is in no line any more, waits for no time, and no run owns it. */
  private detach(entry: Entry): void {
    if (entry.queued) this.host.dispatcher.delete(entry.queued);
    if (entry.timer) this.host.timers.delete(entry.timer);
    entry.queued = undefined;
    entry.timer = undefined;
    this.leave(entry);
  }

  /** No run owns it any more, which gives the place of that to another of its component. */
  private leave(entry: Entry): void {
    if (!entry.run) return;
    entry.run = undefined;
    this.host.dispatcher.left(entry.component);
  }

  /** Nobody needs an answer any more. */
  private closeQuestions(entry: Entry): void {
    for (const question of entry.questions.values()) {
      if (!question.answer) this.host.watchers.emit({ type: 'closed', record: entry.record, question });
    }
    for (const deadline of entry.deadlines.values()) this.host.timers.delete(deadline);
    entry.deadlines.clear();
    entry.questions.clear();
    entry.shown = undefined;
    const { key, session } = entry.record;
    if (session !== undefined) this.host.sessions.ended(session, key);
  }

  private forget(entry: Entry): void {
    if (entry.timer) this.host.timers.delete(entry.timer);
    this.entries.delete(entry.record.key);
    this.host.overview.delete(entry);
    this.owners.delete(entry.record.owner, entry);
  }

  private countOpen({ owner, session }: ExecutionRecord, change: 1 | -1): void {
    if (session === undefined) return;
    const open = (this.openTasks.get(owner) ?? 0) + change;
    if (open === 0) this.openTasks.delete(owner);
    else this.openTasks.set(owner, open);
  }

  /** The time of a write. It does not go back, even when the clock does. */
  private nowFor(entry: Entry): number {
    return Math.max(this.host.clock.now(), entry.record.updatedAt);
  }
}
