import type { Meters } from '../../telemetry/meters.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import type { Transport } from '../../protocol/transport.js';
import { sizeOf, type Unread } from '../unread.js';
import type { Streams } from './streams.js';

/** The kinds of news. */
export type NewsKind = 'progress' | 'log' | 'status';

/**
 * Sends the news of calls and tasks to the client of one connection: all that it may miss if it reads too slowly. News
 * without room on its stream is dropped here, and counted.
 */
export class News {
  constructor(
    private readonly streams: Streams,
    private readonly transmit: Transport['send'],
    private readonly meters: Meters,
  ) {}

  /** Sends a message on the stream of a request, or on the standalone stream. Returns whether there was room for it. */
  offer(kind: NewsKind, message: JSONRPCMessage, related: RequestId | undefined): boolean {
    const unread = this.streams.unread(related);
    const size = unread === undefined ? 0 : sizeOf(message);
    if (unread?.offer(size) === false) return this.dropped(kind);
    // Whether it arrives matters to nobody: news of a lost connection is lost with it.
    this.send(message, related, unread, size).catch(() => undefined);
    return true;
  }

  /** Like {@link News.offer}, but waits for room, and `isOver` may have become true meanwhile. */
  async deliver(kind: NewsKind, message: JSONRPCMessage, related: RequestId, isOver: () => boolean): Promise<boolean> {
    const unread = this.streams.unread(related);
    const size = unread === undefined ? 0 : sizeOf(message);
    // Asked first, so that a message with room is sent at once and in order.
    if (unread?.offer(size) === false) {
      if (!(await unread.admit(size))) return this.dropped(kind);
      if (isOver()) {
        unread.taken(size);
        return false;
      }
    }
    const sent = this.send(message, related, unread, size);
    // A stream that carries everything may be stuck, and nobody waits for that longer than for room.
    if (this.streams.single && unread !== undefined) sent.catch(() => undefined);
    else await sent;
    return true;
  }

  /** Sends anything else, whether or not there is room. */
  force(message: JSONRPCMessage, related: RequestId | undefined): Promise<void> {
    const unread = this.streams.unread(related);
    const size = unread === undefined ? 0 : sizeOf(message);
    unread?.add(size);
    return this.send(message, related, unread, size);
  }

  /** Calls `listener` once there is room on a stream. Returns a function that removes it. */
  whenRoom(related: RequestId | undefined, listener: () => void): () => void {
    return this.streams.unread(related)?.whenRoom(listener) ?? (() => undefined);
  }

  private send(
    message: JSONRPCMessage,
    related: RequestId | undefined,
    unread: Unread | undefined,
    size: number,
  ): Promise<void> {
    const sent = this.transmit(message, related === undefined ? undefined : { relatedRequestId: related });
    // Over HTTP, the host reports what was taken.
    if (unread === undefined || !this.streams.single) return sent;
    const taken = (): void => unread.taken(size);
    sent.then(taken, taken);
    return sent;
  }

  private dropped(kind: NewsKind): false {
    this.meters.count('newsDropped', { 'errand.message.kind': kind });
    return false;
  }
}
