import { systemClock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import { flushed } from '../base/flushed.js';

/** How long a command waits for its output to be read before it exits, in milliseconds, unless it says otherwise. */
const readersGrace = 10_000;

/** Keeps the command running when the reader of its output goes away. Unread output is lost. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** Ends the command when the reader of stdout goes away, as `head` does once it has enough. */
export function endWithReader(): void {
  process.stdout.on('error', () => void exitOnceRead());
}

/** Exits with `process.exitCode` once stdout and stderr have been read, after `grace` milliseconds at the latest. */
export async function exitOnceRead(grace = readersGrace): Promise<never> {
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => settlesWithin(flushed(stream), grace, systemClock)),
  );
  process.exit();
}
