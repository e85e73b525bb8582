import type { Writable } from 'node:stream';

/**
 * Resolves once the system has taken all that was written to a stream so far, or nobody can take it any more. Pipes and
 * sockets take only as much as their reader has room for, and `process.exit()` drops the rest. A reader may never read:
 * bound the wait by `settlesWithin`.
 */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) resolve();
    // Nothing may be written after the end.
    else if (stream.writableEnded) stream.once('finish', resolve).once('close', resolve);
    // Called in the order of the writes, with an error where those fail.
    else stream.write('', () => resolve());
  });
}
