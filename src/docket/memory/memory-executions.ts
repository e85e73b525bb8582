import type { Clock } from '../../base/clock.js';
import type { Answer } from '../../call/channel.js';
import type { Addition, ListQuery, NewExecution, TaskLimits } from '../engine/engine.js';
import { copyOfJson } from '../../base/json.js';
import { tooManyTasks } from '../engine/size-limits.js';
import type { Dispatcher } from './memory-dispatcher.js';
import type { StoredExecution } from './stored-execution.js';
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
  readonly dispatcher: Dispatcher<StoredExecution>;
  readonly watchers: Watchers;
  readonly overview: MemoryOverview;
  readonly sessions: MemorySessions;
}

/** Under what the open tasks of a client are counted; undefined if that is not more than its owner. */
const countedClient = ({ client, owner }: NewExecution): string | undefined =>
  client === undefined || client === owner ? undefined : `client:${client}`;

/** The executions of a memory engine and their transitions. */
export class MemoryExecutions {
  private readonly byKey = new Map<string, StoredExecution>();
  private readonly owners = new OwnerIndex<StoredExecution>();
  /** The number of open tasks by owner, and by client; only of those who have some. */
  private readonly openTasks = new Map<string, number>();
  private sequence = 0;
  private lastPosition = 0;

  constructor(private readonly host: MemoryExecutionsHost) {}

  get(key: string): StoredExecution | undefined {
    return this.byKey.get(key);
  }

  /** The execution, if the run still owns it. */
  ownedBy(key: string, run: string): StoredExecution | undefined {
    const stored = this.byKey.get(key);
    return stored?.run?.token === run ? stored : undefined;
  }

  /** A page of the tasks of one owner. */
  page(query: ListQuery): ReturnType<OwnerIndex<StoredExecution>['page']> {
    return this.owners.page(query);
  }

  clear(): void {
    this.byKey.clear();
    this.owners.clear();
    this.openTasks.clear();
  }

  /** Adds an execution, or returns the live one with its key. */
  addUnlessAlive(execution: NewExecution, limits: TaskLimits = {}): Addition {
    const known = this.byKey.get(execution.key);
    if (known && !isTerminal(known.record.state)) return { added: false, record: copyOfRecord(known.record) };
    this.refuseBeyond(limits, execution);
    return { added: true, record: this.insert(execution, known) };
  }

  /** Adds an execution, replacing an ended one with its key. */
  insert(execution: NewExecution, previous: StoredExecution | undefined): ExecutionRecord {
    if (previous) this.forget(previous);
    const now = Math.max(this.host.clock.now(), previous?.record.updatedAt ?? 0);
    const sequence = ++this.sequence;
    const record: { -readonly [Field in keyof ExecutionRecord]: ExecutionRecord[Field] } = newRecord(
      execution,
      now,
      sequence,
    );
    // It refers to facts of the caller and its client, which live on.
    if (record.snapshot !== undefined) record.snapshot = copyOfJson(record.snapshot);
    const stored: StoredExecution = {
      record,
      sequence,
      component: record.component,
      priority: record.priority ?? 0,
      position: 0,
      questions: new Map(),
      deadlines: new Map(),
    };
    this.byKey.set(record.key, stored);
    this.host.overview.add(stored);
    if (record.session !== undefined) {
      this.owners.add(record.owner, stored);
      this.host.sessions.opened(record.session, record.key);
    }
    this.countOpen(record, 1);
    const runAt = execution.delay === undefined ? execution.runAt : now + execution.delay;
    if (runAt !== undefined && runAt > now) this.postpone(stored, runAt, { updatedAt: now });
    else this.queue(stored, ++this.lastPosition, { updatedAt: now });
    return copyOfRecord(stored.record);
  }

  /** Queues an execution again, after `delay` milliseconds or at once. */
  queueAfter(stored: StoredExecution, delay: number, change: Partial<ExecutionRecord>): void {
    const updatedAt = this.nowFor(stored);
    if (delay > 0) this.postpone(stored, updatedAt + delay, { ...change, updatedAt });
    else this.queue(stored, ++this.lastPosition, { ...change, updatedAt });
  }

  private postpone(stored: StoredExecution, runAt: number, change: Partial<ExecutionRecord>): void {
    this.leave(stored);
    this.write(stored, { ...change, state: 'scheduled', runAt, dueAt: runAt });
    stored.timer = this.host.timers.add(runAt, () => {
      stored.timer = undefined;
      this.queue(stored, ++this.lastPosition, {});
    });
    this.emit(stored, 'state');
  }

  /** Queues an execution at a position among equals. */
  queue(stored: StoredExecution, position: number, change: Partial<ExecutionRecord>): void {
    const dueAt = stored.record.runAt ?? this.nowFor(stored);
    this.leave(stored);
    stored.position = position;
    this.write(stored, { ...change, state: 'queued', runAt: undefined, dueAt });
    stored.queued = this.host.dispatcher.push(stored);
    this.emit(stored, 'state');
  }

  /** Begins a run. */
  begin(stored: StoredExecution, run: NonNullable<StoredExecution['run']>): void {
    stored.queued = undefined;
    stored.run = run;
    this.write(stored, { state: 'running', attempt: stored.record.attempt + 1 });
    this.emit(stored, 'state');
  }

  /** Ends an execution; `change` holds the state and outcome. */
  end(stored: StoredExecution, change: Partial<ExecutionRecord>): void {
    this.detach(stored);
    const finishedAt = this.nowFor(stored);
    const ended = { ...change, openQuestions: 0, runAt: undefined, finishedAt, updatedAt: finishedAt };
    const kept = isRepeatable({ ...stored.record, ...ended }) ? {} : { input: undefined, snapshot: undefined };
    this.write(stored, { ...ended, ...kept });
    this.closeQuestions(stored);
    this.countOpen(stored.record, -1);
    stored.timer = this.host.timers.add(finishedAt + stored.record.ttl, () => this.forget(stored));
    this.emit(stored, 'state');
  }

  /** Another execution takes its key: it leaves the waiting list, and its questions are closed. */
  giveWay(stored: StoredExecution): void {
    this.detach(stored);
    this.write(stored, { openQuestions: 0 });
    this.closeQuestions(stored);
  }

  /** Answers a question, in the client's stead if somebody is named. */
  closeQuestion(stored: StoredExecution, question: Question, answer: Answer, by?: string): void {
    const deadline = stored.deadlines.get(question.key);
    if (deadline) this.host.timers.delete(deadline);
    stored.deadlines.delete(question.key);
    const answered: Question = { ...question, answer, ...(by !== undefined && { by }) };
    stored.questions.set(question.key, answered);
    const { openQuestions, answerers = [] } = stored.record;
    const told = by === undefined ? {} : { answerers: [...answerers, { question: question.key, by }] };
    this.write(stored, { openQuestions: openQuestions - 1, ...told });
    this.host.watchers.emit({ type: 'closed', record: stored.record, question: answered });
    if (stored.record.openQuestions === 0) this.emit(stored, 'state');
  }

  write(stored: StoredExecution, change: Partial<ExecutionRecord>): void {
    const before = stored.record;
    stored.record = { ...before, updatedAt: this.nowFor(stored), revision: before.revision + 1, ...change };
    this.host.overview.written(stored, before);
  }

  /** Watchers get the record itself. They copy what they pass on to users. */
  emit(stored: StoredExecution, type: 'state' | 'progress'): void {
    this.host.watchers.emit({ type, record: stored.record });
  }

  /** Removes an execution from the waiting list, its timer and its run. */
  private detach(stored: StoredExecution): void {
    if (stored.queued) this.host.dispatcher.delete(stored.queued);
    if (stored.timer) this.host.timers.delete(stored.timer);
    stored.queued = undefined;
    stored.timer = undefined;
    this.leave(stored);
  }

  /** Takes an execution from its run, which may make room for another one of its component. */
  private leave(stored: StoredExecution): void {
    if (!stored.run) return;
    stored.run = undefined;
    this.host.dispatcher.left(stored.component);
  }

  /** Closes the open questions without an answer. */
  private closeQuestions(stored: StoredExecution): void {
    for (const question of stored.questions.values()) {
      if (!question.answer) this.host.watchers.emit({ type: 'closed', record: stored.record, question });
    }
    for (const deadline of stored.deadlines.values()) this.host.timers.delete(deadline);
    stored.deadlines.clear();
    stored.questions.clear();
    stored.leases = undefined;
    const { key, session } = stored.record;
    if (session !== undefined) this.host.sessions.ended(session, key);
  }

  private forget(stored: StoredExecution): void {
    if (stored.timer) this.host.timers.delete(stored.timer);
    this.byKey.delete(stored.record.key);
    this.host.overview.delete(stored);
    this.owners.delete(stored.record.owner, stored);
  }

  private refuseBeyond(limits: TaskLimits, execution: NewExecution): void {
    const open: Required<TaskLimits> = {
      owner: this.openTasks.get(execution.owner) ?? 0,
      client: this.openTasks.get(countedClient(execution) ?? '') ?? 0,
      session: execution.session === undefined ? 0 : this.host.sessions.openIn(execution.session),
    };
    for (const who of ['owner', 'client', 'session'] as const) {
      const limit = limits[who];
      if (limit !== undefined && open[who] >= limit) throw tooManyTasks(who, limit, open[who]);
    }
  }

  private countOpen(record: ExecutionRecord, change: 1 | -1): void {
    if (record.session === undefined) return;
    for (const who of [record.owner, countedClient(record)]) {
      if (who === undefined) continue;
      const open = (this.openTasks.get(who) ?? 0) + change;
      if (open === 0) this.openTasks.delete(who);
      else this.openTasks.set(who, open);
    }
  }

  /** The time of a write, which never goes back, even if the clock does. */
  private nowFor(stored: StoredExecution): number {
    return Math.max(this.host.clock.now(), stored.record.updatedAt);
  }
}
