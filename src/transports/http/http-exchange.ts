import { refuse, rpcCode } from '../../protocol/errors.js';
import type { AuthInfo } from '../../protocol/auth.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import { idTooLong, isTooLong } from '../../bindings/mcp-2025-11-25/component-requests.js';

/** One HTTP request with its body parsed by the host: the SDK spends most of its time over HTTP on reading bodies. */
export interface HttpExchange {
  /** What the SDK reads of a request: `method`, `url` and `headers`. */
  readonly request: Request;
  readonly body?: unknown;
  readonly auth?: AuthInfo;
}

/** The answer to an exchange. The host says when its body has ended, and whether the client dropped it. */
export interface HttpReply {
  readonly response: Response;
  readonly onEnd?: (dropped: boolean) => void;
}

/** What answers the requests of a listener: sessions, or each request for itself. */
export interface HttpEndpoint {
  /** Answers one request. Host and Origin have been checked, and the body parsed, before it comes here. */
  handle(exchange: HttpExchange): Promise<HttpReply>;
  /** Resolves when no foreground call is under way. Calls that come meanwhile are refused. */
  drain(): Promise<void>;
  /** Ends what is under way, and refuses what still comes. */
  close(): Promise<void>;
}

/** Whether a body begins a session. */
export function isInitialize(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === 'initialize';
}

/** Clients initialize again when they see this (2025-11-25, basic/transports, session management). */
export const sessionNotFound = (): Response => refuse(404, -32001, 'Session not found. Initialize a new one.');

/** Another process may still take the request. */
export const shuttingDown = (): Response => refuse(503, -32000, 'The server is shutting down');

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

const envelope: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

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
  const isStrange = messages.some((message) => {
    if (typeof message !== 'object' || message === null) return true;
    for (const key in message) if (!envelope.has(key)) return true;
    return false;
  });
  if (isStrange) return refuse(400, -32700, 'Parse error: a message is not one of JSON-RPC.');
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

/** Whether an answer arrives in pieces, so that it ends after its head was sent. */
export function isStream({ headers }: Response): boolean {
  return headers.get('content-type') === 'text/event-stream';
}
