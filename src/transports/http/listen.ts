import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../../base/clock.js';
import { readOptions } from '../../base/read-options.js';
import type { Logger } from '../../base/logger.js';
import type { RareLog } from '../../base/rare-log.js';
import { refuse, rpcCode } from '../../protocol/errors.js';
import { statusCodeOf, type ServerHealth } from '../../telemetry/health.js';
import type { BodyIntake } from './body-intake.js';
import { ClientAddresses } from './client-address.js';
import { HostGuard, loopback } from './host-guard.js';
import type { HttpEndpoint } from './http-exchange.js';
import { HttpHandler, type IncomingRequest } from './http-handler.js';
import {
  httpShape,
  inconsistent,
  isConsistent,
  pageHeaders,
  clientLimitsOf,
  sessionModeOf,
  type ClientLimits,
  type HttpOptions,
  type SessionMode,
} from './http-options.js';
import { bind, GentleClose, urlOf, writeReply } from './node-http.js';

/** Options of `listen`. They default to the `http` options of `createServer`. */
export interface ListenOptions extends HttpOptions {
  /** Default: a free port. */
  readonly port?: number;
  /** The address to bind to. Default `'127.0.0.1'`, which only this machine can reach. An address that other machines can reach needs `allowedHosts`. */
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
  /** The URL for clients. */
  readonly url: string;
  /** The port it is bound to. */
  readonly port: number;
  /**
   * Frees the port at once, ends all sessions, and lets clients read their responses for at most half of the server's
   * grace. Then it ends the connections and resolves.
   */
  close(): Promise<void>;
  /** Refuses new calls. Resolves once no foreground call is running. */
  drain(): Promise<void>;
}

/** The server behind a listener. */
export interface ListeningServer {
  /** The defaults for the options of the listener. */
  readonly http: HttpOptions;
  readonly intake: BodyIntake;
  readonly rareLog: RareLog;
  /** The names of the headers that travel to background calls. */
  readonly docketHeaders: Iterable<string>;
  /** How long the body of a request may take to arrive, in milliseconds. */
  readonly bodyTimeout: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In milliseconds. */
  readonly grace: number;
  /** Makes the endpoint of the listener. */
  endpoint(mode: SessionMode, clients: ClientLimits): HttpEndpoint;
  /** Called when the listener closes. */
  onClosed(): void;
  /** Served at `/healthz`. */
  health(): Promise<ServerHealth>;
}

/** @throws {ErrandError} `LISTEN_REFUSED`, or `OPTIONS_INVALID` naming the option. */
export async function listen(options: ListenOptions, errand: ListeningServer): Promise<HttpListener> {
  const { clock, logger, grace, intake, rareLog } = errand;
  const { port, host, path, ...own } = readOptions(Options, options, 'listen');
  const http = { ...errand.http, ...own };
  const guard = new HostGuard(host, http.allowedHosts, http.allowedOrigins);
  const endpoint = errand.endpoint(sessionModeOf(http, 'listen'), clientLimitsOf(http));
  const allowedHeaders = pageHeaders(http, errand.docketHeaders);
  const addresses = new ClientAddresses(http.trustProxy, logger);
  const handler = new HttpHandler({ endpoint, guard, addresses, allowedHeaders, intake, log: rareLog, path });
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    // Before the guard: load balancers use addresses that nobody can predict, and the status gives nothing away.
    const isHealth = path !== healthPath && isHealthRequest(incoming);
    if (isHealth) writeHealth(await errand.health(), outgoing);
    else await writeReply(await handler.handle(toRequest(incoming, outgoing)), outgoing);
  };
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const answered = answer(incoming, outgoing).finally(() => {
      // The rest of a body that was refused is dropped: its client may read nothing before it has sent everything.
      if (!incoming.complete) incoming.resume();
    });
    answered.catch((error: unknown) => {
      const wasIncomplete = incoming.destroyed && !incoming.complete;
      if (wasIncomplete) logger.debug('A client went away before its request was complete', { error });
      else rareLog.write('error', 'An HTTP request failed', { error });
      if (outgoing.headersSent) outgoing.destroy();
      else void writeReply({ response: refuse(500, rpcCode.internalError, 'Internal error') }, outgoing);
    });
  };
  const server = createServer(handle);
  // A client that asks first sends nothing before its head has been accepted.
  server.on('checkContinue', handle);
  // The rest of a refused body is also received for no longer than this.
  server.requestTimeout = server.headersTimeout + errand.bodyTimeout;
  // Each pending response listens for the end of its connection, and a client may have many on one.
  server.on('connection', (connection) => connection.setMaxListeners(0));
  const closing = new GentleClose(server);
  const bound = await bind(server, port, host);
  return {
    url: `${urlOf(host, bound)}${path}`,
    port: bound,
    drain: () => endpoint.drain(),
    close: async () => {
      errand.onClosed();
      const cut = await closing.close(grace / 2, clock, () => endpoint.close());
      if (cut > 0) logger.warning('Clients did not read their answers within the grace', { connections: cut });
    },
  };
}

const healthPath = '/healthz';

function isHealthRequest({ method, url = '/' }: IncomingMessage): boolean {
  return (
    url.startsWith(healthPath) &&
    ['', '?'].includes(url.charAt(healthPath.length)) &&
    (method === 'GET' || method === 'HEAD')
  );
}

function toRequest(incoming: IncomingMessage, outgoing: ServerResponse): IncomingRequest {
  const { method = 'GET', url = '/' } = incoming;
  const headers = new Headers(incoming.headers as Record<string, string>);
  const body = { [Symbol.asyncIterator]: () => chunksOf(incoming, outgoing) };
  return { method, url: `http://${headers.get('host')}${url}`, headers, body, peer: incoming.socket.remoteAddress };
}

function chunksOf(incoming: IncomingMessage, outgoing: ServerResponse): AsyncIterator<Uint8Array> {
  if (incoming.headers.expect !== undefined) outgoing.writeContinue();
  // To destroy a request whose body is refused would leave its connection stuck.
  return incoming.iterator({ destroyOnReturn: false });
}

/** Only the status: the reason is not for everyone. */
function writeHealth(health: ServerHealth, outgoing: ServerResponse): void {
  outgoing.writeHead(statusCodeOf(health), { 'content-type': 'application/json', 'cache-control': 'no-store' });
  outgoing.end(JSON.stringify({ status: health.status }));
}
