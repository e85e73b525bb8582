import { ErrandError } from '../base/errors.js';
import type { Engine } from './engine.js';
import { isTerminal, type ExecutionRecord } from './record.js';

/** When to stop waiting. */
export interface WaitLimits {
  /** Milliseconds; without it the wait is as long as it takes. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * The record of an execution once it is terminal.
 *
 * @throws {ErrandError} `EXECUTION_UNKNOWN` when there is no such record (any more), `WAIT_TIMED_OUT` after the timeout.
 * Rejects with the signal's reason when that is aborted.
 */
export async function waitForEnd(engine: Engine, key: string, limits: WaitLimits = {}): Promise<ExecutionRecord> {
  const { timeout, signal } = limits;
  signal?.throwIfAborted();
  let stop = (): void => undefined;
  const ended = new Promise<ExecutionRecord>((resolve, reject) => {
    const stops: (() => void)[] = [];
    stop = () => stops.forEach((each) => each());
    // Watching before reading: what happens in between is seen by one of the two.
    const watching = engine.watch({ key }, (event) => {
      if (event.type === 'state' && isTerminal(event.record.state)) resolve(event.record);
    });
    stops.push(
      () =>
        void watching.then(
          (unwatch) => unwatch(),
          () => undefined,
        ),
    );
    watching
      .then(() => engine.get(key))
      .then((record) => {
        if (record === undefined) reject(unknownExecution(key));
        else if (isTerminal(record.state)) resolve(record);
      })
      .catch(reject);
    if (timeout !== undefined) {
      const timer = setTimeout(() => {
        reject(
          new ErrandError(
            'WAIT_TIMED_OUT',
            `Execution '${key}' was not finished after ${timeout} ms. It goes on; wait longer or cancel it.`,
          ),
        );
      }, timeout);
      stops.push(() => clearTimeout(timer));
    }
    if (signal !== undefined) {
      const abort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      stops.push(() => signal.removeEventListener('abort', abort));
    }
  });
  try {
    return await ended;
  } finally {
    stop();
  }
}

/** The one sentence for a key that nothing is known of. */
export function unknownExecution(key: string): ErrandError {
  return new ErrandError(
    'EXECUTION_UNKNOWN',
    `No execution has the key '${key}'. It was never added, or its record expired.`,
  );
}
