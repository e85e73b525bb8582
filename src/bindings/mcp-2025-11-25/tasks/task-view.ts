import { shown } from '../../../base/shown.js';
import { restoreSnapshot } from '../../../call/snapshot.js';
import type { ExecutionRecord } from '../../../docket/engine/record.js';
import { ProtocolError, rpcCode } from '../../../protocol/errors.js';
import type { CallToolResult, Task } from '../../../protocol/types.js';

/** How often a client should poll the status, in milliseconds. Notifications come in between. */
const pollInterval = 500;

/**
 * The maximum length of a status message, in characters; the result has the whole text. A page of `tasks/list` with
 * fifty results of the maximum size would exceed the longest string.
 */
const longestStatusMessage = 1_000;

/** The `_meta` key that ties a message to its task (2025-11-25, basic/utilities/tasks). */
export const relatedTaskKey = 'io.modelcontextprotocol/related-task';

/** The `_meta` of every message that belongs to a task. */
export function relatedTask(taskId: string): Record<string, { taskId: string }> {
  return { [relatedTaskKey]: { taskId } };
}

/** The record of an execution as a task of this revision. */
export function toTask(record: ExecutionRecord): Task {
  const statusMessage = statusMessageOf(record);
  return {
    taskId: record.key,
    status: statusOf(record),
    ...(statusMessage !== undefined && { statusMessage: shown(statusMessage, longestStatusMessage) }),
    createdAt: new Date(record.createdAt).toISOString(),
    lastUpdatedAt: new Date(record.updatedAt).toISOString(),
    ttl: record.ttl,
    pollInterval,
  };
}

/**
 * The status of a task. In this revision a result with `isError` is `failed`, and a task with an open question is
 * `input_required` even while no worker runs it: the answer is kept for the next run.
 */
export function statusOf(record: ExecutionRecord): Task['status'] {
  switch (record.state) {
    case 'completed':
      return isErrorResult(record) ? 'failed' : 'completed';
    case 'failed':
    case 'cancelled':
      return record.state;
    default:
      return record.openQuestions > 0 ? 'input_required' : 'working';
  }
}

const resultOf = ({ outcome }: ExecutionRecord): CallToolResult | undefined =>
  outcome !== undefined && 'result' in outcome ? (outcome.result as unknown as CallToolResult) : undefined;

const isErrorResult = (record: ExecutionRecord): boolean => resultOf(record)?.isError === true;

function statusMessageOf(record: ExecutionRecord): string | undefined {
  const { state, outcome, reason, progress } = record;
  if (state === 'cancelled') return reason;
  if (outcome !== undefined && 'error' in outcome) return outcome.error.message;
  if (isErrorResult(record)) {
    const first = resultOf(record)?.content[0];
    return first?.type === 'text' ? first.text : undefined;
  }
  return progress?.message;
}

/**
 * The response to `tasks/result`: exactly the response that the call would have had, with the related task added.
 *
 * @throws {ProtocolError} the stored error; `-32603` for a cancelled task, which has no result.
 */
export function toTaskResult(record: ExecutionRecord): CallToolResult {
  const { key, state, outcome } = record;
  if (state === 'cancelled') throw new ProtocolError(rpcCode.internalError, 'Task was cancelled');
  if (outcome !== undefined && 'error' in outcome) {
    const { code, message, data } = outcome.error;
    throw new ProtocolError(typeof code === 'number' ? code : rpcCode.internalError, message, data);
  }
  const result = resultOf(record) ?? { content: [] };
  return { ...result, _meta: { ...result._meta, ...relatedTask(key) } };
}

/** The client of a connection, by the connection's own session, or by the client's if the connection does not last. */
export interface ServedClient {
  readonly session: string;
  readonly clientSession: string | undefined;
}

/**
 * The progress token of the request that made the task, valid as long as the task lives. Only the client that sent it
 * gets it: for another client that follows the task, the same token may belong to a request of its own.
 */
export function progressTokenOf(
  record: ExecutionRecord,
  { session, clientSession }: ServedClient,
): string | number | undefined {
  const { client } = restoreSnapshot(record.snapshot);
  const isOwn = record.session === session || (clientSession !== undefined && client?.sessionId === clientSession);
  return isOwn ? client?.progressToken : undefined;
}
