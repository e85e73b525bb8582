import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import type { Meters } from '../../telemetry/meters.js';
import { readOptions } from '../../base/read-options.js';
import { statusCodeOf, type ServerHealth } from '../../telemetry/health.js';
import { HostGuard, isLoopback, loopback } from '../../transports/http/host-guard.js';
import { bind, GentleClose, urlOf } from '../../transports/http/node-http.js';
import type { PrometheusMeters } from './prometheus.js';

/**
 * Where to serve the health and the metrics of a server. Metrics need the package `prom-client`; without it, `/metrics`
 * answers 501 and says what to install.
 */
export interface MonitorOptions {
  /** Default: 9464, or a free one if that is taken. */
  readonly port?: number;
  /** The address to bind to. Default `'127.0.0.1'`, which only this machine reaches. */
  readonly host?: string;
}

/** A port that serves health and metrics. */
export interface Monitor {
  /** Its URL, without a path. */
  readonly url: string;
  /** The port that it is bound to. */
  readonly port: number;
  /** Stops serving. Resolves when the port is free and clients have read their responses. */
  close(): Promise<void>;
}

/** The parts of a server that a monitor reports on. */
export interface Monitored {
  readonly meters: Meters;
  readonly logger: Logger;
  readonly clock: Clock;
  /** In milliseconds. When the monitor closes, clients have half of it to read their responses. */
  readonly grace: number;
  health(): Promise<ServerHealth>;
}

const Options = z.strictObject({
  port: z.int().min(0).max(65_535).optional(),
  host: z.string().min(1).default(loopback),
});

/** The port where scrapers look for OpenTelemetry metrics by default. */
const usualPort = 9_464;

/** How long a request may take to arrive, in milliseconds: it is a line and a few headers. */
const longestRequest = 5_000;

/** @throws {ErrandError} `LISTEN_REFUSED`, or `OPTIONS_INVALID` naming the option. */
export async function openMonitor(options: MonitorOptions, monitored: Monitored): Promise<Monitor> {
  const { port, host } = readOptions(Options, options, 'monitor');
  const prometheus = await makePrometheus(monitored.meters);
  // If other machines can reach the port, the Host header cannot be predicted: it may be the address of a pod.
  const guard = isLoopback(host) ? new HostGuard(host, undefined, undefined) : undefined;
  const timeouts = { headersTimeout: longestRequest, requestTimeout: longestRequest };
  const server = createServer({ ...timeouts, connectionsCheckingInterval: longestRequest }, (request, response) => {
    answer(request, { ...monitored, prometheus, guard })
      .catch((error: unknown) => {
        monitored.logger.error('A request for health or metrics failed', { error });
        return plain(500, 'Something failed; see the log.');
      })
      .then((reply) => write(response, reply))
      .catch(() => response.destroy());
  });
  const closing = new GentleClose(server);
  const bound = await (
    port === undefined
      ? bind(server, usualPort, host).catch((error: unknown) => {
          if (!isTaken(error)) throw error;
          return bind(server, 0, host);
        })
      : bind(server, port, host)
  ).catch((error: unknown) => {
    prometheus?.close();
    throw error;
  });
  return {
    url: urlOf(host, bound),
    port: bound,
    close: async () => {
      prometheus?.close();
      await closing.close(monitored.grace / 2, monitored.clock);
    },
  };
}

/** prom-client is optional: without it, health is served and metrics are not. */
async function makePrometheus(meters: Meters): Promise<PrometheusMeters | undefined> {
  try {
    const { PrometheusMeters } = await import('./prometheus.js');
    return new PrometheusMeters(meters);
  } catch (error) {
    if (/Cannot find package 'prom-client'/.test(messageOf(error))) return undefined;
    throw error;
  }
}

interface Answering extends Monitored {
  /** Absent if its package is not installed. */
  readonly prometheus: PrometheusMeters | undefined;
  readonly guard: HostGuard | undefined;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(request: IncomingMessage, monitored: Answering): Promise<Reply> {
  const { method = 'GET', url = '/', headers } = request;
  const { guard, prometheus } = monitored;
  if (guard?.refuse(new Headers(headers as Record<string, string>)) !== undefined) {
    return plain(403, 'Only programs on this machine are answered.');
  }
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET and HEAD are answered.');
  switch (url.split('?')[0]) {
    case '/livez':
      return json(200, { status: 'ok' });
    case '/healthz': {
      const health = await monitored.health();
      return json(statusCodeOf(health), health);
    }
    case '/metrics':
      if (prometheus === undefined) {
        return plain(
          501,
          "Metrics need the package 'prom-client', which is not installed. Run: npm install prom-client",
        );
      }
      return { status: 200, type: prometheus.contentType, body: await prometheus.text() };
    default:
      return plain(404, 'There is nothing here. Use /healthz, /livez or /metrics.');
  }
}

const plain = (status: number, text: string): Reply => ({ status, type: 'text/plain', body: `${text}\n` });

const json = (status: number, value: object): Reply => {
  return { status, type: 'application/json', body: JSON.stringify(value) };
};

function write(response: ServerResponse, { status, type, body }: Reply): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 && { allow: 'GET, HEAD' }),
    // The body of a refused request is not read.
    ...(status >= 400 && status < 500 && { connection: 'close' }),
  });
  response.end(body);
}

function isTaken(error: unknown): boolean {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  return cause?.code === 'EADDRINUSE';
}
