import { randomBytes } from 'node:crypto';
import { throughJson } from '../base/json.js';
import type { CallFrame, Caller } from '../call/frame.js';
import { parseInput } from '../call/running-call.js';
import { takeSnapshot, type SnapshotClient } from '../call/snapshot.js';
import type { Component } from '../components/component.js';
import type { Engine } from '../docket/engine.js';
import type { ExecutionRecord } from '../docket/record.js';

/** How long the records of finished tasks are kept, in milliseconds. */
export interface Retention {
  readonly ttl: number;
  readonly maximumTtl: number;
}

/** What a client asked for. */
export interface Submission {
  /** From {@link newTaskId}. */
  readonly taskId: string;
  readonly component: Component<CallFrame>;
  /** The arguments as they came. */
  readonly input: unknown;
  readonly caller: Caller;
  readonly client: SnapshotClient;
  /** The connection that follows the task. */
  readonly session: string;
  /** The wished retention in milliseconds; `null` wishes for ever. */
  readonly ttl?: number | null;
}

/**
 * Adds a task to the docket. The input is validated for the error and stored as it came; the worker parses it again for
 * the value.
 *
 * @throws {ErrandError} `INPUT_INVALID`, so that a bad call leaves no task behind.
 */
export async function submitTask(
  engine: Engine,
  submission: Submission,
  headers: ReadonlySet<string>,
  { ttl, maximumTtl }: Retention,
): Promise<ExecutionRecord> {
  const { component, input, caller, client, session } = submission;
  await parseInput(component, input);
  const wished = submission.ttl === null ? maximumTtl : (submission.ttl ?? ttl);
  const stored = throughJson(input, `The arguments of ${component.name}`);
  const { record } = await engine.add({
    key: submission.taskId,
    component: component.name,
    owner: caller.principal.id,
    session,
    snapshot: takeSnapshot(caller, headers, client),
    retry: component.retry,
    timeout: component.timeout,
    ttl: Math.min(wished, maximumTtl),
    ...(stored !== undefined && { input: stored }),
  });
  return record;
}

/** 192 random bits: without authorization the id is what gives access to the task. */
export const newTaskId = (): string => randomBytes(24).toString('base64url');
