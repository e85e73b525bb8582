import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import { describeIssues } from '../../base/issues.js';
import type { Logger } from '../../base/logger.js';
import { statusCodeOf, type ServerHealth } from '../../telemetry/health.js';
import { HostGuard, loopback } from './host-guard.js';
import type { HttpEndpoint } from './http-exchange.js';
import { HttpHandler } from './http-handler.js';
import {
  httpShape,
  inconsistent,
  isConsistent,
  sessionModeOf,
  type HttpOptions,
  type SessionMode,
} from './http-options.js';
import { bind, GentleClose, urlOf, writeReply } from './node-http.js';

/** How to listen for HTTP. Left out, what `createServer` says of `http` holds. */
export interface ListenOptions extends HttpOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** The address to bind to. Default `'127.0.0.1'`, which only this machine reaches; any other needs `allowedHosts`. */
  readonly host?: string;
  /** Default `'/mcp'`. */
  readonly path?: string;
}

const Options = z
  .strictObject({
    port: z.int().min(0).max(65_535).default(0),
    host: z.string().min(1).default(loopback),
    path: z
      .string()
      .regex(/^\/[^?#]*$/, "expected a path such as '/mcp'")
      .default('/mcp'),
    ...httpShape,
  })
  .refine(isConsistent, inconsistent);

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
  /** For what the options of the listener do not say. */
  readonly http: HttpOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In milliseconds. */
  readonly grace: number;
  /** Makes what answers the requests. */
  endpoint(mode: SessionMode): HttpEndpoint;
  /** The listener closes. */
  onClosed(): void;
  /** Answered at `/healthz`. */
  health(): Promise<ServerHealth>;
}

/** @throws {ErrandError} `LISTEN_REFUSED`, or `OPTIONS_INVALID` naming the option. */
export async function listen(options: ListenOptions, host: ListeningHost): Promise<HttpListener> {
  const given = Options.safeParse(options);
  if (!given.success) throw new ErrandError('OPTIONS_INVALID', `listen: ${describeIssues(given.error)}.`);
  const { port, host: address, path, ...own } = given.data;
  const http = { ...host.http, ...own };
  const guard = new HostGuard(address, http.allowedHosts, http.allowedOrigins);
  const endpoint = host.endpoint(sessionModeOf(http, 'listen'));
  const handler = new HttpHandler({ endpoint, guard, path });
  const server = createServer((request, response) => {
    answer(request, response, handler, path, host).catch((error: unknown) => {
      if (request.destroyed && !request.complete) host.logger.debug('A client went away while it sent', { error });
      else host.logger.error('An HTTP request failed', { error });
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
      const cut = await closing.close(host.grace / 2, host.clock, () => endpoint.close());
      if (cut > 0) host.logger.warning('Clients did not read their answers within the grace', { connections: cut });
    },
  };
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: HttpHandler,
  path: string,
  host: ListeningHost,
): Promise<void> {
  const { method = 'GET', url = '/' } = incoming;
  // Before the guard: load balancers ask by addresses that nobody can tell beforehand, and it gives nothing away.
  if (path !== '/healthz' && url.split('?')[0] === '/healthz' && (method === 'GET' || method === 'HEAD')) {
    answerHealth(await host.health(), outgoing);
    return;
  }
  const headers = new Headers(incoming.headers as Record<string, string>);
  const request = { method, url: `http://${headers.get('host')}${url}`, headers, body: incoming };
  await writeReply(await handler.handle(request), outgoing);
}

/** No more than the status: the reason is nobody's affair out there. */
function answerHealth(health: ServerHealth, outgoing: ServerResponse): void {
  outgoing.writeHead(statusCodeOf(health), { 'content-type': 'application/json', 'cache-control': 'no-store' });
  outgoing.end(JSON.stringify({ status: health.status }));
}
