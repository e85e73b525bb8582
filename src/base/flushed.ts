import type { Writable } from 'node:stream';

/**
 * Resolves once the system has accepted everything written to a stream so far, or the stream has closed. Pipes and
 * sockets accept only what their reader has room for, and `process.exit()` drops the rest. The reader may never read,
 * so bound the wait with `settlesWithin`.
 */
export function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) resolve();
    // Nothing may be written after the end.
    else if (stream.writableEnded) stream.once('finish', resolve).once('close', resolve);
    // Write callbacks run in order, and with an error when the write failed.
    else stream.write('', () => resolve());
  });
}
