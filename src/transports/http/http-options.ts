import { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';

/** How much of a server one client may hold at once over HTTP. */
export interface ClientLimitOptions {
  /** Sessions. Beyond that, the client's own least recently used idle one makes room. Default 100. */
  readonly sessions?: number;
  /** Open responses: standalone streams, waits for results, and calls whose result has not been read. Default 200. */
  readonly streams?: number;
  /** Foreground calls that run, whether or not the client still waits for them. Default 100. */
  readonly calls?: number;
  /** Questions of foreground calls that wait for an answer. Default 100. */
  readonly questions?: number;
}

/** Limits for clients over HTTP. What exceeds one is refused with the JSON-RPC error -32029. */
export interface HttpLimitOptions {
  /** For all clients without an access token that have the same address; a /64 of IPv6 is one address. */
  readonly perAddress?: ClientLimitOptions & {
    /** Open tasks. Default 100. */
    readonly tasks?: number;
  };
  /** For all clients with an access token of one principal. For tasks see `docket.limits.openTasks`. */
  readonly perPrincipal?: ClientLimitOptions;
  /** For one session: streams by default 100, calls 50, questions 50. */
  readonly perSession?: Omit<ClientLimitOptions, 'sessions'> & {
    /** Open tasks. Default 1,000. */
    readonly tasks?: number;
  };
}

/** How a server is reached over HTTP, through `listen` and `fetch`. */
export interface HttpOptions {
  /** The names that the Host header may have, without a port. Required if other machines can reach the server. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call the server and read its responses, such as `'https://example.com'`. Default: pages of this machine. */
  readonly allowedOrigins?: readonly string[];
  /**
   * Names of further headers that web pages may send. They may always send those that MCP uses, `traceparent`, `tracestate`
   * and `docket.headers`. Default: none.
   */
  readonly allowedHeaders?: readonly string[];
  /** How long a session without an open stream or question is kept. Default `'1h'`. */
  readonly sessionTimeout?: Duration;
  /**
   * How many sessions are kept at once. Beyond that, the least recently used idle one makes room for a new one; while every
   * session has an open stream, new ones are refused. Default 1000.
   */
  readonly maximumSessions?: number;
  /**
   * Whether to keep nothing between requests, so that any process with the same docket serves any request of any client,
   * even after a restart. Tasks work as usual; their questions come on the stream that waits for the result. Whatever needs
   * a session does not work: there is no standalone stream, a foreground call can neither ask (`CLIENT_UNREACHABLE`) nor be
   * cancelled, and setting the log level has no effect. Default `false`.
   */
  readonly stateless?: boolean;
  /**
   * Which proxies in front of the server to believe when they name the address of a client in `X-Forwarded-For`: the number of
   * proxies, or a list of their addresses and networks (`'10.0.0.0/8'`; also `'loopback'`, `'linklocal'` and `'uniquelocal'`).
   * Default: none, so that all clients behind a proxy have its address.
   */
  readonly trustProxy?: number | readonly string[];
  /** How much of the server one client may hold. */
  readonly limits?: HttpLimitOptions;
}

/** The `http` options of a server: how it is reached, and what all its listeners and `fetch` share. */
export interface ServerHttpOptions extends HttpOptions {
  /**
   * How many bytes of request bodies the server holds at once. A request for whose body there is no room is refused with
   * 503 and `Retry-After`; a body that has been arriving for 2 seconds makes room for others. Default 67,108,864 (64 MiB).
   */
  readonly bodyBudget?: number;
  /** How long the body of a request may take to arrive. A slower one is refused with 408. Default `'30s'`. */
  readonly bodyTimeout?: Duration;
}

/** Names for networks, as in Express. */
export const namedNetworks: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** An address, a network or the name of one. */
export const Network = z.union([z.enum(Object.keys(namedNetworks)), z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: "expected an address, a network such as '10.0.0.0/8', or 'loopback'",
});

const count = z.int().min(1).optional();
const perClient = { sessions: count, streams: count, calls: count, questions: count };
const { sessions: _, ...perSession } = perClient;

/** The schema of the options that `listen` and `createServer` have in common. */
export const httpShape = {
  allowedHosts: z.array(z.string()).optional(),
  allowedOrigins: z.array(z.string()).optional(),
  allowedHeaders: z.array(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header')).optional(),
  sessionTimeout: z.custom<Duration>().optional(),
  maximumSessions: z.int().min(1).optional(),
  stateless: z.boolean().optional(),
  trustProxy: z.union([z.int().min(1), z.array(Network).min(1)]).optional(),
  limits: z
    .strictObject({
      perAddress: z.strictObject({ ...perClient, tasks: count }).optional(),
      perPrincipal: z.strictObject(perClient).optional(),
      perSession: z.strictObject({ ...perSession, tasks: count }).optional(),
    })
    .optional(),
};

/** The headers that web pages may send besides those of MCP. `passedOn`: those that travel to background calls. */
export const pageHeaders = ({ allowedHeaders = [] }: HttpOptions, passedOn: Iterable<string>): readonly string[] => [
  ...passedOn,
  ...allowedHeaders,
];

/** How much a client may hold at once. */
export type ShareLimits = Required<ClientLimitOptions>;

/** The limits for clients of an endpoint. */
export interface ClientLimits {
  readonly perAddress: ShareLimits & { readonly tasks: number };
  readonly perPrincipal: ShareLimits;
  readonly perSession: Omit<ShareLimits, 'sessions'> & { readonly tasks: number };
}

const usual: ShareLimits = { sessions: 100, streams: 200, calls: 100, questions: 100 };

/** The limits for clients that options ask for. */
export function clientLimitsOf({ limits: { perAddress, perPrincipal, perSession } = {} }: HttpOptions): ClientLimits {
  return {
    perAddress: { ...usual, tasks: 100, ...perAddress },
    perPrincipal: { ...usual, ...perPrincipal },
    perSession: { streams: 100, calls: 50, questions: 50, tasks: 1_000, ...perSession },
  };
}

/** How many sessions an endpoint keeps, and for how long. */
export interface SessionLimits {
  /** How long a session without an open stream is kept, in milliseconds. */
  readonly idleTimeout: number;
  /** How many sessions are kept at once. */
  readonly maximum: number;
}

/** Whether an endpoint keeps sessions, within limits, or serves each request by itself. */
export type SessionMode = 'stateless' | SessionLimits;

/**
 * The session mode that options ask for; `where` names them in errors.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` for an invalid `sessionTimeout`.
 */
export function sessionModeOf(
  { stateless, sessionTimeout = '1h', maximumSessions = 1_000 }: HttpOptions,
  where: string,
): SessionMode {
  if (stateless === true) return 'stateless';
  return { idleTimeout: toMilliseconds(sessionTimeout, `${where}: sessionTimeout`), maximum: maximumSessions };
}

/** Whether options limit sessions only if there are any. */
export const isConsistent = ({ stateless, sessionTimeout, maximumSessions }: HttpOptions): boolean =>
  stateless !== true || (sessionTimeout ?? maximumSessions) === undefined;

/** The error for options that are not {@link isConsistent consistent}. */
export const inconsistent = 'a stateless listener has no sessions, so leave out sessionTimeout and maximumSessions';
