import { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';

/** How a server is reached over HTTP, by `listen` and by `fetch`. */
export interface HttpOptions {
  /** Names that the Host header may have, without port. Needed where others than this machine reach the server. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call and read the answers, such as `'https://example.com'`. Default: pages of this machine. */
  readonly allowedOrigins?: readonly string[];
  /** How long a session without an open stream or question is kept. Default `'1h'`. */
  readonly sessionTimeout?: Duration;
  /**
   * How many sessions are kept at once. Beyond it the idle one that was seen longest ago ends for a new one; when every
   * session has an open stream, new ones are refused. Default 1000.
   */
  readonly maximumSessions?: number;
  /**
   * Whether nothing is kept between requests, so that any process that works on the same docket serves any request of any
   * client, also after a restart. Tasks work as ever, their questions on the stream of `tasks/result`. What needs a
   * session does not: there is no standalone stream, a call in the foreground cannot ask (`CLIENT_UNREACHABLE`) nor be
   * cancelled, and `logging/setLevel` is taken without effect. Default `false`.
   */
  readonly stateless?: boolean;
}

/** The one place that says what these options may be. */
export const httpShape = {
  allowedHosts: z.array(z.string()).optional(),
  allowedOrigins: z.array(z.string()).optional(),
  sessionTimeout: z.custom<Duration>().optional(),
  maximumSessions: z.int().min(1).optional(),
  stateless: z.boolean().optional(),
};

/** How many sessions an endpoint keeps, and for how long. */
export interface SessionLimits {
  /** How long a session without an open stream is kept, in milliseconds. */
  readonly idleTimeout: number;
  /** How many sessions are kept at once. */
  readonly maximum: number;
}

/** How an endpoint serves: in sessions within limits, or each request by itself. */
export type SessionMode = 'stateless' | SessionLimits;

/** @throws {ErrandError} `OPTIONS_INVALID` for a timeout that is none; `where` names the options */
export function sessionModeOf(
  { stateless, sessionTimeout = '1h', maximumSessions = 1_000 }: HttpOptions,
  where: string,
): SessionMode {
  if (stateless === true) return 'stateless';
  return { idleTimeout: toMilliseconds(sessionTimeout, `${where}: sessionTimeout`), maximum: maximumSessions };
}

/** Sessions are bounded only where there are any. */
export const isConsistent = ({ stateless, sessionTimeout, maximumSessions }: HttpOptions): boolean =>
  stateless !== true || (sessionTimeout ?? maximumSessions) === undefined;

/** What is wrong with options that are not consistent. */
export const inconsistent = 'a stateless listener has no sessions, so leave out sessionTimeout and maximumSessions';
