import { ErrandError } from '../../base/errors.js';
import { installCrashGuard } from '../../server/crash-guard.js';
import { processOf } from '../../server/process-contract.js';
import { sendConsoleToStderr } from '../../server/stdio.js';
import { monitorAt, onlyFile, readArguments, toPort } from '../arguments.js';
import { loadServer } from '../loading/load-server.js';
import { greeting } from '../greeting.js';
import { stopSignal } from '../stop-signal.js';
import { usages } from '../usages.js';

const usage = usages.run;

const options = {
  http: { type: 'string' },
  host: { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  stateless: { type: 'boolean' },
  'monitor-port': { type: 'string' },
  'monitor-host': { type: 'string' },
} as const;

/** `errand run <file>`: serves until the client is gone or somebody stops it, then drains and resolves. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(args, options, usage);
  const { http, host, 'allow-host': allowedHosts, stateless } = values;
  const file = onlyFile('run', positionals, usage);
  const port = http === undefined ? undefined : toPort('--http', http);
  if (port === undefined && (host ?? allowedHosts ?? stateless) !== undefined) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      '--host, --allow-host and --stateless are for HTTP. Give --http <port> as well.',
    );
  }
  const { 'monitor-port': monitorPort, 'monitor-host': monitorHost } = values;
  if (monitorPort === undefined && monitorHost !== undefined) {
    throw new ErrandError('OPTIONS_INVALID', '--monitor-host has nothing to bind. Give --monitor-port <port> as well.');
  }
  const monitor = monitorAt('--monitor-port', monitorPort, monitorHost);
  // The file may write to the console while it loads, which must not reach the protocol either.
  if (port === undefined) sendConsoleToStderr();
  const server = await loadServer(file);
  installCrashGuard(server);
  const stopped = stopSignal();
  try {
    // First, so that a port in use ends the server before it serves anyone.
    if (monitorPort !== undefined) await server.monitor(monitor);
    if (port === undefined) {
      // To a program that reads stderr it would only be noise.
      if (process.stdin.isTTY) process.stderr.write(greeting(server.name, file));
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
  // The server has already waited for its readers, for the other half of its grace.
  return processOf(server, 'errand run').grace / 2;
}
