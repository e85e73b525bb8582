import { ErrandError } from '../base/errors.js';
import { sendConsoleToStderr } from '../server/stdio.js';
import { loadServer } from './load-server.js';

/** How to serve. */
export interface RunOptions {
  /** Serve over Streamable HTTP on this port instead of stdio. */
  readonly http?: string | undefined;
  /** The address to bind to. */
  readonly host?: string | undefined;
  /** The names by which clients come, beside those of this machine. */
  readonly 'allow-host'?: readonly string[] | undefined;
  /** Keep nothing between requests. */
  readonly stateless?: boolean | undefined;
}

/** `errand run <file>`: serves until the client is gone or somebody stops it, drains, and resolves. */
export async function run(file: string, options: RunOptions): Promise<void> {
  const { http, host, 'allow-host': allowedHosts, stateless } = options;
  const port = http === undefined ? undefined : toPort(http);
  if (port === undefined && (host ?? allowedHosts ?? stateless) !== undefined) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      '--host, --allow-host and --stateless are for HTTP. Give --http <port> as well.',
    );
  }
  // What a file prints while it loads must not reach the protocol either.
  if (port === undefined) sendConsoleToStderr();
  const server = await loadServer(file);
  const stopped = stopSignal();
  try {
    if (port === undefined) {
      await Promise.race([server.serveStdio(), stopped]);
    } else {
      const { url } = await server.listen({
        port,
        ...(host !== undefined && { host }),
        ...(allowedHosts !== undefined && { allowedHosts }),
        ...(stateless !== undefined && { stateless }),
      });
      process.stderr.write(`${server.name} listens on ${url}\n`);
      await stopped;
    }
  } finally {
    await server.close();
  }
}

function toPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `--http is ${JSON.stringify(text)}. Give a port from 0 (a free one) to 65535.`,
  );
}

/** Resolves at the first Ctrl-C or SIGTERM; the second ends the process without waiting. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (): void => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
