import { longestTimer } from '../base/clock.js';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import { shown } from '../base/shown.js';
import type { Engine } from './engine/engine.js';
import { isTerminal, type ExecutionEnd } from './engine/record.js';

/** Options of `Execution.result`. */
export interface WaitOptions {
  /** How long to wait. Default: as long as it takes. */
  readonly timeout?: Duration;
  /** Aborts the wait. */
  readonly signal?: AbortSignal;
}

/**
 * Resolves when an execution has ended, and keeps the process alive until then.
 *
 * @param generation - waits for this execution only, and not for a later one with the same key
 * @throws {ErrandError} `EXECUTION_UNKNOWN` if there is no record, or it has expired; `EXECUTION_REPLACED` if a later
 * execution has the key; `WAIT_TIMED_OUT` after the timeout; `DOCKET_UNAVAILABLE` when the engine closes; or the signal's
 * reason.
 */
export async function waitForEnd(
  engine: Engine,
  key: string,
  { timeout, signal }: WaitOptions = {},
  generation?: number,
): Promise<ExecutionEnd> {
  signal?.throwIfAborted();
  const limit = timeout === undefined ? undefined : toMilliseconds(timeout, 'timeout');
  const stops: (() => void)[] = [];
  try {
    return await new Promise<ExecutionEnd>((resolve, reject) => {
      const see = (end: ExecutionEnd | undefined): void => {
        if (end === undefined || (generation !== undefined && end.generation !== generation)) {
          reject(goneExecution(key, generation, end));
        } else if (isTerminal(end.state)) {
          resolve(end);
        }
      };
      const hear = (end: ExecutionEnd | undefined): void => {
        // A late event of an earlier execution with this key.
        if (end === undefined || end.generation >= (generation ?? 0)) see(end);
      };
      const watching = engine.watchEnd(key, hear, generation);
      watching.then(({ now }) => see(now)).catch(reject);
      stops.push(
        () => void watching.then(({ unwatch }) => unwatch()).catch(() => undefined),
        engine.onClose(() => reject(closedMeanwhile(key))),
        keepAlive(limit, () => reject(notInTime(key, limit))),
        onAbort(signal, reject),
      );
    });
  } finally {
    for (const stop of stops) stop();
  }
}

/** Keeps the process alive, and calls back after `limit` milliseconds if there is a limit. Returns a function that stops it. */
export function keepAlive(limit: number | undefined, onLimit: () => void): () => void {
  const timer =
    limit === undefined || limit > longestTimer
      ? setInterval(() => undefined, longestTimer)
      : setTimeout(onLimit, limit);
  return () => clearTimeout(timer);
}

/** Calls back when the signal is aborted. Returns a function that stops listening. */
export function onAbort(signal: AbortSignal | undefined, reject: (reason: Error) => void): () => void {
  const abort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  return () => signal?.removeEventListener('abort', abort);
}

const notInTime = (key: string, limit: number | undefined): ErrandError =>
  new ErrandError(
    'WAIT_TIMED_OUT',
    `Execution '${shown(key)}' did not end within ${limit} ms and goes on. Wait longer, or cancel it.`,
  );

/** The error for a wait that the closing of the engine ends. */
export const closedMeanwhile = (key: string): ErrandError =>
  new ErrandError('DOCKET_UNAVAILABLE', `The docket was closed while waiting for '${shown(key)}'.`);

/** The error for a key without a record. */
export function unknownExecution(key: string): ErrandError {
  return new ErrandError(
    'EXECUTION_UNKNOWN',
    `No execution has the key '${shown(key)}'. It was never added, or its record has expired.`,
  );
}

/** The error for an execution that no longer has its key. */
export function goneExecution(
  key: string,
  generation: number | undefined,
  current: Pick<ExecutionEnd, 'generation'> | undefined,
): ErrandError {
  if (current === undefined || generation === undefined || current.generation < generation) {
    return unknownExecution(key);
  }
  return new ErrandError(
    'EXECUTION_REPLACED',
    `A later execution now has the key '${shown(key)}'. docket.get('${shown(key)}') returns that one.`,
  );
}
