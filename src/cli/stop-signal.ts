import { constants } from 'node:os';

/**
 * Resolves at the first Ctrl-C or SIGTERM; the second ends the process without waiting, with the exit code that shells
 * give to what a signal has ended.
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
