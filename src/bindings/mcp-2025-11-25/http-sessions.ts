import { randomUUID } from 'node:crypto';
import { refuse } from '../../protocol/errors.js';
import type { Core } from '../core.js';
import { HttpSession, type HttpExchange, type HttpReply } from './http-session.js';

/** How often sessions are looked through for those that nobody uses, in milliseconds. */
const sweepInterval = 60_000;

/** How many sessions there may be, and for how long. */
export interface SessionLimits {
  /** How long a session without an open stream is kept, in milliseconds. */
  readonly idleTimeout: number;
  /** How many sessions are kept at once. */
  readonly maximum: number;
}

/** All sessions of a server over Streamable HTTP. */
export class HttpSessions {
  private readonly sessions = new Map<string, HttpSession>();
  private stopSweep: (() => void) | undefined;
  private draining = false;

  constructor(
    private readonly core: Core,
    private readonly limits: SessionLimits,
  ) {}

  /** Answers one request. Host and Origin have been checked, and the body parsed, before it comes here. */
  async handle(exchange: HttpExchange): Promise<HttpReply> {
    const id = exchange.request.headers.get('mcp-session-id');
    if (id !== null) {
      return (
        this.sessions.get(id)?.handle(exchange) ?? {
          response: refuse(404, -32001, 'Session not found. Initialize a new one.'),
        }
      );
    }
    if (exchange.request.method !== 'POST' || !isInitialize(exchange.body)) {
      return { response: refuse(400, -32000, 'The header Mcp-Session-Id is missing. Initialize a session first.') };
    }
    if (this.draining) return { response: refuse(503, -32000, 'The server is shutting down') };
    if (!this.makeRoom()) return { response: refuse(503, -32000, 'All sessions are in use. Try again later.') };
    const session = await HttpSession.open(randomUUID(), this.core, ({ id: closed }) => this.sessions.delete(closed));
    this.sessions.set(session.id, session);
    this.scheduleSweep();
    const reply = await session.handle(exchange);
    if (!reply.response.ok) await session.close();
    return reply;
  }

  /** Resolves when no foreground call is under way on any session. Calls and sessions that come meanwhile are refused. */
  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.sessions.values()].map((session) => session.drain()));
  }

  async close(): Promise<void> {
    this.stopSweep?.();
    this.stopSweep = undefined;
    await Promise.all([...this.sessions.values()].map((session) => session.close()));
  }

  /** Whether there is room for one more session: where there was none, the idle one that was seen longest ago goes. */
  private makeRoom(): boolean {
    if (this.sessions.size < this.limits.maximum) return true;
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

function isInitialize(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'method' in body && body.method === 'initialize';
}
