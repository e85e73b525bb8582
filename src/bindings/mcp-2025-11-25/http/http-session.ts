import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { shown } from '../../../base/shown.js';
import type { CurrentPrincipal } from '../../../call/principal.js';
import { refuse, rpcCode } from '../../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import type { Core } from '../../core.js';
import { longestToken } from '../component-requests.js';
import { Connection, type ConnectionOptions } from '../connection.js';
import { isStream, type HttpExchange, type HttpReply } from '../../../transports/http/http-exchange.js';
import {
  refuseBatch,
  refuseMessages,
  requestIds,
  singleMessagesSince,
  withoutNeedlessStream,
  toSdkRequest,
} from './http-messages.js';
import { SharedSession, type SharedClient, type SharedSessionHost } from './shared-session.js';
import type { Streams } from '../streams.js';

/** What a new session is made of. */
export interface SessionSetup {
  readonly id: string;
  /** Whose session it is: for everybody else there is none of this id. */
  readonly owner: CurrentPrincipal;
  /** How long it is kept when nobody uses it, in milliseconds. */
  readonly idleTimeout: number;
  /** What is known of its client, where that initialized it at another place. */
  readonly client?: SharedClient;
}

/**
 * One session over Streamable HTTP. The SDK's transport does not tell when a client drops a stream, and sends to a
 * dropped one in silence; the host, which writes the body, knows.
 */
export class HttpSession implements Streams, SharedSessionHost {
  readonly single = false;
  readonly lasting = true;
  readonly silent = false;
  onStandalone?: () => void;
  onReplaced?: () => void;
  /** When a request last came, by the clock of the core. */
  lastSeen: number;
  private readonly transport: WebStandardStreamableHTTPServerTransport;
  /** The requests whose response streams are open, each with those who want to know when the client drops it. */
  private readonly underWay = new Map<RequestId, Set<() => void>>();
  /** The standalone stream that the client opened last, as long as it is open. */
  private standaloneStream: symbol | undefined;
  private openStreams = 0;
  private stopping: Promise<void> | undefined;
  private connection: Connection | undefined;
  /** Absent where the server has no engine, so that nobody else can serve the session. */
  private readonly shared: SharedSession | undefined;
  readonly id: string;
  readonly owner: CurrentPrincipal;

  private constructor(
    { id, owner, idleTimeout }: SessionSetup,
    private readonly core: Core,
  ) {
    this.id = id;
    this.owner = owner;
    this.transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    this.lastSeen = core.clock.now();
    const { engine, clock, logger } = core;
    if (engine === undefined) return;
    this.shared = new SharedSession(engine, id, engine.newConnectionId(), idleTimeout, clock, logger, this);
  }

  /** Opens a session for a client that initializes it, or one that was initialized at another place. */
  static async open(setup: SessionSetup, core: Core, onClosed: (session: HttpSession) => void): Promise<HttpSession> {
    const session = new HttpSession(setup, core);
    const { shared } = session;
    const options: ConnectionOptions = {
      streams: session,
      session: setup.id,
      oneUser: !setup.owner.isAnonymous,
      ...(shared !== undefined && {
        place: shared.place,
        onForeignAnswer: (message) => shared.passOn(message),
        onLevel: (level) => shared.changeLevel(level),
      }),
    };
    const closed = (): void => {
      session.stopping = shared?.stop();
      onClosed(session);
    };
    session.connection = await Connection.open(core, session.transport, closed, options);
    try {
      await shared?.join(setup.client);
      if (setup.client !== undefined) await session.restore(setup.client);
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  /** Whether messages that belong to no request reach the client here. */
  get standalone(): boolean {
    return this.hasStream && (this.shared === undefined || this.shared.holder === 'here');
  }

  get elsewhere(): boolean {
    return this.shared?.holder === 'elsewhere';
  }

  get hasStream(): boolean {
    return this.standaloneStream !== undefined;
  }

  /** Whether no stream is open. */
  get isAway(): boolean {
    return this.openStreams === 0;
  }

  /** Whether nobody thinks about a question either, so that nobody would notice if the session were gone. */
  get isIdle(): boolean {
    return this.isAway && this.connection?.isAsking !== true;
  }

  isOpen(request: RequestId): boolean {
    return this.underWay.has(request);
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
    this.passOnCancelled(body);
    const negotiated = this.connection?.client?.protocolVersion;
    const strange = (negotiated === undefined ? undefined : refuseBatch(exchange, negotiated)) ?? refuseMessages(body);
    if (strange !== undefined) return { response: strange };
    const ids = requestIds(body);
    const second = this.refuseSecond(ids);
    if (second !== undefined) return { response: second };
    for (const id of ids) this.underWay.set(id, new Set());
    const response = await withoutNeedlessStream(
      body,
      await this.respond(toSdkRequest(request), { parsedBody: body, ...(auth && { authInfo: auth }) }),
    );
    if (!isStream(response)) {
      this.finish(ids, false);
      return { response };
    }
    this.openStreams++;
    const onEnd = (dropped: boolean): void => {
      this.openStreams--;
      this.lastSeen = this.core.clock.now();
      this.finish(ids, dropped);
    };
    return { response, onEnd: request.method === 'GET' ? this.openStandalone(onEnd) : onEnd };
  }

  async drain(): Promise<void> {
    await this.connection?.drain();
  }

  /** Ends it here. Other places may go on serving it. */
  async close(): Promise<void> {
    await this.connection?.close();
    await this.stopping;
  }

  /** Ends it here because nobody uses it; everywhere, where nobody does. */
  async expire(): Promise<void> {
    await this.shared?.unused();
    await this.close();
  }

  /** The client ended it. */
  async end(): Promise<void> {
    await this.shared?.end();
  }

  /** `false` when it has ended elsewhere, of which nobody told. */
  async used(): Promise<boolean> {
    return this.shared === undefined || (await this.shared.used());
  }

  /** From now on any process can serve it. `params` are those with which it was initialized. */
  async share(params: Record<string, unknown>): Promise<void> {
    const { protocolVersion } = this.connection?.client ?? {};
    // What was refused is no session.
    if (protocolVersion === undefined) return;
    await this.shared?.save(this.owner.id, { initialize: { ...params, protocolVersion } });
  }

  ended(): void {
    void this.close();
  }

  changed({ level }: SharedClient): void {
    if (level !== undefined) this.connection?.setLevel(level);
  }

  received(message: JSONRPCMessage): void {
    this.connection?.receive(message, this.owner.id);
  }

  placed(): void {
    this.onStandalone?.();
  }

  async catchUp(tasks: readonly string[], served: boolean): Promise<void> {
    await this.connection?.catchUp(tasks, served);
  }

  /** The SDK knows a client by its handshake alone, so that it gets the same once more. */
  private async restore({ initialize, level }: SharedClient): Promise<void> {
    const request: unknown = {
      method: 'POST',
      url: 'http://localhost/',
      headers: new Headers({ 'content-type': 'application/json', accept: 'application/json, text/event-stream' }),
    };
    const parsedBody = { jsonrpc: '2.0', id: 'restore', method: 'initialize', params: initialize };
    const response = await this.transport.handleRequest(request as Request, { parsedBody });
    await response.text();
    if (level !== undefined) this.connection?.setLevel(level);
  }

  /** A client that opens its stream again has lost the old one, though nobody may have told this side. */
  private async respond(
    ...request: Parameters<WebStandardStreamableHTTPServerTransport['handleRequest']>
  ): Promise<Response> {
    const response = await this.transport.handleRequest(...request);
    // The SDK's word for a second standalone stream.
    if (response.status !== 409) return response;
    this.transport.closeStandaloneSSEStream();
    this.standaloneStream = undefined;
    this.onReplaced?.();
    return this.transport.handleRequest(...request);
  }

  private openStandalone(onEnd: (dropped: boolean) => void): (dropped: boolean) => void {
    const stream = Symbol('standalone');
    this.standaloneStream = stream;
    // Once the stream is on its way to the client.
    queueMicrotask(() => {
      if (this.shared === undefined) this.onStandalone?.();
      else void this.shared.hold();
    });
    return (dropped) => {
      onEnd(dropped);
      if (this.standaloneStream !== stream) return;
      this.standaloneStream = undefined;
      if (this.shared === undefined) this.onStandalone?.();
      else void this.shared.leave();
    };
  }

  /** The request that the client cancels may be answered at another place. */
  private passOnCancelled(body: unknown): void {
    const message = body as Partial<JSONRPCMessage & { method: string; params: { requestId?: RequestId } }> | null;
    if (message?.method !== 'notifications/cancelled' || this.shared === undefined) return;
    const request = message.params?.requestId;
    // No more than that: whatever else a client writes would travel through the engine to every place.
    const isId = typeof request === 'number' || (typeof request === 'string' && request.length <= longestToken);
    if (!isId || this.underWay.has(request)) return;
    this.shared.passOn({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: request } });
  }

  /** The SDK would send the answer to the first of two requests with one id on the stream of the second. */
  private refuseSecond(ids: readonly RequestId[]): Response | undefined {
    const second = ids.find((id) => this.underWay.has(id));
    if (second === undefined) return undefined;
    const id = shown(JSON.stringify(second));
    return refuse(400, rpcCode.invalidRequest, `A request with the id ${id} is under way. Use each id once.`);
  }

  private finish(ids: readonly RequestId[], dropped: boolean): void {
    for (const id of ids) {
      const listeners = this.underWay.get(id);
      this.underWay.delete(id);
      if (dropped) listeners?.forEach((listener) => listener());
    }
  }
}
