import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { CurrentPrincipal } from '../../call/principal.js';
import { refuse, rpcCode } from '../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/types.js';
import type { Core } from '../core.js';
import { Connection } from './connection.js';
import {
  isStream,
  refuseBatch,
  singleMessagesSince,
  withoutNeedlessStream,
  type HttpExchange,
  type HttpReply,
} from './http-exchange.js';
import type { Streams } from './streams.js';

/**
 * One session over Streamable HTTP. The SDK's transport does not tell when a client drops a stream, and sends to a
 * dropped one in silence; the host, which writes the body, knows.
 */
export class HttpSession implements Streams {
  readonly single = false;
  readonly lasting = true;
  readonly silent = false;
  onStandalone?: () => void;
  /** When a request last came, by the clock of the core. */
  lastSeen: number;
  private readonly transport: WebStandardStreamableHTTPServerTransport;
  /** The requests whose response streams are open, each with those who want to know when the client drops it. */
  private readonly underWay = new Map<RequestId, Set<() => void>>();
  private standaloneStreams = 0;
  private openStreams = 0;
  private connection: Connection | undefined;

  private constructor(
    readonly id: string,
    /** Whose session it is: for everybody else there is none of this id. */
    readonly owner: CurrentPrincipal,
    private readonly core: Core,
  ) {
    this.transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    this.lastSeen = core.clock.now();
  }

  static async open(
    id: string,
    owner: CurrentPrincipal,
    core: Core,
    onClosed: (session: HttpSession) => void,
  ): Promise<HttpSession> {
    const session = new HttpSession(id, owner, core);
    const options = { streams: session, session: id, oneUser: !owner.isAnonymous };
    session.connection = await Connection.open(core, session.transport, () => onClosed(session), options);
    return session;
  }

  get standalone(): boolean {
    return this.standaloneStreams > 0;
  }

  /** Whether no stream is open, so that nobody would notice if the session were gone. */
  get isIdle(): boolean {
    return this.openStreams === 0;
  }

  onDropped(request: RequestId, listener: () => void): () => void {
    const listeners = this.underWay.get(request);
    // It was dropped before somebody wanted to know.
    if (listeners === undefined) listener();
    listeners?.add(listener);
    return () => void listeners?.delete(listener);
  }

  abandon(request: RequestId): void {
    // Before, other requests may have come in the same body, whose answers are due on the same stream.
    const isAlone = (this.connection?.client?.protocolVersion ?? '') >= singleMessagesSince;
    if (!isAlone) return;
    this.transport.closeSSEStream(request);
    // The SDK forgets a request with its answer only. On the stream that has ended it goes nowhere, of which it complains.
    this.transport.send({ jsonrpc: '2.0', id: request, result: {} }).catch(() => undefined);
  }

  async handle(exchange: HttpExchange): Promise<HttpReply> {
    const { request, body, auth } = exchange;
    this.lastSeen = this.core.clock.now();
    const negotiated = this.connection?.client?.protocolVersion;
    const ids = requestIds(body);
    const refused =
      (negotiated === undefined ? undefined : refuseBatch(exchange, negotiated)) ?? this.refuseSecond(ids);
    if (refused !== undefined) return { response: refused };
    for (const id of ids) this.underWay.set(id, new Set());
    const response = await withoutNeedlessStream(
      body,
      await this.transport.handleRequest(request, { parsedBody: body, ...(auth && { authInfo: auth }) }),
    );
    if (!isStream(response)) {
      this.end(ids, false);
      return { response };
    }
    this.openStreams++;
    const onEnd = (dropped: boolean): void => {
      this.openStreams--;
      this.lastSeen = this.core.clock.now();
      this.end(ids, dropped);
    };
    return { response, onEnd: request.method === 'GET' ? this.openStandalone(onEnd) : onEnd };
  }

  async drain(): Promise<void> {
    await this.connection?.drain();
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }

  private openStandalone(onEnd: (dropped: boolean) => void): (dropped: boolean) => void {
    this.standaloneStreams++;
    // Once the stream is on its way to the client.
    queueMicrotask(() => this.onStandalone?.());
    return (dropped) => {
      this.standaloneStreams--;
      onEnd(dropped);
      this.onStandalone?.();
    };
  }

  /** The SDK would send the answer to the first of two requests with one id on the stream of the second. */
  private refuseSecond(ids: readonly RequestId[]): Response | undefined {
    const second = ids.find((id) => this.underWay.has(id));
    if (second === undefined) return undefined;
    const shown = JSON.stringify(second).slice(0, 100);
    return refuse(400, rpcCode.invalidRequest, `A request with the id ${shown} is under way. Use each id once.`);
  }

  private end(ids: readonly RequestId[], dropped: boolean): void {
    for (const id of ids) {
      const listeners = this.underWay.get(id);
      this.underWay.delete(id);
      if (dropped) listeners?.forEach((listener) => listener());
    }
  }
}

/** Of a body that nobody has looked at yet. */
function requestIds(body: unknown): RequestId[] {
  const messages = (Array.isArray(body) ? body : [body]) as (Partial<
    JSONRPCMessage & { id: RequestId; method: string }
  > | null)[];
  return messages.flatMap((message) => (message?.id !== undefined && message.method !== undefined ? [message.id] : []));
}
