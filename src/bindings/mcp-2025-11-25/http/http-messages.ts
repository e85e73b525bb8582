import { refuse, rpcCode } from '../../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { isStream, type HttpExchange, type HttpRequest } from '../../../transports/http/http-exchange.js';
import { hasEnvelope } from '../../../protocol/json-rpc/shapes.js';
import { idTooLong, isTooLong } from '../component-requests.js';

/** A request for the SDK's transport, which reads only its head when it gets the parsed body as well. */
export const toSdkRequest = (request: HttpRequest): Request => request as unknown as Request;

/** Whether a body initializes a session. */
export function isInitialize(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === 'initialize';
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
 * Refuses messages that must not reach the SDK: its errors list all unknown keys, four times, and repeat an id of any
 * length.
 */
export function refuseMessages(body: unknown): Response | undefined {
  if (body === undefined) return undefined;
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (messages.length > maximumBatch) {
    return refuse(400, rpcCode.invalidRequest, `A body may have at most ${maximumBatch} messages.`);
  }
  if (!messages.every(hasEnvelope)) return refuse(400, -32700, 'Parse error: this is not a JSON-RPC message.');
  return requestIds(body).some(isTooLong) ? refuse(400, rpcCode.invalidRequest, idTooLong) : undefined;
}

/** Requests that poll. They are answered at once and need no stream (2025-11-25, basic/utilities/tasks). */
const polls: ReadonlySet<unknown> = new Set(['tasks/get', 'tasks/list', 'tasks/cancel']);

/** Answers a request that polls with plain JSON: the SDK writes every response as a stream. */
export async function withoutNeedlessStream(body: unknown, response: Response): Promise<Response> {
  const isPoll = typeof body === 'object' && body !== null && 'method' in body && polls.has(body.method);
  if (!isPoll || !isStream(response)) return response;
  // Not `.`, which also stops at Unicode line separators; JSON leaves those unescaped.
  const [, answer] = /^data: ([^\n]*)/m.exec(await response.text()) ?? [];
  // The session ended or the request was cancelled before there was a response.
  if (answer === undefined) return new Response(null, { status: 202 });
  const headers = new Headers(response.headers);
  headers.set('content-type', 'application/json');
  return new Response(answer, { status: response.status, headers });
}
