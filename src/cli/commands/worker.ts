import { ErrandError } from '../../base/errors.js';
import { installCrashGuard } from '../../server/crash-guard.js';
import { shown } from '../../base/shown.js';
import { monitorAt, onlyFile, readArguments } from '../arguments.js';
import { loadServer } from '../loading/load-server.js';
import { stopSignal } from '../stop-signal.js';
import { usages } from '../usages.js';

const usage = usages.worker;

const options = {
  concurrency: { type: 'string' },
  'docket-url': { type: 'string' },
  name: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
} as const;

/** `errand worker <file>`: runs calls until somebody stops it, hands back those under way, and resolves. */
export async function workerCommand(args: readonly string[]): Promise<undefined> {
  const { values, positionals } = readArguments(args, options, usage);
  const file = onlyFile('worker', positionals, usage);
  const { 'docket-url': url, name } = values;
  const concurrency = values.concurrency === undefined ? undefined : toCount('--concurrency', values.concurrency);
  const monitor = monitorAt('--port', values.port, values.host);
  const server = await loadServer(file);
  installCrashGuard(server);
  const stopped = stopSignal();
  try {
    const working = server.work({
      monitor,
      ...(url !== undefined && { docketUrl: url }),
      ...(name !== undefined && { name }),
      ...(concurrency !== undefined && { concurrency }),
    });
    await Promise.race([working, stopped]);
    await stopped;
  } finally {
    await server.close();
  }
}

function toCount(option: string, text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${option} is ${shown(JSON.stringify(text))}. Give a whole number of at least 1.`,
  );
}
