import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { shown } from '../../../base/shown.js';
import type { CurrentPrincipal } from '../../../call/principal.js';
import { refuse, rpcCode } from '../../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { Unread } from '../../unread.js';
import { addressOf } from '../../../protocol/json-rpc/shapes.js';
import type { Core } from '../../core.js';
import type { ClientAccount, Share } from '../../shares.js';
import { longestToken } from '../component-requests.js';
import { Connection, type ConnectionOptions } from '../connection.js';
import { isStream, type HttpExchange, type HttpReply } from '../../../transports/http/http-exchange.js';
import { isInitialize } from '../initialize-request.js';
import {
  refuseBatch,
  isPoll,
  refuseMessages,
  requestIds,
  singleMessagesSince,
  withoutNeedlessStream,
  toSdkRequest,
} from './http-messages.js';
import { SharedSession, type SharedClient, type SharedSessionHost } from './shared-session.js';
import type { Streams } from '../streams.js';

/** How to open a session. */
export interface SessionSetup {
  readonly id: string;
  /** For any other principal there is no session with this id. */
  readonly owner: CurrentPrincipal;
  /** How long it is kept while unused, in milliseconds. */
  readonly idleTimeout: number;
  /** The introduction of its client, if it initialized at another process or listener. */
  readonly known?: SharedClient;
  /** The client's share of the server, this session included. */
  readonly client: Share;
  /** Its client as one of many, with what is held in this session, a part of that. */
  readonly account: ClientAccount;
}

/** A request whose response stream is open. */
interface OpenRequest {
  /** Called when the client drops the stream. */
  readonly onDropped: Set<() => void>;
  /** Of the stream, which the requests of a batch share. */
  readonly unread: Unread;
}

/**
 * One session over Streamable HTTP, as one listener serves it. The SDK's transport does not report dropped streams, and
 * sends on them silently; the host, which writes the body, knows.
 */
export class HttpSession implements Streams, SharedSessionHost {
  readonly single = false;
  readonly lasting = true;
  readonly silent = false;
  onStandalone?: () => void;
  onReplaced?: () => void;
  /** When the last request came, by the core's clock. */
  lastSeen: number;
  private readonly transport: WebStandardStreamableHTTPServerTransport;
  /** The requests whose response streams are open. */
  private readonly openRequests = new Map<RequestId, OpenRequest>();
  /** The latest standalone stream, while it is open. */
  private standaloneStream: Unread | undefined;
  private openStreams = 0;
  private stopping: Promise<void> | undefined;
  private connection: Connection | undefined;
  /** Undefined if the server has no engine, so that only this listener can serve the session. */
  private readonly shared: SharedSession | undefined;
  readonly id: string;
  readonly owner: CurrentPrincipal;
  readonly client: Share;
  private readonly held: Share;
  private isCounted = true;

  private constructor(
    { id, owner, client, account, idleTimeout }: SessionSetup,
    private readonly core: Core,
  ) {
    this.id = id;
    this.owner = owner;
    this.client = client;
    this.held = account.share;
    this.transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    this.lastSeen = core.clock.now();
    const { engine, clock, logger } = core;
    if (engine === undefined) return;
    this.shared = new SharedSession(engine, id, engine.newConnectionId(), idleTimeout, clock, logger, this);
  }

  /** Opens a session for a client that is about to initialize it, or has done so elsewhere. */
  static async open(setup: SessionSetup, core: Core, onClosed: (session: HttpSession) => void): Promise<HttpSession> {
    const session = new HttpSession(setup, core);
    const { shared } = session;
    const options: ConnectionOptions = {
      streams: session,
      session: setup.id,
      oneUser: !setup.owner.isAnonymous,
      account: setup.account,
      ...(shared !== undefined && {
        connectionId: shared.connectionId,
        onForeignAnswer: (message) => shared.forward(message),
        onLevel: (level) => shared.changeLevel(level),
      }),
    };
    const closed = (): void => {
      session.stopping = shared?.stop();
      onClosed(session);
    };
    session.connection = await Connection.open(core, session.transport, closed, options);
    try {
      await shared?.join(setup.known);
      if (setup.known !== undefined) await session.restore(setup.known);
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  /** Whether the standalone stream of the session is here. */
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

  /** Whether no question is open either, so that ending the session would lose nothing. */
  get isIdle(): boolean {
    return this.isAway && this.connection?.isAsking !== true;
  }

  isOpen(request: RequestId): boolean {
    return this.openRequests.has(request);
  }

  onDropped(request: RequestId, listener: () => void): () => void {
    const listeners = this.openRequests.get(request)?.onDropped;
    // It has already been dropped.
    if (listeners === undefined) listener();
    listeners?.add(listener);
    return () => void listeners?.delete(listener);
  }

  abandon(request: RequestId): void {
    // In a batch, other responses are due on the same stream.
    const isAlone = (this.connection?.client?.protocolVersion ?? '') >= singleMessagesSince;
    if (!isAlone) return;
    this.transport.closeSSEStream(request);
    // The SDK forgets a request only once answered. The answer cannot be sent on the ended stream, so the SDK rejects.
    this.transport.send({ jsonrpc: '2.0', id: request, result: {} }).catch(() => undefined);
  }

  unread(request: RequestId | undefined): Unread | undefined {
    return request === undefined ? this.standaloneStream : this.openRequests.get(request)?.unread;
  }

  async handle(exchange: HttpExchange): Promise<HttpReply> {
    const { request, body, auth } = exchange;
    this.lastSeen = this.core.clock.now();
    this.forwardCancellation(body);
    const negotiated = this.connection?.client?.protocolVersion;
    const malformed =
      (negotiated === undefined ? undefined : refuseBatch(exchange, negotiated)) ?? refuseMessages(body);
    if (malformed !== undefined) return { response: malformed };
    if (negotiated !== undefined && isInitialize(body)) return { response: alreadyInitialized(body) };
    const ids = requestIds(body);
    const duplicate = this.refuseDuplicate(ids);
    if (duplicate !== undefined) return { response: duplicate };
    const needsStream = request.method === 'GET' || (ids.length > 0 && !isPoll(body));
    const reached = needsStream ? this.held.take('streams') : undefined;
    if (reached !== undefined) return { response: reached.toResponse() };
    const unread = new Unread(this.core.clock, this.core.slowReaders);
    for (const id of ids) this.openRequests.set(id, { onDropped: new Set(), unread });
    const finish = (dropped: boolean): void => {
      this.finish(ids, dropped);
      if (needsStream) this.held.give('streams');
      unread.end();
    };
    let response: Response;
    try {
      const answered = this.respond(toSdkRequest(request), { parsedBody: body, ...(auth && { authInfo: auth }) });
      response = await withoutNeedlessStream(body, await answered);
    } catch (error) {
      finish(false);
      throw error;
    }
    if (!isStream(response)) {
      finish(false);
      return { response };
    }
    this.openStreams++;
    const onTaken = (bytes: number): void => unread.taken(bytes);
    const onEnd = (dropped: boolean): void => {
      this.openStreams--;
      this.lastSeen = this.core.clock.now();
      finish(dropped);
    };
    return { response, onTaken, onEnd: request.method === 'GET' ? this.openStandalone(unread, onEnd) : onEnd };
  }

  async drain(): Promise<void> {
    await this.connection?.drain();
  }

  /** From now on, it no longer counts for its client. */
  giveBack(): void {
    if (this.isCounted) this.client.give('sessions');
    this.isCounted = false;
  }

  /** Ends it here. Others may go on serving it. */
  async close(): Promise<void> {
    await this.connection?.close();
    await this.stopping;
  }

  /** Ends it here because it is unused; everywhere, if it is unused everywhere. */
  async expire(): Promise<void> {
    await this.shared?.expire();
    await this.close();
  }

  /** Ends it everywhere, at the request of its client. */
  async end(): Promise<void> {
    await this.shared?.end();
  }

  /** Marks it as in use. Resolves with `false` if it has ended elsewhere without notice. */
  async keepAlive(): Promise<boolean> {
    return this.shared === undefined || (await this.shared.keepAlive());
  }

  /** Shares it, so that any process can serve it. `params` are those of its `initialize`. */
  async share(params: Record<string, unknown>): Promise<void> {
    const { protocolVersion } = this.connection?.client ?? {};
    // The initialize was refused.
    if (protocolVersion === undefined) return;
    await this.shared?.save(this.owner.id, { initialize: { ...params, protocolVersion } });
  }

  onEnded(): void {
    void this.close();
  }

  onChanged({ level }: SharedClient): void {
    if (level !== undefined) this.connection?.setLevel(level);
  }

  onMessage(message: JSONRPCMessage): void {
    this.connection?.receive(message, this.owner.id);
  }

  onHolderChanged(): void {
    this.onStandalone?.();
  }

  async catchUp(tasks: readonly string[], servedElsewhere: boolean): Promise<void> {
    await this.connection?.catchUp(tasks, servedElsewhere);
  }

  /** Repeats the handshake, the only way to tell the SDK about a client. */
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

  /** A client that opens its standalone stream again has lost the old one, even if that went unnoticed here. */
  private async respond(
    ...request: Parameters<WebStandardStreamableHTTPServerTransport['handleRequest']>
  ): Promise<Response> {
    const response = await this.transport.handleRequest(...request);
    // The SDK refuses a second standalone stream.
    if (response.status !== 409) return response;
    this.transport.closeStandaloneSSEStream();
    this.standaloneStream = undefined;
    this.onReplaced?.();
    return this.transport.handleRequest(...request);
  }

  private openStandalone(stream: Unread, onEnd: (dropped: boolean) => void): (dropped: boolean) => void {
    this.standaloneStream = stream;
    // Not before the stream is on its way to the client.
    queueMicrotask(() => {
      if (this.shared === undefined) this.onStandalone?.();
      else void this.shared.holdStream();
    });
    return (dropped) => {
      const isLatest = this.standaloneStream === stream;
      if (isLatest) this.standaloneStream = undefined;
      onEnd(dropped);
      if (!isLatest) return;
      if (this.shared === undefined) this.onStandalone?.();
      else void this.shared.releaseStream();
    };
  }

  /** Forwards a cancellation: another connection of the session may be handling the request. */
  private forwardCancellation(body: unknown): void {
    const message = body as Partial<JSONRPCMessage & { method: string; params: { requestId?: RequestId } }> | null;
    if (message?.method !== 'notifications/cancelled' || this.shared === undefined) return;
    const request = message.params?.requestId;
    // Only the id: anything else that a client adds would travel through the engine to every connection.
    const isId = typeof request === 'number' || (typeof request === 'string' && request.length <= longestToken);
    if (!isId || this.openRequests.has(request)) return;
    this.shared.forward({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: request } });
  }

  /** The SDK would send the response to the first of two requests with the same id on the stream of the second. */
  private refuseDuplicate(ids: readonly RequestId[]): Response | undefined {
    const duplicate = ids.find((id) => this.openRequests.has(id));
    if (duplicate === undefined) return undefined;
    const id = shown(JSON.stringify(duplicate));
    return refuse(400, rpcCode.invalidRequest, `A request with the id ${id} is already in progress. Use each id once.`);
  }

  private finish(ids: readonly RequestId[], dropped: boolean): void {
    for (const id of ids) {
      const listeners = this.openRequests.get(id)?.onDropped;
      this.openRequests.delete(id);
      if (dropped) listeners?.forEach((listener) => listener());
    }
  }
}

function alreadyInitialized(body: unknown): Response {
  const message = 'This session has been initialized. Send an initialize without Mcp-Session-Id to begin another.';
  return refuse(400, rpcCode.invalidRequest, message, addressOf(body).id);
}
