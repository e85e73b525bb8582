import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';
import { ErrandError } from '../../base/errors.js';
import type { Core } from '../../bindings/core.js';
import type { HttpEndpoint } from './http-exchange.js';
import { HttpSessions } from '../../bindings/mcp-2025-11-25/http/http-sessions.js';
import { StatelessRequests } from '../../bindings/mcp-2025-11-25/http/stateless-requests.js';
import { describeIssues } from '../../base/issues.js';
import { refuse } from '../../protocol/errors.js';
import { statusCodeOf, type ServerHealth } from '../../telemetry/health.js';
import { HostGuard, loopback } from './host-guard.js';
import { bind, GentleClose, readJson, urlOf, writeReply } from './node-http.js';

/** How to serve over Streamable HTTP. */
export interface ListenOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** The address to bind to. Default `'127.0.0.1'`, which only this machine reaches. */
  readonly host?: string;
  /** Default `'/mcp'`. */
  readonly path?: string;
  /** Names that the Host header may have, without port. Needed when `host` is not a loopback address. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages that may call and read the answers, such as `'https://example.com'`. Default: pages of this machine. */
  readonly allowedOrigins?: readonly string[];
  /** How long a session without an open stream is kept. Default `'1h'`. */
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

/** The one place that says what options may be, and what they are when not given. */
const Options = z
  .strictObject({
    port: z.int().min(0).max(65_535).default(0),
    host: z.string().min(1).default(loopback),
    path: z
      .string()
      .regex(/^\/[^?#]*$/, "expected a path such as '/mcp'")
      .default('/mcp'),
    allowedHosts: z.array(z.string()).optional(),
    allowedOrigins: z.array(z.string()).optional(),
    sessionTimeout: z.custom<Duration>().optional(),
    maximumSessions: z.int().min(1).optional(),
    stateless: z.boolean().default(false),
  })
  .refine(
    ({ stateless, sessionTimeout, maximumSessions }) => !stateless || (sessionTimeout ?? maximumSessions) === undefined,
    'a stateless listener has no sessions, so leave out sessionTimeout and maximumSessions',
  )
  .transform(({ sessionTimeout = '1h', maximumSessions = 1_000, ...given }) => ({
    ...given,
    sessions: { idleTimeout: toMilliseconds(sessionTimeout, 'listen: sessionTimeout'), maximum: maximumSessions },
  }));

/** A server that listens. */
export interface HttpListener {
  /** Where clients connect to. */
  readonly url: string;
  /** The port that it is bound to. */
  readonly port: number;
  /**
   * Frees the port at once, ends all sessions and lets clients read what they were answered, for half of the server's
   * grace at most. Then it ends the connections and resolves.
   */
  close(): Promise<void>;
  /** Resolves when no foreground call is under way. Calls that come meanwhile are refused. */
  drain(): Promise<void>;
}

/** Whose listener it is. */
export interface ListeningHost {
  /** The listener closes. */
  onClosed(): void;
  /** Told at `/healthz`. */
  health(): Promise<ServerHealth>;
}

/** What a page may send when its browser asks before. */
const preflight = {
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-allow-headers':
    'content-type, accept, authorization, mcp-session-id, mcp-protocol-version, last-event-id',
};

/** @throws {ErrandError} `LISTEN_REFUSED`, or `OPTIONS_INVALID` naming the option. */
export async function listen(core: Core, options: ListenOptions, host: ListeningHost): Promise<HttpListener> {
  const given = Options.safeParse(options);
  if (!given.success) throw new ErrandError('OPTIONS_INVALID', `listen: ${describeIssues(given.error)}.`);
  const { port, host: address, path, allowedHosts, allowedOrigins, sessions, stateless } = given.data;
  const guard = new HostGuard(address, allowedHosts, allowedOrigins);
  const endpoint = stateless ? new StatelessRequests(core) : new HttpSessions(core, sessions);
  const server = createServer((request, response) => {
    answer(request, response, { endpoint, guard, path, health: () => host.health() }).catch((error: unknown) => {
      if (request.destroyed && !request.complete) core.logger.debug('A client went away while it sent', { error });
      else core.logger.error('An HTTP request failed', { error });
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  // Each answer under way wants to know when its connection is gone, and a client may ask much at once on one.
  server.on('connection', (connection) => connection.setMaxListeners(0));
  const closing = new GentleClose(server);
  const bound = await bind(server, port, address);
  return {
    url: `${urlOf(address, bound)}${path}`,
    port: bound,
    drain: () => endpoint.drain(),
    close: async () => {
      host.onClosed();
      const cut = await closing.close(core.grace / 2, core.clock, () => endpoint.close());
      if (cut > 0) core.logger.warning('Clients did not read their answers within the grace', { connections: cut });
    },
  };
}

interface Answering extends Pick<ListeningHost, 'health'> {
  readonly endpoint: HttpEndpoint;
  readonly guard: HostGuard;
  readonly path: string;
}

/** No more than the status: why it is so is nobody's affair out there. */
function tellHealth(health: ServerHealth, outgoing: ServerResponse): void {
  outgoing.writeHead(statusCodeOf(health), { 'content-type': 'application/json', 'cache-control': 'no-store' });
  outgoing.end(JSON.stringify({ status: health.status }));
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { endpoint, guard, path, health }: Answering,
): Promise<void> {
  const { method = 'GET', url = '/' } = incoming;
  const asked = url.split('?')[0];
  // Before the guard: load balancers ask by addresses that nobody can tell beforehand, and it gives nothing away.
  if (asked === '/healthz' && path !== asked && (method === 'GET' || method === 'HEAD')) {
    tellHealth(await health(), outgoing);
    return;
  }
  const headers = new Headers(incoming.headers as Record<string, string>);
  const crossOrigin = guard.crossOrigin(headers);
  if (crossOrigin !== undefined) outgoing.setHeaders(new Map(Object.entries(crossOrigin)));
  const refused =
    guard.refuse(headers) ?? (asked === path ? undefined : refuse(404, -32000, `There is nothing here. Use ${path}.`));
  if (refused !== undefined) return writeReply({ response: refused }, outgoing);
  if (method === 'OPTIONS' && crossOrigin !== undefined) {
    outgoing.writeHead(204, preflight).end();
    return;
  }
  // The SDK reads no more of a request than this when it is handed the parsed body.
  const request: unknown = { method, url: `http://${headers.get('host')}${url}`, headers };
  const body = method === 'POST' ? await readJson(incoming) : undefined;
  if (body !== undefined && 'refused' in body) return writeReply({ response: body.refused }, outgoing);
  await writeReply(
    await endpoint.handle({ request: request as Request, ...(body !== undefined && { body: body.json }) }),
    outgoing,
  );
}
