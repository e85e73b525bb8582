import { copyOfJson } from '../../base/json.js';
import type { HeapNode } from './heap.js';
import type { RunSlots } from '../engine/run-slots.js';
import type { ExecutionRecord, Question } from '../engine/record.js';
import type { LeaseHolder } from '../engine/sessions.js';
import type { Timer } from './timer-heap.js';

/** An execution and what belongs to it. The record is replaced at each write, so that who got it keeps what it was. */
export interface Entry {
  record: ExecutionRecord;
  /** Grows with each add: the order of lists. */
  readonly sequence: number;
  readonly component: string;
  readonly priority: number;
  /** Its place in line among equals; kept by a run that is interrupted, so that it goes before younger ones. */
  position: number;
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
  shown?: Map<string, Shown>;
}

/** Where a question is shown. */
export interface Shown extends LeaseHolder {
  readonly isOver: boolean;
  /** Whether its client said that it has it. */
  readonly isReceived: boolean;
  /** Since when nobody has waited. */
  readonly restsSince?: number;
  /** To which sessions it was shown, the last one at the end. */
  readonly sessions: readonly string[];
}

/** See `copyOfRecord`. */
export function copyOfQuestion(question: Question): Question {
  return { ...question, params: copyOfJson(question.params), answer: copyOfJson(question.answer) };
}
