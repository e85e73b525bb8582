import { copyOfJson } from '../base/json.js';
import type { NewExecution } from './engine.js';
import type { HeapNode } from './heap.js';
import type { RunSlots } from './run-slots.js';
import type { ExecutionRecord, Question } from './record.js';
import type { ShowingPlace } from './sessions.js';
import type { Timer } from './timer-heap.js';

/** An execution and what belongs to it. The record is replaced at each write, so that who got it keeps what it was. */
export interface Entry {
  record: ExecutionRecord;
  /** Grows with each add: the order of lists. */
  readonly sequence: number;
  readonly component: string;
  readonly priority: number;
  /** Its place in line among equals; kept by a run that is interrupted, so that it goes before younger ones. */
  place: number;
  /** Set while queued. */
  queued?: HeapNode<Entry>;
  /** Set while scheduled, and when finished until it expires. */
  timer?: Timer;
  /** Set while running. */
  run?: { readonly token: string; readonly consumer: RunSlots };
  /** The journal, until the end. */
  readonly questions: Map<string, Question>;
  /** The deadlines of the questions that are open. */
  readonly deadlines: Map<string, Timer>;
  /** Where each question is shown, or was shown last. */
  shown?: Map<string, ShowingPlace & { readonly isOver: boolean }>;
}

/** The record of an execution that is new at `now`. */
export function newRecord(
  { delay: _, runAt: __, ...execution }: NewExecution,
  now: number,
  generation: number,
): ExecutionRecord {
  return {
    ...execution,
    state: 'queued',
    openQuestions: 0,
    generation,
    attempt: 0,
    losses: 0,
    redelivered: false,
    createdAt: now,
    updatedAt: now,
    revision: 0,
    dueAt: now,
  };
}

/** What to add to run an execution again: its record without what came of it. */
export function executionOf(record: ExecutionRecord): NewExecution {
  const { outcome, isError, progress, finishedAt, reason, lastError, ...execution } = record;
  return execution;
}

/**
 * What readers get is theirs, as it is from Redis: a tool that sorts its input in place must not change what the next
 * attempt gets.
 */
export function copyOfRecord(record: ExecutionRecord): ExecutionRecord {
  const { input, snapshot, outcome, progress, lastError } = record;
  return {
    ...record,
    ...{ input: copyOfJson(input), snapshot: copyOfJson(snapshot), outcome: copyOfJson(outcome) },
    ...(progress && { progress: { ...progress } }),
    ...(lastError && { lastError: copyOfJson(lastError) }),
  };
}

/** See {@link copyOfRecord}. */
export function copyOfQuestion(question: Question): Question {
  return { ...question, params: copyOfJson(question.params), answer: copyOfJson(question.answer) };
}
