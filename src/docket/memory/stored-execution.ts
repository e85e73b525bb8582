import { copyOfJson } from '../../base/json.js';
import type { HeapNode } from './heap.js';
import type { RunSlots } from '../engine/run-slots.js';
import type { ExecutionRecord, Question } from '../engine/record.js';
import type { LeaseHolder } from '../engine/sessions.js';
import type { Timer } from './timer-heap.js';

/** An execution and everything that belongs to it. Each write replaces the record, so that readers keep the one they have. */
export interface StoredExecution {
  record: ExecutionRecord;
  /** Grows with each add, and orders lists. */
  readonly sequence: number;
  readonly component: string;
  readonly priority: number;
  /** Its position among equals in the waiting list. An interrupted run keeps it, so that it goes before younger ones. */
  position: number;
  /** Set while queued. */
  queued?: HeapNode<StoredExecution>;
  /** Set while scheduled, and from the end until it expires. */
  timer?: Timer;
  /** Set while running. */
  run?: { readonly token: string; readonly consumer: RunSlots };
  /** The journal, until the end. */
  readonly questions: Map<string, Question>;
  /** The deadlines of the open questions. */
  readonly deadlines: Map<string, Timer>;
  /** The lease of each question, or its last one. */
  leases?: Map<string, Lease>;
}

/** The lease of a question. */
export interface Lease extends LeaseHolder {
  /** Whether it was released. */
  readonly isReleased: boolean;
  /** Whether the client has acknowledged the question. */
  readonly isAcknowledged: boolean;
  /** Since when no request has waited. */
  readonly restsSince?: number;
  /** The sessions that the question was shown to, the latest last. */
  readonly sessions: readonly string[];
}

/** A copy for readers; see `copyOfRecord`. */
export function copyOfQuestion(question: Question): Question {
  return { ...question, params: copyOfJson(question.params), answer: copyOfJson(question.answer) };
}
