import { ErrorCode, InitializeResultSchema, type InitializeResult } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../../base/clock.js';
import type { ErrandError } from '../../base/errors.js';
import { messageOf } from '../../base/errors.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import type { Transport } from '../../protocol/transport.js';
import {
  connectionEnded,
  isUnreachable,
  mayHaveArrived,
  sessionLost,
  streamLost,
  toClientError,
} from './client-errors.js';
import { Handshakes } from './handshakes.js';
import type { StreamListener } from './http-streams.js';
import { Link, type Target } from './link.js';
import { isRepeatable, type Request, type ToolLookup } from './repeatable.js';

/** How long the last message of a stream may be on its way when the stream has ended, in milliseconds. */
const streamGrace = 20;
/** How often a request is sent again, and the first pause before that, in milliseconds. Each further pause is twice as long. */
const mostRepeats = 3;
const firstPause = 250;
/** A request without an answer. */
interface Pending {
  /** Its id for the SDK; on the wire it is another when the request is repeated, since the server may still know the first. */
  readonly id: RequestId;
  readonly message: Request;
  wireId: RequestId;
  link: Link;
  /** The stream of its answer has ended, and the SDK tries to resume it from the last event. */
  isInterrupted: boolean;
  lastEvent: string | undefined;
  repeats: number;
}

/** What a {@link SessionTransport} tells. */
export interface SessionListener {
  /** A new session has taken the place of the old one. */
  renewed(): void;
  /** Whether a tool may be called again. */
  isHarmless: ToolLookup;
}

/**
 * The one transport of a client, however many sessions it needs. A server that has lost the session answers 404. The
 * client then begins a new one and sends the refused request again, which the server cannot have carried out. A request
 * whose answer was lost with its stream is sent again if it is safe to repeat, and fails at once if not.
 */
export class SessionTransport implements Transport {
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  /** How the server introduced itself in the latest session. */
  server: InitializeResult | undefined;
  private link: Link | undefined;
  private readonly links = new Set<Link>();
  /** By the id on the wire. */
  private readonly pending = new Map<RequestId, Pending>();
  private introduction: Request | undefined;
  private renewing: Promise<void> | undefined;
  private copies = 0;
  private readonly handshakes: Handshakes;
  private isClosed = false;

  constructor(
    private readonly target: Target,
    private readonly clock: Clock,
    private readonly listener: SessionListener,
  ) {
    this.handshakes = new Handshakes(target, clock);
  }

  /** Whether the server has been sent anything. */
  get isStarted(): boolean {
    return this.introduction !== undefined;
  }

  get sessionId(): string | undefined {
    return this.link?.transport.sessionId;
  }

  async start(): Promise<void> {
    this.link = await this.makeLink();
    await this.link.transport.start();
  }

  async send(...[message, options]: Parameters<Transport['send']>): Promise<void> {
    // Whatever hindered the new session, the request itself will meet it, too.
    if (this.renewing !== undefined) await this.renewing.catch(() => undefined);
    const { link } = this;
    if (link === undefined) throw connectionEnded(this.target);
    if (isRequest(message)) {
      if (message.method === 'initialize') this.introduction = message;
      const { id } = message;
      const pending = { id, message, wireId: id, link, isInterrupted: false, lastEvent: undefined, repeats: 0 };
      this.add(pending);
      return this.attempt(pending);
    }
    try {
      await link.transport.send(this.translated(message), options);
    } catch (error) {
      // What is no request belongs to the session that it was meant for.
      if (link.isLost(error)) await this.renew(link, error);
      throw error;
    }
  }

  setProtocolVersion(version: string): void {
    this.link?.transport.setProtocolVersion?.(version);
  }

  /** Asks the server to end the session. Over stdio and in memory there is none. */
  async endSession(): Promise<void> {
    const transport = this.link?.transport;
    if (transport === undefined || !('terminateSession' in transport)) return;
    await (transport.terminateSession as () => Promise<void>)().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.links].map((link) => link.close()));
    this.handleClosed();
  }

  private async makeLink(): Promise<Link> {
    const streams: StreamListener = {
      ended: (request) => void this.clock.schedule(streamGrace, () => this.onStreamEnded(request)),
      resumed: (event, how) => this.onResumed(event, how),
      standalone: (isOpen) => (link.hasStandalone = isOpen),
    };
    const transport = await this.target.open(streams);
    const link = new Link(transport);
    this.links.add(link);
    const { onmessage, onclose, onerror } = transport;
    transport.onmessage = (message, extra) => {
      onmessage?.call(transport, message, extra);
      this.receive(link, message, extra);
    };
    transport.onclose = () => {
      onclose?.call(transport);
      this.links.delete(link);
      if (this.link !== link) return;
      // The last words of a process may still be on their way.
      if (this.target.isProcess) setImmediate(() => this.handleClosed());
      else this.handleClosed();
    };
    transport.onerror = (error) => {
      onerror?.call(transport, error);
      this.handleError(link, error);
    };
    return link;
  }

  private receive(
    link: Link,
    message: JSONRPCMessage,
    extra: Parameters<NonNullable<Transport['onmessage']>>[1],
  ): void {
    if ('method' in message) {
      // The answer to a question would not reach a session that is lost.
      if (!link.isRetired || !('id' in message)) this.onmessage?.(message, extra);
      return;
    }
    const { id } = message;
    if (this.handshakes.receive(message)) return;
    const pending = id === undefined ? undefined : this.pending.get(id);
    if (pending === undefined) {
      this.onmessage?.(message, extra);
      return;
    }
    this.remove(pending);
    if (pending.message === this.introduction && 'result' in message) {
      this.server = InitializeResultSchema.safeParse(message.result).data;
    }
    this.onmessage?.(id === pending.id ? message : { ...message, id: pending.id }, extra);
  }

  /** Posts a request. Whatever it fails with becomes its answer. */
  private async attempt(pending: Pending): Promise<void> {
    try {
      await this.post(pending);
    } catch (error) {
      if (this.pending.get(pending.wireId) !== pending) return;
      if (mayHaveArrived(error)) await this.repeat(pending);
      else this.fail(pending, toClientError(error, pending.message.method, this.target));
    }
  }

  private async post(pending: Pending): Promise<void> {
    const { link } = pending;
    try {
      await this.postNow(pending);
      return;
    } catch (error) {
      if (!link.isLost(error)) throw error;
      // Refused as it was, it has not been carried out.
      await this.renew(link, error);
    }
    this.moveTo(this.link ?? link, pending);
    try {
      await this.postNow(pending);
    } catch (error) {
      if (!pending.link.isLost(error)) throw error;
      throw sessionLost(this.target, 'It has lost the new session as well. Try again later.', error);
    }
  }

  private async postNow(pending: Pending): Promise<void> {
    const { link, message, id, wireId } = pending;
    const onresumptiontoken = (event: string): void => void (pending.lastEvent = event);
    await link.transport.send(wireId === id ? message : { ...message, id: wireId }, { onresumptiontoken });
  }

  private onStreamEnded(request: RequestId): void {
    const pending = this.pending.get(request);
    if (pending === undefined) return;
    // A stream whose events have ids can be resumed, which the SDK tries by itself.
    if (pending.lastEvent !== undefined && !pending.link.isRetired) pending.isInterrupted = true;
    else void this.repeat(pending);
  }

  private onResumed(event: string, how: 'opened' | 'refused'): RequestId | undefined {
    for (const pending of this.pending.values()) {
      if (pending.lastEvent !== event) continue;
      pending.isInterrupted = false;
      if (how === 'refused') void this.repeat(pending);
      return pending.wireId;
    }
    return undefined;
  }

  /** Sends a request again whose answer is lost, or fails it where that would not be safe. */
  private async repeat(pending: Pending): Promise<void> {
    const isLost = (): boolean => this.pending.get(pending.wireId) === pending && !this.isClosed;
    const { message } = pending;
    if (!(await isRepeatable(message, this.listener.isHarmless).catch(() => false)) || pending.repeats >= mostRepeats) {
      if (isLost()) this.fail(pending, streamLost(this.target, message.method));
      return;
    }
    const pause = firstPause * 2 ** pending.repeats++;
    await new Promise<void>((resolve) => void this.clock.schedule(pause, resolve));
    if (!isLost()) return;
    this.moveTo(this.link ?? pending.link, pending);
    try {
      await this.post(pending);
    } catch (error) {
      if (!isLost()) return;
      if (isUnreachable(error)) await this.repeat(pending);
      else this.fail(pending, toClientError(error, message.method, this.target));
    }
  }

  /** Begins a new session in place of the lost one, once for all who meet the loss. */
  private renew(lost: Link, cause: unknown): Promise<void> {
    if (this.link !== lost) return Promise.resolve();
    this.renewing ??= this.beginSession(lost, cause).finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async beginSession(lost: Link, cause: unknown): Promise<void> {
    const { introduction } = this;
    if (!this.target.isRenewable || introduction === undefined) {
      throw sessionLost(
        this.target,
        'Connect again. A client that connect() was given a URL, or a function that makes the transport, begins a new session by itself.',
        cause,
      );
    }
    const link = await this.makeLink();
    try {
      await link.transport.start();
      this.server = await this.handshakes.introduce(link.transport, introduction);
    } catch (error) {
      link.retire();
      throw toClientError(error, 'initialize', this.target);
    }
    this.link = link;
    lost.retire();
    // Without a sign from the streams of the old session, nothing would ever end these requests.
    if (!this.target.isWatched) {
      for (const pending of [...this.pending.values()]) if (pending.link === lost) void this.repeat(pending);
    }
    this.listener.renewed();
  }

  private handleError(link: Link, error: Error): void {
    if (link === this.link && !this.isClosed) {
      // Requests renew the session themselves; this is the standalone stream.
      if (link.isLost(error)) void this.renew(link, error).catch(() => undefined);
      else if (error.message.startsWith('Maximum reconnection attempts')) this.onStreamsGivenUp(link);
    }
    this.onerror?.(error);
  }

  /** The SDK gives up after a few seconds. A server may be away for longer. */
  private onStreamsGivenUp(link: Link): void {
    for (const pending of [...this.pending.values()]) if (pending.isInterrupted) void this.repeat(pending);
    if (this.target.isWatched) link.reopenStandalone(this.clock);
  }

  /** A cancellation names the request by its id for the SDK. */
  private translated(message: JSONRPCMessage): JSONRPCMessage {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return message;
    for (const pending of this.pending.values()) {
      if (pending.id !== message.params?.requestId) continue;
      this.remove(pending);
      return { ...message, params: { ...message.params, requestId: pending.wireId } };
    }
    return message;
  }

  private moveTo(link: Link, pending: Pending): void {
    this.remove(pending);
    pending.link = link;
    pending.wireId = `${pending.id}-${++this.copies}`;
    pending.isInterrupted = false;
    pending.lastEvent = undefined;
    this.add(pending);
  }

  private add(pending: Pending): void {
    this.pending.set(pending.wireId, pending);
    pending.link.waiting++;
  }

  private remove(pending: Pending): void {
    if (!this.pending.delete(pending.wireId)) return;
    pending.link.answered();
  }

  /** The SDK cannot be told of an error of ours but in an answer. */
  private fail(pending: Pending, error: ErrandError): void {
    this.remove(pending);
    const failure = { code: ErrorCode.ConnectionClosed as number, message: messageOf(error), data: error };
    this.onmessage?.({ jsonrpc: '2.0', id: pending.id, error: failure });
  }

  private handleClosed(): void {
    if (this.link === undefined) return;
    this.link = undefined;
    this.isClosed = true;
    this.pending.clear();
    this.onclose?.();
  }
}

const isRequest = (message: JSONRPCMessage): message is Request => 'method' in message && 'id' in message;
