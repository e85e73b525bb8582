import { parseArgs } from 'node:util';
import { toWorkerSummary } from '../docket/listing.js';
import { docketOptions, withDocket } from './docket-access.js';
import { jsonLine, span, table } from './printing.js';

/** `errand workers`: who works on a docket. Gives the exit code. */
export async function workers(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { ...docketOptions, json: { type: 'boolean' } },
  });
  const found = await withDocket(values, async (engine) => (await engine.workers()).map(toWorkerSummary));
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
  return 0;
}
