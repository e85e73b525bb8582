import type { Clock } from './clock.js';

/** Cleans up when a call or a server ends. */
export type Disposer = () => unknown;

/**
 * Runs every disposer, one after the other and newest first, even when some throw.
 *
 * @throws AggregateError with all errors, in the order in which they occurred.
 */
export async function disposeAll(disposers: readonly Disposer[]): Promise<void> {
  const errors: unknown[] = [];
  for (let index = disposers.length - 1; index >= 0; index--) {
    try {
      await disposers[index]?.();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} of ${disposers.length} disposers failed`);
}

/** Whether `work` settles within `time` milliseconds. If `work` rejects in time, rejects with its error. */
export function settlesWithin(work: Promise<unknown>, time: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = clock.schedule(time, () => resolve(false));
    work.then(
      () => {
        stop();
        resolve(true);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}
