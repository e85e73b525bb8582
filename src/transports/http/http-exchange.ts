import { refuse } from '../../protocol/errors.js';
import type { AuthInfo } from '../../protocol/auth.js';

/** The head of an HTTP request. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: Headers;
}

/** A request that an endpoint answers: Host and Origin were checked, and the body was parsed. */
export interface HttpExchange {
  readonly request: HttpRequest;
  /** Absent where the method has none. */
  readonly body?: unknown;
  /** Who sent it, where the host of the server has checked that. Never taken from the request itself. */
  readonly auth?: AuthInfo;
}

/** The answer to an exchange. */
export interface HttpReply {
  readonly response: Response;
  /** Headers that go with it whatever it is. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called once the body has ended, or the client has gone away before that (`dropped`). */
  readonly onEnd?: (dropped: boolean) => void;
}

/** Answers exchanges, in the words of the protocol. */
export interface HttpEndpoint {
  handle(exchange: HttpExchange): Promise<HttpReply>;
  /** Resolves when no foreground call is under way. Calls that come meanwhile are refused. */
  drain(): Promise<void>;
  /** Ends what is under way, and refuses what still comes. */
  close(): Promise<void>;
}

/** The answer of an endpoint that drains; another process may still take the request. */
export const shuttingDown = (): Response => refuse(503, -32000, 'The server is shutting down');

/** Whether an answer arrives in pieces, so that it ends after its head was sent. */
export function isStream({ headers }: Response): boolean {
  return headers.get('content-type') === 'text/event-stream';
}
