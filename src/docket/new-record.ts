import { copyOfJson } from '../base/json.js';
import type { NewExecution } from './engine.js';
import type { ExecutionEnd, ExecutionRecord } from './record.js';

/** The record of an execution that is new at `now`. */
export function newRecord(execution: NewExecution, now: number, generation: number): ExecutionRecord {
  return {
    ...withoutTime(execution),
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

/** Most have none, and to leave out what is not there costs more than all the rest. */
function withoutTime(execution: NewExecution): Omit<NewExecution, 'delay' | 'runAt'> {
  if (!('delay' in execution || 'runAt' in execution)) return execution;
  const { delay: _, runAt: __, ...rest } = execution;
  return rest;
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
