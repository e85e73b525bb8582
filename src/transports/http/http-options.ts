import { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';

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

/** The schema of the options that `listen` and `createServer` have in common. */
export const httpShape = {
  allowedHosts: z.array(z.string()).optional(),
  allowedOrigins: z.array(z.string()).optional(),
  allowedHeaders: z.array(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header')).optional(),
  sessionTimeout: z.custom<Duration>().optional(),
  maximumSessions: z.int().min(1).optional(),
  stateless: z.boolean().optional(),
};

/** The headers that web pages may send besides those of MCP. `passedOn`: those that travel to background calls. */
export const pageHeaders = ({ allowedHeaders = [] }: HttpOptions, passedOn: Iterable<string>): readonly string[] => [
  ...passedOn,
  ...allowedHeaders,
];

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
