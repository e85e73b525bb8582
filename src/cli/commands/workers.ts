import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import { readArguments } from '../arguments.js';
import { docketOptions, withDocket } from '../docket-access.js';
import { endWithReader } from '../exit.js';
import { jsonLine, span, table } from '../printing.js';
import { usages } from '../usages.js';

const usage = usages.workers;

/** `errand workers`: lists the live workers of a docket. */
export async function workersCommand(args: readonly string[]): Promise<undefined> {
  const { values, positionals } = readArguments(args, { ...docketOptions, json: { type: 'boolean' } }, usage);
  if (positionals.length > 0) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `errand workers takes no names, and was given ${shown(positionals.join(', '))}.\nUsage:\n${usage}`,
    );
  }
  endWithReader();
  const found = await withDocket(values, (docket) => docket.workers());
  if (values.json === true) {
    for (const worker of found) process.stdout.write(jsonLine(worker));
  } else if (found.length === 0) {
    process.stderr.write('No worker is alive.\n');
  } else {
    const rows = found.map(
      ({ name, version = '', host, pid, concurrency, running, waiting, startedAt, components }) => [
        name,
        version,
        host,
        String(pid),
        `${running}/${concurrency}`,
        String(waiting),
        span(Date.now() - startedAt.getTime()),
        components.join(' '),
      ],
    );
    const headings = ['NAME', 'VERSION', 'HOST', 'PID', 'RUNNING', 'WAITING', 'UP', 'COMPONENTS'];
    process.stdout.write(table(headings, rows, process.stdout.columns));
  }
}
