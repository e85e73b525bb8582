import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { CurrentPrincipal } from '../../call/principal.js';
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
  onStandalone?: () => void;
  /** When a request last came, by the clock of the core. */
  lastSeen: number;
  private readonly transport: WebStandardStreamableHTTPServerTransport;
  private readonly dropListeners = new Map<RequestId, Set<() => void>>();
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
    const listeners = this.dropListeners.get(request) ?? new Set();
    this.dropListeners.set(request, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.dropListeners.delete(request);
    };
  }

  abandon(request: RequestId): void {
    // Before, other requests may have come in the same body, whose answers are due on the same stream.
    const isAlone = (this.connection?.client?.protocolVersion ?? '') >= singleMessagesSince;
    if (isAlone) this.transport.closeSSEStream(request);
  }

  async handle(exchange: HttpExchange): Promise<HttpReply> {
    const { request, body, auth } = exchange;
    this.lastSeen = this.core.clock.now();
    const negotiated = this.connection?.client?.protocolVersion;
    const refused = negotiated === undefined ? undefined : refuseBatch(exchange, negotiated);
    if (refused !== undefined) return { response: refused };
    const response = await withoutNeedlessStream(
      body,
      await this.transport.handleRequest(request, { parsedBody: body, ...(auth && { authInfo: auth }) }),
    );
    if (!isStream(response)) return { response };
    this.openStreams++;
    return { response, onEnd: request.method === 'GET' ? this.openStandalone() : (dropped) => this.end(dropped, body) };
  }

  async drain(): Promise<void> {
    await this.connection?.drain();
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }

  private openStandalone(): () => void {
    this.standaloneStreams++;
    // Once the stream is on its way to the client.
    queueMicrotask(() => this.onStandalone?.());
    return () => {
      this.standaloneStreams--;
      this.end(false, undefined);
      this.onStandalone?.();
    };
  }

  private end(dropped: boolean, body: unknown): void {
    this.openStreams--;
    this.lastSeen = this.core.clock.now();
    if (!dropped) return;
    for (const id of requestIds(body)) this.dropListeners.get(id)?.forEach((listener) => listener());
  }
}

function requestIds(body: unknown): RequestId[] {
  const messages = (Array.isArray(body) ? body : [body]) as Partial<
    JSONRPCMessage & { id: RequestId; method: string }
  >[];
  return messages.flatMap(({ id, method }) => (id !== undefined && method !== undefined ? [id] : []));
}
