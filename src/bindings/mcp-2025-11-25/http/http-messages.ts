import type { RareLog } from '../../../base/rare-log.js';
import { refuse, rpcCode } from '../../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { isStream, type HttpExchange, type HttpRequest } from '../../../transports/http/http-exchange.js';
import { anyResponse } from '../../../transports/http/media-types.js';
import { addressOf, problemOf } from '../../../protocol/json-rpc/shapes.js';
import { idTooLong, isTooLong } from '../component-requests.js';
import { problemOfInitialize } from '../initialize-request.js';
import { relatedTaskKey } from '../tasks/task-view.js';

/**
 * A request for the SDK's transport, which reads only its head when it gets the parsed body as well. The handler has checked
 * the Accept header; the SDK would refuse ranges of media types.
 */
export function toSdkRequest(request: HttpRequest): Request {
  const { headers } = request;
  if (headers.get('accept') === anyResponse) return request as unknown as Request;
  const get = (name: string): string | null => (name === 'accept' ? anyResponse : headers.get(name));
  return { ...request, headers: { get, entries: () => headers.entries() } } as unknown as Request;
}

/** Makes clients initialize again (2025-11-25, basic/transports, session management). */
export const sessionNotFound = (): Response => refuse(404, -32001, 'Session not found. Initialize a new one.');

/** The revision that removed batches, several messages in one body, from the protocol. */
export const singleMessagesSince = '2025-06-18';

/** The maximum number of messages in a batch. */
const maximumBatch = 20;

/** Refuses a batch in a revision without batches. */
export function refuseBatch({ body }: HttpExchange, protocolVersion: string): Response | undefined {
  if (!Array.isArray(body) || protocolVersion < singleMessagesSince) return undefined;
  return refuse(400, rpcCode.invalidRequest, `Revision ${protocolVersion} takes one message per body, not an array.`);
}

/** The ids of the requests in an unchecked body. */
export function requestIds(body: unknown): RequestId[] {
  if (Array.isArray(body)) return body.flatMap(requestIds);
  const message = body as Partial<JSONRPCMessage & { id: RequestId; method: string }> | null | undefined;
  return message?.id !== undefined && message.method !== undefined ? [message.id] : [];
}

/**
 * Refuses what is no message before the SDK sees it: its errors have no id, list all unknown keys, four times, and repeat an
 * id of any length.
 */
export function refuseMessages(body: unknown): Response | undefined {
  if (body === undefined) return undefined;
  if (!Array.isArray(body)) return refuseMessage(body);
  if (body.length === 0 || body.length > maximumBatch) {
    return refuse(400, rpcCode.invalidRequest, `A batch has 1 to ${maximumBatch} messages, not ${body.length}.`);
  }
  for (const message of body) {
    const refused = refuseMessage(message);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function refuseMessage(message: unknown): Response | undefined {
  const problem = problemOf(message) ?? problemOfRelatedTask(message as JSONRPCMessage);
  if (problem === undefined) {
    return requestIds(message).some(isTooLong) ? refuse(400, rpcCode.invalidRequest, idTooLong) : undefined;
  }
  const { id, isAnswer } = addressOf(message);
  // The id of an answer is ours, so the client would take an error with it for the answer to a request of its own.
  return refuse(400, rpcCode.invalidRequest, `This is not a JSON-RPC message: ${problem}.`, isAnswer ? null : id);
}

/** The SDK takes a message whose related task is malformed for none at all. */
function problemOfRelatedTask(message: JSONRPCMessage): string | undefined {
  const content = 'params' in message ? message.params : 'result' in message ? message.result : undefined;
  const related = (content?._meta as Record<string, unknown> | undefined)?.[relatedTaskKey];
  if (related === undefined) return undefined;
  const isTask = typeof related === 'object' && related !== null && 'taskId' in related;
  return isTask && typeof related.taskId === 'string' ? undefined : `\`${relatedTaskKey}\` does not name a task`;
}

/** Refuses an `initialize` that cannot be served. */
export function refuseInitialize(body: unknown, log: RareLog): Response | undefined {
  const { id } = addressOf(body);
  if (id === undefined) return refuse(400, rpcCode.invalidRequest, 'An initialize is a request, so it needs an id.');
  const problem = problemOfInitialize(body, log);
  return problem === undefined ? undefined : refuse(400, rpcCode.invalidParams, problem, id);
}

/** Requests that poll. They are answered at once and need no stream (2025-11-25, basic/utilities/tasks). */
const polls: ReadonlySet<unknown> = new Set(['tasks/get', 'tasks/list', 'tasks/cancel']);

/** Whether a body is a request that polls. */
export const isPoll = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'method' in body && polls.has(body.method);

/** Answers a request that polls with plain JSON: the SDK writes every response as a stream. */
export async function withoutNeedlessStream(body: unknown, response: Response): Promise<Response> {
  if (!isPoll(body) || !isStream(response)) return response;
  // Not `.`, which also stops at Unicode line separators; JSON leaves those unescaped.
  const [, answer] = /^data: ([^\n]*)/m.exec(await response.text()) ?? [];
  // The session ended or the request was cancelled before there was a response.
  if (answer === undefined) return new Response(null, { status: 202 });
  const headers = new Headers(response.headers);
  headers.set('content-type', 'application/json');
  return new Response(answer, { status: response.status, headers });
}
