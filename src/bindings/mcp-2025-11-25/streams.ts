import type { RequestId } from '../../protocol/json-rpc/messages.js';

/** What a transport tells of the streams on which messages reach the client. */
export interface Streams {
  /** Whether there is one stream for everything, as over stdio and in memory. */
  readonly single: boolean;
  /** Whether a message that belongs to no request would arrive. */
  readonly standalone: boolean;
  /** Whether messages that belong to no request go out at another place that serves the same session. */
  readonly elsewhere: boolean;
  /**
   * Whether the connection outlives its requests. Where it does not, no answer to a foreground call comes back to it, and
   * what tasks tell later has nowhere to go.
   */
  readonly lasting: boolean;
  /** Whether a stream can be gone without a word, so that what was sent on it may never have arrived. */
  readonly silent: boolean;
  /** Calls back when the standalone stream opens, and when it ends, here or elsewhere. One listener. */
  onStandalone?: () => void;
  /** Calls back when a standalone stream takes the place of another, on which what was sent may not have arrived. One listener. */
  onReplaced?: () => void;
  /** Whether the response stream of a request that is being answered is open, as far as is known. */
  isOpen(request: RequestId): boolean;
  /** Calls back once when the client drops the response stream of a request. Returns what takes the listener away. */
  onDropped(request: RequestId, listener: () => void): () => void;
  /** Ends the response stream of a request that will not be answered, because the client cancelled it. */
  abandon(request: RequestId): void;
}

const nothingToDrop: Pick<Streams, 'isOpen' | 'onDropped' | 'abandon'> = {
  isOpen: () => true,
  onDropped: () => () => undefined,
  abandon: () => undefined,
};

/** One stream that is open as long as the connection is. */
export function oneStream(): Streams {
  return { single: true, standalone: true, elsewhere: false, lasting: true, silent: false, ...nothingToDrop };
}

/**
 * What can be assumed of a transport that somebody else made and that answers each request on a stream of its own: its
 * streams may be there, and nobody tells when they are not.
 */
export function streamPerRequest(): Streams {
  return { single: false, standalone: true, elsewhere: false, lasting: true, silent: true, ...nothingToDrop };
}

/** The response stream of one request, with which its connection ends. */
export function responseOnly(): Streams {
  return { single: false, standalone: false, elsewhere: false, lasting: false, silent: false, ...nothingToDrop };
}
