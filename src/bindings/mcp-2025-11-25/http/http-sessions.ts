import { randomUUID } from 'node:crypto';
import { principalOf, type CurrentPrincipal } from '../../../call/principal.js';
import { ErrandError } from '../../../base/errors.js';
import { refuse } from '../../../protocol/errors.js';
import { addressOf } from '../../../protocol/json-rpc/shapes.js';
import type { Core } from '../../core.js';
import { largestBody } from '../../../transports/http/body-intake.js';
import type { Share, Shares } from '../../shares.js';
import {
  shuttingDown,
  type Admission,
  type HttpEndpoint,
  type HttpExchange,
  type HttpReply,
} from '../../../transports/http/http-exchange.js';
import { isInitialize } from '../initialize-request.js';
import { refuseInitialize, refuseMessages, sessionNotFound } from './http-messages.js';
import { HttpSession, type SessionSetup } from './http-session.js';
import type { SessionLimits } from '../../../transports/http/http-options.js';
import { readSharedClient } from './shared-session.js';

/** The bounds of the interval at which unused sessions are swept, in milliseconds. */
const longestSweep = 60_000;
const shortestSweep = 1_000;

/** The maximum size of an `initialize`, in bytes of JSON: sessions store its parameters, and tasks a part. */
const largestInitialize = 64 * 1024;

/** The form of the ids that {@link HttpSessions} makes. Others are not looked up. */
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A session to open. */
type Opening = Pick<SessionSetup, 'id' | 'owner' | 'known'> & { readonly address: string | undefined };

/** Makes the response if there is no session. A response can be sent only once. */
type Refusal = () => Response;

/**
 * The sessions of a listener over Streamable HTTP. Where the server has an engine, sessions are stored there: one that
 * began at another listener or process is served here as if it had begun here.
 */
export class HttpSessions implements HttpEndpoint {
  private readonly sessions = new Map<string, HttpSession>();
  /** Sessions from elsewhere that are being opened here. */
  private readonly attaching = new Map<string, Promise<HttpSession | Refusal>>();
  private stopSweep: (() => void) | undefined;
  /** Sessions that are being opened count already. */
  private opening = 0;
  private draining = false;

  constructor(
    private readonly core: Core,
    private readonly limits: SessionLimits,
    private readonly shares: Shares,
  ) {}

  /** Without a session a client may only initialize one, which takes little. */
  async admit({ request, auth, address }: HttpExchange): Promise<Admission> {
    const id = request.headers.get('mcp-session-id');
    if (id === null) return { largest: largestInitialize };
    try {
      const session = await this.sessionOf(id, principalOf(auth), address);
      return typeof session === 'function' ? { refused: session() } : { largest: largestBody };
    } catch (error) {
      return { refused: this.unavailable(error) };
    }
  }

  async handle(exchange: HttpExchange): Promise<HttpReply> {
    try {
      const id = exchange.request.headers.get('mcp-session-id');
      return id === null ? await this.begin(exchange) : await this.serve(id, exchange);
    } catch (error) {
      return { response: this.unavailable(error) };
    }
  }

  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.sessions.values()].map((session) => session.drain()));
  }

  async close(): Promise<void> {
    this.draining = true;
    this.stopSweep?.();
    this.stopSweep = undefined;
    await Promise.all([...this.sessions.values()].map((session) => session.close()));
  }

  /** The session with this id, if it belongs to the principal. */
  private async sessionOf(
    id: string,
    principal: CurrentPrincipal,
    address: string | undefined,
  ): Promise<HttpSession | Refusal> {
    const session = this.sessions.get(id) ?? (await this.attach(id, principal, address));
    return typeof session === 'function' || session.owner.id === principal.id ? session : sessionNotFound;
  }

  /** The response while the docket, which stores the sessions, cannot be reached. Rethrows any other error. */
  private unavailable(error: unknown): Response {
    if (!ErrandError.is(error, 'DOCKET_UNAVAILABLE')) throw error;
    this.core.rareLog.write('error', 'A session could not be served', { error });
    return refuse(503, -32000, 'Sessions cannot be looked up at the moment. Try again later.');
  }

  private async serve(id: string, exchange: HttpExchange): Promise<HttpReply> {
    const session = await this.sessionOf(id, principalOf(exchange.auth), exchange.address);
    if (typeof session === 'function') return { response: session() };
    if (!(await session.keepAlive())) {
      await session.close();
      return { response: sessionNotFound() };
    }
    const reply = await session.handle(exchange);
    if (exchange.request.method === 'DELETE' && reply.response.ok) await session.end();
    return reply;
  }

  private async begin(exchange: HttpExchange): Promise<HttpReply> {
    const { request, body, auth, address } = exchange;
    if (request.method !== 'POST' || !isInitialize(body)) {
      const malformed = refuseMessages(body);
      if (malformed !== undefined) return { response: malformed };
      const { id, isAnswer } = addressOf(body);
      const message = 'The header Mcp-Session-Id is missing. Initialize a session first.';
      return { response: refuse(400, -32000, message, isAnswer ? null : id) };
    }
    const refused = refuseMessages(body) ?? refuseInitialize(body, this.core.rareLog);
    if (refused !== undefined) return { response: refused };
    const session = await this.open({ id: randomUUID(), owner: principalOf(auth), address });
    if (typeof session === 'function') return { response: session() };
    const { response, ...reply } = await session.handle(exchange);
    if (!response.ok) {
      await session.close();
      return { response, ...reply };
    }
    if (this.core.engine === undefined) return { response, ...reply };
    // The revision is negotiated once the response is there. The client may send its next request to another process.
    const answer = await response.text();
    try {
      await session.share((body as { params: Record<string, unknown> }).params);
    } catch (error) {
      await session.close();
      throw error;
    }
    return { response: new Response(answer, response), ...reply };
  }

  /** Opens a session that began elsewhere. That of another principal looks like none. */
  private attach(id: string, principal: CurrentPrincipal, address: string | undefined): Promise<HttpSession | Refusal> {
    const who = `${id} ${principal.id}`;
    let attaching = this.attaching.get(who);
    if (attaching === undefined) {
      attaching = this.find(id, principal, address).finally(() => this.attaching.delete(who));
      this.attaching.set(who, attaching);
    }
    return attaching;
  }

  private async find(
    id: string,
    principal: CurrentPrincipal,
    address: string | undefined,
  ): Promise<HttpSession | Refusal> {
    const { engine } = this.core;
    const stored = idPattern.test(id) ? await engine?.sessions.find(id) : undefined;
    const client = stored && readSharedClient(stored.client);
    if (client === undefined || stored?.owner !== principal.id) return sessionNotFound;
    return this.open({ id, owner: principal, known: client, address });
  }

  /** Opens a session, or returns the refusal if that is impossible. */
  private async open(setup: Opening): Promise<HttpSession | Refusal> {
    if (this.draining) return shuttingDown;
    const { owner, address } = setup;
    const client = this.shares.of(owner, address);
    // Whoever has too many sessions makes room among their own.
    let reached = client.take('sessions');
    if (reached !== undefined && this.dismissIdle(client)) reached = client.take('sessions');
    if (reached !== undefined) return () => reached.toResponse();
    if (this.sessions.size + this.opening >= this.limits.maximum && !this.dismissIdle()) {
      client.give('sessions');
      return () => refuse(503, -32000, 'All sessions are in use. Try again later.');
    }
    const share = client.ofSession(this.shares.limits.perSession);
    const account = { share, sender: () => this.shares.senderOf(owner, address) };
    const onClosed = (closed: HttpSession): void => {
      if (this.sessions.get(closed.id) === closed) this.sessions.delete(closed.id);
      closed.giveBack();
    };
    const { idleTimeout } = this.limits;
    this.opening++;
    const opened = HttpSession.open({ ...setup, idleTimeout, client, account }, this.core, onClosed);
    const session = await opened.finally(() => this.opening--);
    // A drain or close in the meantime did not see it.
    if (this.isDraining()) {
      await session.close();
      return shuttingDown;
    }
    this.sessions.set(session.id, session);
    this.scheduleSweep();
    return session;
  }

  /** Changes during an await, which the compiler cannot see. */
  private isDraining(): boolean {
    return this.draining;
  }

  /**
   * Makes room for one more session, of one client if given, and returns whether there is any. The least recently used session
   * without a stream goes; one with an open question goes only when there is no other.
   */
  private dismissIdle(client?: Share): boolean {
    let oldest: HttpSession | undefined;
    let isOldestIdle = false;
    for (const session of this.sessions.values()) {
      if (!session.isAway || (client !== undefined && session.client !== client)) continue;
      const { isIdle } = session;
      const isOlder = session.lastSeen < (oldest?.lastSeen ?? Infinity);
      if (isIdle === isOldestIdle ? isOlder : isIdle) [oldest, isOldestIdle] = [session, isIdle];
    }
    if (oldest === undefined) return false;
    this.sessions.delete(oldest.id);
    oldest.giveBack();
    void oldest.expire();
    return true;
  }

  /** A client that vanished without a DELETE must not keep its session forever. */
  private scheduleSweep(): void {
    // Often enough that a session with an open stream here is renewed before it counts as unused elsewhere.
    const pause = Math.min(longestSweep, Math.max(shortestSweep, this.limits.idleTimeout / 3));
    this.stopSweep ??= this.core.clock.schedule(pause, () => {
      this.stopSweep = undefined;
      const oldest = this.core.clock.now() - this.limits.idleTimeout;
      for (const session of this.sessions.values()) {
        if (session.isIdle && session.lastSeen < oldest) void session.expire();
        else if (!session.isIdle) void this.keep(session);
      }
      if (this.sessions.size > 0) this.scheduleSweep();
    });
  }

  /** A session with an open stream is in use even without requests. */
  private async keep(session: HttpSession): Promise<void> {
    if (!(await session.keepAlive())) await session.close();
  }
}
