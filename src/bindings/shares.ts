import { createHash } from 'node:crypto';
import { ErrandError } from '../base/errors.js';
import type { CurrentPrincipal } from '../call/principal.js';
import { ProtocolError, refuse, rpcCode } from '../protocol/errors.js';
import type { TaskSender } from '../tasks/submit.js';
import type { Meters } from '../telemetry/meters.js';
import type { ClientLimits, ShareLimits } from '../transports/http/http-options.js';

/** What one client can hold of a server. */
export type Held = keyof ShareLimits;

/** Whose share it is. */
type Holder = 'address' | 'principal' | 'session';

/** A limit of a share that has been reached. */
export class ReachedLimit {
  constructor(
    private readonly holder: Holder,
    private readonly held: Held,
    private readonly limit: number,
  ) {}

  get message(): string {
    const { holder, held, limit } = this;
    return `Your ${holder} has ${limit} ${names[held]}, as many as ${optionOf(holder)}.${held} allows. Try again when one has ended.`;
  }

  get name(): string {
    return `${this.holder}.${this.held}`;
  }

  /** The response to a request that would exceed the limit. */
  toResponse(): Response {
    const response = refuse(429, rpcCode.limitReached, this.message);
    response.headers.set('retry-after', '5');
    return response;
  }

  /** The JSON-RPC error for a request that would exceed the limit. */
  toProtocolError(): ProtocolError {
    return new ProtocolError(rpcCode.limitReached, this.message, { limit: this.limit, open: this.limit });
  }

  /** The error for a call whose question would exceed the limit. */
  toQuestionError(): ErrandError {
    return new ErrandError('QUESTION_LIMIT', this.message, { exposed: true });
  }
}

const names: Readonly<Record<Held, string>> = {
  sessions: 'sessions',
  streams: 'open streams',
  calls: 'running calls',
  questions: 'open questions',
};

const optionOf = (holder: Holder): string => `http.limits.per${holder.charAt(0).toUpperCase()}${holder.slice(1)}`;

/** What a client, or one of its sessions, holds of a server, and may hold. */
export class Share {
  private readonly holds: Record<Held, number> = { sessions: 0, streams: 0, calls: 0, questions: 0 };
  private total = 0;

  constructor(
    private readonly holder: Holder,
    private readonly limits: ShareLimits,
    private readonly meters: Meters,
    /** The share that this one is a part of. */
    private readonly whole?: Share,
    /** Called when something is held, and when nothing is any longer. */
    private readonly onUsed?: (share: Share, isUsed: boolean) => void,
  ) {}

  /** Takes one more, unless that exceeds a limit. Whoever takes must {@link Share.give give}. */
  take(held: Held): ReachedLimit | undefined {
    const limit = this.limits[held];
    if (this.holds[held] >= limit) {
      const reached = new ReachedLimit(this.holder, held, limit);
      this.meters.count('clientsLimited', { 'errand.limit': reached.name });
      return reached;
    }
    const reached = this.whole?.take(held);
    if (reached !== undefined) return reached;
    this.holds[held]++;
    if (++this.total === 1) this.onUsed?.(this, true);
    return undefined;
  }

  /** Gives one back. */
  give(held: Held): void {
    this.whole?.give(held);
    this.holds[held]--;
    if (--this.total === 0) this.onUsed?.(this, false);
  }

  /** The share of a session of this client. */
  ofSession(limits: Omit<ShareLimits, 'sessions'>): Share {
    return new Share('session', { ...limits, sessions: Infinity }, this.meters, this);
  }
}

/** A client over HTTP, as one of many. */
export interface ClientAccount {
  /** What it holds, as far as the connection takes from it. */
  readonly share: Share;
  /** The client, for the docket; undefined if nothing is known of it. */
  sender(): TaskSender | undefined;
}

/**
 * The shares of the clients of an endpoint. A client with an access token is its principal, wherever it is. One without is
 * its address: all that is known of it.
 */
export class Shares {
  private readonly clients = new Map<string, Share>();

  constructor(
    readonly limits: ClientLimits,
    private readonly meters: Meters,
  ) {}

  /** The share of a client; an unlimited one if nothing is known of it. */
  of(principal: CurrentPrincipal, address: string | undefined): Share {
    const id = clientOf(principal, address);
    if (id === undefined) return new Share('address', unlimited, this.meters);
    const known = this.clients.get(id);
    if (known !== undefined) return known;
    const { perAddress, perPrincipal } = this.limits;
    const [holder, limits] = principal.isAnonymous
      ? (['address', perAddress] as const)
      : (['principal', perPrincipal] as const);
    return new Share(holder, limits, this.meters, undefined, (share, isUsed) => {
      if (isUsed) this.clients.set(id, share);
      else this.clients.delete(id);
    });
  }

  /** A client, for the docket; undefined if nothing is known of it. */
  senderOf(principal: CurrentPrincipal, address: string | undefined): TaskSender | undefined {
    const { perAddress, perSession } = this.limits;
    const session = perSession.tasks;
    if (!principal.isAnonymous) return { client: principal.id, limits: { session } };
    if (address === undefined) return undefined;
    // The docket tells clients apart, and does not have to know where they are.
    const client = createHash('sha256').update(address).digest('base64url').slice(0, 22);
    return { client, limits: { session, client: perAddress.tasks } };
  }
}

/** Tells clients apart; undefined for one of which nothing is known. */
function clientOf(principal: CurrentPrincipal, address: string | undefined): string | undefined {
  return principal.isAnonymous ? address : principal.id;
}

const unlimited: ShareLimits = { sessions: Infinity, streams: Infinity, calls: Infinity, questions: Infinity };
