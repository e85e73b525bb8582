import type { RequestId } from '../../protocol/json-rpc/messages.js';
import type { Unread } from '../unread.js';

/** The streams of a transport on which messages reach the client. */
export interface Streams {
  /** Whether one stream carries everything, as over stdio and in memory. */
  readonly single: boolean;
  /** Whether the standalone stream is open, which carries the messages that belong to no request. */
  readonly standalone: boolean;
  /** Whether another connection of the same session has the standalone stream. */
  readonly elsewhere: boolean;
  /**
   * Whether the connection outlives its requests. If not, no answer reaches a foreground call that asks, and news of
   * tasks has nowhere to go.
   */
  readonly lasting: boolean;
  /** Whether a stream can vanish unnoticed, so that messages sent on it may never have arrived. */
  readonly silent: boolean;
  /** Called when the standalone stream opens or ends, here or on another connection. One listener. */
  onStandalone?: () => void;
  /** Called when a new standalone stream replaces one on which messages may not have arrived. One listener. */
  onReplaced?: () => void;
  /** Whether the response stream of a pending request is open, as far as is known. */
  isOpen(request: RequestId): boolean;
  /**
   * Calls `listener` once when the client drops the response stream of a request. Returns a function that removes it.
   */
  onDropped(request: RequestId, listener: () => void): () => void;
  /** Ends the response stream of a request that gets no response because the client cancelled it. */
  abandon(request: RequestId): void;
  /**
   * The part that the client has not read of the stream of a request, or of the standalone stream. Undefined if the stream is not
   * open, or nobody can tell.
   */
  unread(request: RequestId | undefined): Unread | undefined;
}

const nothingToDrop: Pick<Streams, 'isOpen' | 'onDropped' | 'abandon'> = {
  isOpen: () => true,
  onDropped: () => () => undefined,
  abandon: () => undefined,
};

/** A single stream, open as long as the connection is. */
export function oneStream(unread: Unread): Streams {
  const one = { single: true, standalone: true, elsewhere: false, lasting: true, silent: false };
  return { ...one, ...nothingToDrop, unread: () => unread };
}

/**
 * A transport of the host that answers each request on a stream of its own: its streams count as open, because it does
 * not report when they are gone.
 */
export function streamPerRequest(): Streams {
  const many = { single: false, standalone: true, elsewhere: false, lasting: true, silent: true };
  return { ...many, ...nothingToDrop, unread: () => undefined };
}

/** The response stream of the only request of a connection. */
export function responseOnly(unread: Unread): Streams {
  const response = { single: false, standalone: false, elsewhere: false, lasting: false, silent: false };
  return { ...response, ...nothingToDrop, unread: (request) => (request === undefined ? undefined : unread) };
}
