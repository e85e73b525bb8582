import { constants } from 'node:os';

/**
 * Resolves at the first Ctrl-C or SIGTERM; the second ends the process without waiting, with the exit code by which
 * shells report a process that was ended by a signal.
 */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
      if (asked) process.exit(128 + constants.signals[signal]);
      asked = true;
      resolve();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
