import { systemClock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import { flushed } from '../base/flushed.js';

/** How long the readers of what a command printed may take to read it, in milliseconds, where the command does not say. */
const readersGrace = 10_000;

/** A reader that goes away must not crash the command: what it does not want is lost, and that is all. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** Ends the command when the reader of stdout goes away: it may have read enough. */
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
