import { refuse, rpcCode } from '../../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { isStream, type HttpExchange, type HttpRequest } from '../../../transports/http/http-exchange.js';
import { hasEnvelope } from '../../../protocol/json-rpc/shapes.js';
import { idTooLong, isTooLong } from '../component-requests.js';

/** A request for the SDK's transport, which reads no more of it than its head where it is handed the parsed body. */
export const toSdkRequest = (request: HttpRequest): Request => request as unknown as Request;

/** Whether a body begins a session. */
export function isInitialize(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === 'initialize';
}

/** Clients initialize again when they see this (2025-11-25, basic/transports, session management). */
export const sessionNotFound = (): Response => refuse(404, -32001, 'Session not found. Initialize a new one.');

/** The revision that took several messages in one body out of the protocol. */
export const singleMessagesSince = '2025-06-18';

/** The most messages in one body, in the revisions that take several. */
const mostMessages = 20;

/** The answer to several messages in one body. */
export function refuseBatch({ body }: HttpExchange, protocolVersion: string): Response | undefined {
  if (!Array.isArray(body) || protocolVersion < singleMessagesSince) return undefined;
  return refuse(400, rpcCode.invalidRequest, `Revision ${protocolVersion} takes one message in a body, not an array.`);
}

/** The ids of the requests in a body that nobody has looked at yet. */
export function requestIds(body: unknown): RequestId[] {
  const messages = (Array.isArray(body) ? body : [body]) as (Partial<
    JSONRPCMessage & { id: RequestId; method: string }
  > | null)[];
  return messages.flatMap((message) => (message?.id !== undefined && message.method !== undefined ? [message.id] : []));
}

/**
 * The answer to messages that should not come to the SDK: it lists all keys that it does not know, four times, and repeats
 * an id however long that is.
 */
export function refuseMessages(body: unknown): Response | undefined {
  if (body === undefined) return undefined;
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
  if (messages.length > mostMessages) {
    return refuse(400, rpcCode.invalidRequest, `A body may have ${mostMessages} messages.`);
  }
  if (!messages.every(hasEnvelope)) return refuse(400, -32700, 'Parse error: a message is not one of JSON-RPC.');
  return requestIds(body).some(isTooLong) ? refuse(400, rpcCode.invalidRequest, idTooLong) : undefined;
}

/** They are answered at once and nothing else is sent for them; who polls did not ask for a stream (basic/utilities/tasks). */
const polls: ReadonlySet<unknown> = new Set(['tasks/get', 'tasks/list', 'tasks/cancel']);

/** The answer to a request that polls as plain JSON: the SDK writes every answer as a stream. */
export async function withoutNeedlessStream(body: unknown, response: Response): Promise<Response> {
  const isPoll = typeof body === 'object' && body !== null && 'method' in body && polls.has(body.method);
  if (!isPoll || !isStream(response)) return response;
  // Not `.`, which ends at the line separators of Unicode as well; JSON writes them as they are.
  const [, answer] = /^data: ([^\n]*)/m.exec(await response.text()) ?? [];
  // The session ended, or the request was cancelled, before there was an answer.
  if (answer === undefined) return new Response(null, { status: 202 });
  const headers = new Headers(response.headers);
  headers.set('content-type', 'application/json');
  return new Response(answer, { status: response.status, headers });
}
