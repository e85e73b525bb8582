import { longestTimer } from '../base/clock.js';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import { shown } from '../base/shown.js';
import type { Engine } from './engine/engine.js';
import { isTerminal, type ExecutionEnd } from './engine/record.js';

/** When to stop waiting. */
export interface WaitOptions {
  /** Default: as long as it takes. */
  readonly timeout?: Duration;
  /** Ends the wait when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * How an execution stands once it is terminal. The process stays alive as long as somebody waits.
 *
 * @param generation - the one that is waited for, where it must not be a later one under the same key
 * @throws {ErrandError} `EXECUTION_UNKNOWN` when there is no such record (any more), `EXECUTION_REPLACED` when a later one has
 * its key, `WAIT_TIMED_OUT` after the timeout,
 * `DOCKET_UNAVAILABLE` when the engine closes. Rejects with the signal's reason when that is aborted.
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
        // What was told of an earlier one under the key comes late.
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

/** A timer that keeps the process alive, and calls back after `limit` milliseconds where there is a limit. */
export function keepAlive(limit: number | undefined, onLimit: () => void): () => void {
  const timer =
    limit === undefined || limit > longestTimer
      ? setInterval(() => undefined, longestTimer)
      : setTimeout(onLimit, limit);
  return () => clearTimeout(timer);
}

/** Calls back when the signal is aborted. Gives what stops that. */
export function onAbort(signal: AbortSignal | undefined, reject: (reason: Error) => void): () => void {
  const abort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', abort, { once: true });
  return () => signal?.removeEventListener('abort', abort);
}

const notInTime = (key: string, limit: number | undefined): ErrandError =>
  new ErrandError(
    'WAIT_TIMED_OUT',
    `Execution '${shown(key)}' was not finished after ${limit} ms. It goes on; wait longer or cancel it.`,
  );

/** The engine was closed while somebody waited. */
export const closedMeanwhile = (key: string): ErrandError =>
  new ErrandError('DOCKET_UNAVAILABLE', `The docket was closed while '${shown(key)}' was waited for.`);

/** The one sentence for a key that nothing is known of. */
export function unknownExecution(key: string): ErrandError {
  return new ErrandError(
    'EXECUTION_UNKNOWN',
    `No execution has the key '${shown(key)}'. It was never added, or its record expired.`,
  );
}

/** What became of the execution of a generation that is not the current one. */
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
    `A later execution has the key '${shown(key)}' now. docket.get('${shown(key)}') gives that one.`,
  );
}
