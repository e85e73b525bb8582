import { ErrandError } from '../base/errors.js';
import { monitorAt, onlyFile, readArguments, type Command } from './arguments.js';
import { loadServer } from './load-server.js';
import { stopSignal } from './stop-signal.js';

const usage = `  errand worker <file>              work the docket of the file's server, which serves no clients here
             [--concurrency <n>]    make so many calls at once
             [--docket-url <url>]   the Redis of the docket, whatever file and environment say
             [--name <name>]        what logs and metrics call it; default: the machine and the process
             [--port <port>]        of /healthz, /livez and /metrics; default: 9464, or a free one where that is taken
             [--host <address>]     bind that port to another address than 127.0.0.1`;

const options = {
  concurrency: { type: 'string' },
  'docket-url': { type: 'string' },
  name: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
} as const;

/** `errand worker <file>`: works until somebody stops it, hands back what is under way, and resolves. */
export const workerCommand: Command = {
  usage,
  async run(args) {
    const { values, positionals } = readArguments(args, options, usage);
    const file = onlyFile('worker', positionals, usage);
    const { 'docket-url': url, name } = values;
    const concurrency = values.concurrency === undefined ? undefined : toCount('--concurrency', values.concurrency);
    const monitor = monitorAt('--port', values.port, values.host);
    const server = await loadServer(file);
    const stopped = stopSignal();
    try {
      server.asWorker(url === undefined ? {} : { url });
      // Before anything is taken: a port that is not free ends the worker before it has begun.
      await server.monitor(monitor);
      const working = server.startWorker({
        ...(name !== undefined && { name }),
        ...(concurrency !== undefined && { concurrency }),
      });
      await Promise.race([working, stopped]);
      await stopped;
    } finally {
      await server.close();
    }
  },
};

function toCount(option: string, text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new ErrandError('OPTIONS_INVALID', `${option} is ${JSON.stringify(text)}. Give a whole number of at least 1.`);
}
