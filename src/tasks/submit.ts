import { randomBytes } from 'node:crypto';
import { ErrandError } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { Logger } from '../base/logger.js';
import type { Meters } from '../telemetry/meters.js';
import type { Tracing } from '../telemetry/tracing.js';
import type { CallFrame, Caller } from '../call/frame.js';
import { parseInput } from '../call/pipeline.js';
import { takeSnapshot, type SnapshotClient, type SnapshotRules } from '../call/snapshot.js';
import type { Component } from '../components/component.js';
import type { Engine, NewExecution } from '../docket/engine/engine.js';
import { inputWithin, type SizeLimits } from '../docket/engine/size-limits.js';
import { inSendingSpan } from '../docket/engine/spans.js';
import { auditFields, type ExecutionRecord } from '../docket/engine/record.js';
import { ProtocolError, rpcCode } from '../protocol/errors.js';

/** What the server says of what clients ask for. */
export interface SubmissionSettings {
  readonly snapshots: SnapshotRules;
  readonly tracing: Tracing;
  /** How long the record of a finished task is kept when its client does not say, in milliseconds. */
  readonly ttl: number;
  readonly limits: SizeLimits;
  readonly logger: Logger;
  readonly meters: Meters;
}

/** How long the record of a finished task is kept at least, whatever its client wishes, in milliseconds. */
const shortestTtl = 1_000;

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
 * the value. What is refused leaves no task behind.
 *
 * @throws {ErrandError} `INPUT_INVALID`, `INPUT_TOO_LARGE`, `TASK_LIMIT`; see {@link toRefusal}.
 */
export async function submitTask(
  engine: Engine,
  submission: Submission,
  { snapshots, ttl, limits, logger, meters, tracing }: SubmissionSettings,
): Promise<ExecutionRecord> {
  const { component, input, caller, client, session } = submission;
  // Before the schema sees it, which may take its time for a large input.
  const stored = storedInput(limits, input, `The input of ${component.name}`);
  await parseInput(component, input);
  const snapshot = takeSnapshot(caller, snapshots, client);
  const execution: NewExecution = {
    key: submission.taskId,
    component: component.key,
    owner: caller.principal.id,
    session,
    retry: component.retry,
    timeout: component.timeout,
    ttl: grantedTtl(submission.ttl, ttl, limits.ttl),
    ...(component.priority > 0 && { priority: component.priority }),
    ...(stored !== undefined && { input: stored }),
    ...(snapshot !== undefined && { snapshot }),
  };
  const { record } = await inSendingSpan(tracing, execution, (traced) => engine.add(traced, limits.openTasks));
  meters.count('executionsAdded', { 'errand.component': component.key });
  logger.info('A task was made', { ...auditFields(record), ...caller.principal.facts });
  return record;
}

/** What came as JSON cannot be written as JSON again only where it is nested too deep, and that is the client's affair. */
function storedInput(limits: SizeLimits, input: unknown, what: string): Json | undefined {
  try {
    return inputWithin(limits, input, what);
  } catch (error) {
    if (!ErrandError.is(error, 'RESULT_NOT_JSON')) throw error;
    throw new ErrandError('INPUT_INVALID', error.message, { exposed: true, cause: error });
  }
}

/**
 * Clients may wish for less than what lets them see that the task has ended, and some refuse times that are not whole
 * milliseconds.
 */
function grantedTtl(wished: number | null | undefined, usual: number, longest: number): number {
  const asked = wished === undefined ? usual : wished === null ? longest : Math.max(wished, shortestTtl);
  return Math.ceil(Math.min(asked, longest));
}

/** What a client is told of an error of {@link submitTask}, in the words of JSON-RPC. Other errors stay what they are. */
export function toRefusal(error: unknown): unknown {
  if (ErrandError.is(error, 'TASK_LIMIT')) return new ProtocolError(rpcCode.limitReached, error.message, error.data);
  if (ErrandError.is(error, 'INPUT_INVALID') || ErrandError.is(error, 'INPUT_TOO_LARGE')) {
    return new ProtocolError(rpcCode.invalidParams, error.message);
  }
  return error;
}

/**
 * 191 random bits: without authorization the id is what gives access to the task. It does not begin with a dash, which commands
 * take for an option.
 */
export function newTaskId(): string {
  const bytes = randomBytes(24);
  // Bytes from 248 to 251 would give a dash.
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('base64url');
}
