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
import type { Engine, NewExecution, TaskLimits } from '../docket/engine/engine.js';
import { inputWithin, type SizeLimits } from '../docket/engine/size-limits.js';
import { inSendingSpan } from '../docket/engine/spans.js';
import { auditFields, type ExecutionRecord } from '../docket/engine/record.js';
import { ProtocolError, rpcCode } from '../protocol/errors.js';

/** Settings of the server for the tasks of clients. */
export interface SubmissionSettings {
  readonly snapshots: SnapshotRules;
  readonly tracing: Tracing;
  /** How long the record of a finished task is kept by default, in milliseconds. */
  readonly ttl: number;
  readonly limits: SizeLimits;
  readonly logger: Logger;
  readonly meters: Meters;
}

/** The shortest time that a client may have a finished task kept, in milliseconds. */
const shortestTtl = 1_000;

/** A client over HTTP, which shares the docket with strangers. */
export interface TaskSender {
  /** Tells it from others. */
  readonly client: string;
  /** How many open tasks it may have. */
  readonly limits: Omit<TaskLimits, 'owner'>;
}

/** A client's request for a task. */
export interface TaskRequest {
  /** From {@link newTaskId}. */
  readonly taskId: string;
  readonly component: Component<CallFrame>;
  /** The arguments as received. */
  readonly input: unknown;
  readonly caller: Caller;
  readonly client: SnapshotClient;
  /** The session whose connection follows the task. */
  readonly session: string;
  /** Its client, if that has limits of its own. */
  readonly sender?: TaskSender | undefined;
  /** The requested retention in milliseconds; `null` asks for the longest. */
  readonly ttl?: number | null;
}

/**
 * Adds a task to the docket. The input is validated now so that a bad one is refused, and stored as received; the worker
 * parses it again. A refused request leaves no task behind.
 *
 * @throws {ErrandError} `INPUT_INVALID`, `INPUT_TOO_LARGE`, `TASK_LIMIT`; see {@link toRefusal}.
 */
export async function submitTask(
  engine: Engine,
  request: TaskRequest,
  { snapshots, ttl, limits, logger, meters, tracing }: SubmissionSettings,
): Promise<ExecutionRecord> {
  const { component, input, caller, client, session, sender } = request;
  // The size first: a schema may take long over a large input.
  const stored = storedInput(limits, input, `The input of ${component.name}`);
  await parseInput(component, input);
  const snapshot = takeSnapshot(caller, snapshots, client);
  const execution: NewExecution = {
    key: request.taskId,
    component: component.key,
    owner: caller.principal.id,
    session,
    ...(sender !== undefined && { client: sender.client }),
    retry: component.retry,
    timeout: component.timeout,
    ttl: grantedTtl(request.ttl, ttl, limits.ttl),
    ...(component.priority > 0 && { priority: component.priority }),
    ...(stored !== undefined && { input: stored }),
    ...(snapshot !== undefined && { snapshot }),
  };
  const most = { owner: limits.openTasks, ...sender?.limits };
  const { record } = await inSendingSpan(tracing, execution, (traced) => engine.add(traced, most));
  meters.count('executionsAdded', { 'errand.component': component.key });
  logger.info('A task was created', { ...auditFields(record), ...caller.principal.facts });
  return record;
}

/** Parsed JSON fails to serialize only if it is nested too deep, which is the client's fault. */
function storedInput(limits: SizeLimits, input: unknown, what: string): Json | undefined {
  try {
    return inputWithin(limits, input, what);
  } catch (error) {
    if (!ErrandError.is(error, 'RESULT_NOT_JSON')) throw error;
    throw new ErrandError('INPUT_INVALID', error.message, { exposed: true, cause: error });
  }
}

/**
 * Within bounds, because clients may ask for less time than they need to see the end; and whole milliseconds, because some
 * refuse fractions.
 */
function grantedTtl(wished: number | null | undefined, usual: number, longest: number): number {
  const asked = wished === undefined ? usual : wished === null ? longest : Math.max(wished, shortestTtl);
  return Math.ceil(Math.min(asked, longest));
}

/** The JSON-RPC error for an error of {@link submitTask}. Other errors are returned unchanged. */
export function toRefusal(error: unknown): unknown {
  if (ErrandError.is(error, 'TASK_LIMIT')) return new ProtocolError(rpcCode.limitReached, error.message, error.data);
  if (ErrandError.is(error, 'INPUT_INVALID') || ErrandError.is(error, 'INPUT_TOO_LARGE')) {
    return new ProtocolError(rpcCode.invalidParams, error.message);
  }
  return error;
}

/**
 * An id of 191 random bits: without authorization the id alone gives access to the task. It never begins with a dash,
 * which commands would take for an option.
 */
export function newTaskId(): string {
  const bytes = randomBytes(24);
  // Bytes from 248 to 251 would give a dash.
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('base64url');
}
