import type { AuthInfo } from './auth.js';
import type { JSONRPCMessage, RequestId } from './json-rpc/messages.js';

/** What a transport knows of a message beside its text. */
export interface MessageExtra {
  /** The HTTP request that brought it. */
  requestInfo?: {
    /** Its headers. */
    headers: Record<string, string | string[] | undefined>;
    /** Its URL. */
    url?: URL;
  };
  /** Who sent it, where the transport or its host has checked that. */
  authInfo?: AuthInfo;
}

/** How a message is to be sent. */
export interface SendOptions {
  /** The request of the other side that the message belongs to: it goes out on the stream of that. */
  relatedRequestId?: RequestId;
  /** Of transports of the SDK's client: where a stream goes on that broke. */
  resumptionToken?: string;
  /** Told each place from which the stream could go on. */
  onresumptiontoken?: (token: string) => void;
}

/**
 * Moves the messages of one connection. It has the shape of the transports of the MCP SDK, so that any of those fits;
 * the callbacks are set before `start()`.
 */
export interface Transport {
  /** Begins to receive. */
  start(): Promise<void>;
  /** Sends one message. */
  send(message: JSONRPCMessage, options?: SendOptions): Promise<void>;
  /** Ends the connection; calls `onclose`. */
  close(): Promise<void>;
  /** Called once the connection has ended, whoever ended it. */
  onclose?: (() => void) | undefined;
  /** Called with what goes wrong beside a message. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with each message. */
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtra) => void) | undefined;
  /** The id of the session, where the transport has one. */
  sessionId?: string | undefined;
  /** Told the revision that was negotiated. */
  setProtocolVersion?: ((version: string) => void) | undefined;
}
