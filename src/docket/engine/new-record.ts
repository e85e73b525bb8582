import { copyOfJson } from '../../base/json.js';
import type { NewExecution } from './engine.js';
import type { ExecutionEnd, ExecutionRecord } from './record.js';

/** The record of an execution that is new at `now`. */
export function newRecord(execution: NewExecution, now: number, generation: number): ExecutionRecord {
  return {
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
    // Last, as it is eighty times faster so: V8 does not add this many fields to a copy in the fast way.
    ...withoutTime(execution),
  };
}

/** Most have none, and to leave out what is not there costs more than all the rest. */
function withoutTime(execution: NewExecution): Omit<NewExecution, 'delay' | 'runAt'> {
  if (!('delay' in execution || 'runAt' in execution)) return execution;
  const { delay: _, runAt: __, ...rest } = execution;
  return rest;
}

/** What to add to run an execution again: its record without what came of it. */
export function executionOf(record: ExecutionRecord): NewExecution {
  const { state, openQuestions, generation, attempt, losses, redelivered, runAt, dueAt, ...rest } = record;
  const { createdAt, updatedAt, finishedAt, revision, suspicions, isolated, ...kept } = rest;
  const { outcome, isError, progress, reason, lastError, ...execution } = kept;
  return execution;
}

/**
 * What readers get is theirs, as it is from Redis: a tool that sorts its input in place must not change what the next
 * attempt gets.
 */
export function copyOfRecord(record: ExecutionRecord): ExecutionRecord {
  // One copy and few changes: to put a record together from parts costs five times as much.
  const copy: { -readonly [Field in keyof ExecutionRecord]: ExecutionRecord[Field] } = { ...record };
  if (copy.input !== undefined) copy.input = copyOfJson(copy.input);
  if (copy.snapshot !== undefined) copy.snapshot = copyOfJson(copy.snapshot);
  if (copy.outcome !== undefined) copy.outcome = copyOfJson(copy.outcome);
  if (copy.progress !== undefined) copy.progress = { ...copy.progress };
  if (copy.lastError !== undefined) copy.lastError = copyOfJson(copy.lastError);
  return copy;
}

/** How an execution stands, from its record. */
export function endOf({
  state,
  key,
  generation,
  updatedAt,
  finishedAt,
  outcome,
  reason,
}: ExecutionRecord): ExecutionEnd {
  return {
    state,
    key,
    generation,
    updatedAt,
    ...(finishedAt !== undefined && { finishedAt }),
    ...(outcome !== undefined && { outcome: copyOfJson(outcome) }),
    ...(reason !== undefined && { reason }),
  };
}
