import { randomUUID } from 'node:crypto';
import { principalOf, type CurrentPrincipal } from '../../call/principal.js';
import { refuse } from '../../protocol/errors.js';
import type { Core } from '../core.js';
import {
  isInitialize,
  sessionNotFound,
  shuttingDown,
  type HttpEndpoint,
  type HttpExchange,
  type HttpReply,
} from './http-exchange.js';
import { HttpSession } from './http-session.js';

/** How often sessions are looked through for those that nobody uses, in milliseconds. */
const sweepInterval = 60_000;

/** The largest `initialize`, in characters of JSON: a session keeps what its client says of itself, and so does each task. */
const largestInitialize = 64 * 1024;

/** How many sessions there may be, and for how long. */
export interface SessionLimits {
  /** How long a session without an open stream is kept, in milliseconds. */
  readonly idleTimeout: number;
  /** How many sessions are kept at once. */
  readonly maximum: number;
}

/** All sessions of a server over Streamable HTTP. */
export class HttpSessions implements HttpEndpoint {
  private readonly sessions = new Map<string, HttpSession>();
  private stopSweep: (() => void) | undefined;
  /** Those that are being opened, which count already. */
  private opening = 0;
  private draining = false;

  constructor(
    private readonly core: Core,
    private readonly limits: SessionLimits,
  ) {}

  async handle(exchange: HttpExchange): Promise<HttpReply> {
    const id = exchange.request.headers.get('mcp-session-id');
    const principal = principalOf(exchange.auth);
    if (id !== null) {
      const session = this.sessions.get(id);
      return session?.owner.id === principal.id ? session.handle(exchange) : { response: sessionNotFound() };
    }
    if (exchange.request.method !== 'POST' || !isInitialize(exchange.body)) {
      return { response: refuse(400, -32000, 'The header Mcp-Session-Id is missing. Initialize a session first.') };
    }
    if (JSON.stringify(exchange.body).length > largestInitialize) {
      return { response: refuse(413, -32000, `What initialize says is larger than ${largestInitialize} characters.`) };
    }
    if (this.draining) return { response: shuttingDown() };
    if (!this.makeRoom()) return { response: refuse(503, -32000, 'All sessions are in use. Try again later.') };
    const session = await this.open(principal);
    if (session === undefined) return { response: shuttingDown() };
    const reply = await session.handle(exchange);
    if (!reply.response.ok) await session.close();
    return reply;
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

  private async open(owner: CurrentPrincipal): Promise<HttpSession | undefined> {
    const onClosed = ({ id }: HttpSession): void => void this.sessions.delete(id);
    this.opening++;
    const session = await HttpSession.open(randomUUID(), owner, this.core, onClosed).finally(() => this.opening--);
    // Whoever drained or closed meanwhile did not see it.
    if (this.draining) {
      await session.close();
      return undefined;
    }
    this.sessions.set(session.id, session);
    this.scheduleSweep();
    return session;
  }

  /** Whether there is room for one more session: where there was none, the idle one that was seen longest ago goes. */
  private makeRoom(): boolean {
    if (this.sessions.size + this.opening < this.limits.maximum) return true;
    let oldest: HttpSession | undefined;
    for (const session of this.sessions.values()) {
      if (session.isIdle && session.lastSeen < (oldest?.lastSeen ?? Infinity)) oldest = session;
    }
    if (oldest === undefined) return false;
    this.sessions.delete(oldest.id);
    void oldest.close();
    return true;
  }

  /** A client that vanished without a DELETE must not keep its session for ever. */
  private scheduleSweep(): void {
    this.stopSweep ??= this.core.clock.schedule(sweepInterval, () => {
      this.stopSweep = undefined;
      const oldest = this.core.clock.now() - this.limits.idleTimeout;
      for (const session of this.sessions.values()) {
        if (session.isIdle && session.lastSeen < oldest) void session.close();
      }
      if (this.sessions.size > 0) this.scheduleSweep();
    });
  }
}
