import type { AuthInfo } from './auth.js';
import type { JSONRPCMessage, RequestId } from './json-rpc/messages.js';

/** The context of a received message. */
export interface MessageExtra {
  /** The HTTP request that brought it. */
  requestInfo?: {
    /** Its headers. */
    headers: Record<string, string | string[] | undefined>;
    /** Its URL. */
    url?: URL;
  };
  /** Who sent it, if the transport or its host has checked that. */
  authInfo?: AuthInfo;
}

/** Options of `send`. */
export interface SendOptions {
  /** The incoming request that the message belongs to; the message goes out on its stream. */
  relatedRequestId?: RequestId;
  /** For the SDK's client transports: where to resume a broken stream. */
  resumptionToken?: string;
  /** Called with each token from which the stream can be resumed. */
  onresumptiontoken?: (token: string) => void;
}

/**
 * Moves the messages of one connection. It has the shape of the MCP SDK's transports, so that any of those fits. The
 * callbacks are set before `start()`.
 */
export interface Transport {
  /** Starts receiving. */
  start(): Promise<void>;
  /** Sends one message. */
  send(message: JSONRPCMessage, options?: SendOptions): Promise<void>;
  /** Ends the connection and calls `onclose`. */
  close(): Promise<void>;
  /** Called once the connection has ended, from either side. */
  onclose?: (() => void) | undefined;
  /** Called with errors that concern no particular message. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with each message. */
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtra) => void) | undefined;
  /** The id of the session, if the transport has one. */
  sessionId?: string | undefined;
  /** Called with the negotiated revision. */
  setProtocolVersion?: ((version: string) => void) | undefined;
}
