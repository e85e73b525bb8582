import { refuse } from '../../protocol/errors.js';
import type { AuthInfo } from '../../protocol/auth.js';

/** The head of an HTTP request. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: Headers;
}

/** A request for an endpoint, with checked Host and Origin and a parsed body. */
export interface HttpExchange {
  readonly request: HttpRequest;
  /** Absent for methods without a body. */
  readonly body?: unknown;
  /** The sender, as verified by the host of the server. Never taken from the request itself. */
  readonly auth?: AuthInfo;
  /** The address that the client counts for; absent if the host of the server does not know it. */
  readonly address?: string;
}

/** The reply to an exchange. */
export interface HttpReply {
  readonly response: Response;
  /** Called once the body has ended, or the client has gone away before (`dropped`). */
  readonly onEnd?: (dropped: boolean) => void;
  /** Called when the client, or the system on its behalf, has taken so many bytes of the body. */
  readonly onTaken?: (bytes: number) => void;
}

/** Whether a request may send its body, and the maximum size of that in bytes. */
export type Admission = { readonly largest: number } | { readonly refused: Response };

/** Answers exchanges according to the protocol. */
export interface HttpEndpoint {
  /** Decides by the head of a request whether its body is read. */
  admit(head: Omit<HttpExchange, 'body'>): Promise<Admission> | Admission;
  handle(exchange: HttpExchange): Promise<HttpReply>;
  /** Refuses new calls. Resolves once no foreground call is running. */
  drain(): Promise<void>;
  /** Ends everything in progress, and refuses new requests. */
  close(): Promise<void>;
}

/** The response of an endpoint that is draining. Another process may still take the request. */
export const shuttingDown = (): Response => refuse(503, -32000, 'The server is shutting down');

/** Whether the body of a response is a stream, which ends some time after its head was sent. */
export function isStream({ headers }: Response): boolean {
  return headers.get('content-type') === 'text/event-stream';
}
