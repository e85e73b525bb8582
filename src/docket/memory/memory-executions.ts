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

/** The parts of the engine that take part in transitions. */
export interface MemoryExecutionsHost {
  readonly clock: Clock;
  readonly timers: TimerHeap;
  readonly dispatcher: Dispatcher<Entry>;
  readonly watchers: Watchers;
  readonly overview: MemoryOverview;
  readonly sessions: MemorySessions;
}

/** The executions of a memory engine and their transitions. */
export class MemoryExecutions {
  private readonly entries = new Map<string, Entry>();
  private readonly owners = new OwnerIndex<Entry>();
  /** The number of open tasks by owner; only owners who have some. */
  private readonly openTasks = new Map<string, number>();
  private sequence = 0;
  private lastPosition = 0;

  constructor(private readonly host: MemoryExecutionsHost) {}

  get(key: string): Entry | undefined {
    return this.entries.get(key);
  }

  /** The execution, if the run still owns it. */
  ownedBy(key: string, run: string): Entry | undefined {
    const entry = this.entries.get(key);
    return entry?.run?.token === run ? entry : undefined;
  }

  /** A page of the tasks of one owner. */
  page(query: ListQuery): ReturnType<OwnerIndex<Entry>['page']> {
    return this.owners.page(query);
  }

  clear(): void {
    this.entries.clear();
    this.owners.clear();
    this.openTasks.clear();
  }

  /** Adds an execution, or returns the live one with its key. */
  addUnlessAlive(execution: NewExecution, limit = Infinity): Addition {
    const known = this.entries.get(execution.key);
    if (known && !isTerminal(known.record.state)) return { added: false, record: copyOfRecord(known.record) };
    const open = this.openTasks.get(execution.owner) ?? 0;
    if (open >= limit) throw tooManyTasks(limit, open);
    return { added: true, record: this.enter(execution, known) };
  }

  /** Adds an execution, replacing an ended one with its key. */
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

  /** Queues an execution again, after `delay` milliseconds or at once. */
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

  /** Queues an execution at a position among equals. */
  queue(entry: Entry, position: number, change: Partial<ExecutionRecord>): void {
    const dueAt = entry.record.runAt ?? this.nowFor(entry);
    this.leave(entry);
    entry.position = position;
    this.write(entry, { ...change, state: 'queued', runAt: undefined, dueAt });
    entry.queued = this.host.dispatcher.push(entry);
    this.emit(entry, 'state');
  }

  /** Begins a run. */
  begin(entry: Entry, run: NonNullable<Entry['run']>): void {
    entry.queued = undefined;
    entry.run = run;
    this.write(entry, { state: 'running', attempt: entry.record.attempt + 1 });
    this.emit(entry, 'state');
  }

  /** Ends an execution; `change` holds the state and outcome. */
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

  /** Another execution takes its key: it leaves the waiting list, and its questions are closed. */
  giveWay(entry: Entry): void {
    this.detach(entry);
    this.write(entry, { openQuestions: 0 });
    this.closeQuestions(entry);
  }

  /** Answers a question. */
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

  /** Watchers get the record itself. They copy what they pass on to users. */
  emit(entry: Entry, type: 'state' | 'progress'): void {
    this.host.watchers.emit({ type, record: entry.record });
  }

  /** Removes an execution from the waiting list, its timer and its run. */
  private detach(entry: Entry): void {
    if (entry.queued) this.host.dispatcher.delete(entry.queued);
    if (entry.timer) this.host.timers.delete(entry.timer);
    entry.queued = undefined;
    entry.timer = undefined;
    this.leave(entry);
  }

  /** Takes an execution from its run, which may make room for another one of its component. */
  private leave(entry: Entry): void {
    if (!entry.run) return;
    entry.run = undefined;
    this.host.dispatcher.left(entry.component);
  }

  /** Closes the open questions without an answer. */
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

  /** The time of a write, which never goes back, even if the clock does. */
  private nowFor(entry: Entry): number {
    return Math.max(this.host.clock.now(), entry.record.updatedAt);
  }
}
