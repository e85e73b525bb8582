import type { Outcome } from '../../call/outcome.js';

/** How many runs an execution may lose. After one more it is considered to crash its workers, and fails. */
export const mostLosses = 3;

/**
 * The number of worker deaths that leads to isolation. An execution that has lost this many workers while other calls
 * ran beside it runs alone from then on; after this many deaths within {@link crashWindow}, so do all executions of the
 * component. This keeps other calls from dying with the one that may have killed the worker.
 */
export const crashesUntilIsolated = 3;

/**
 * After this many deaths, an isolated execution is charged with the next one even if its process also runs foreground
 * calls or another worker. Otherwise one that does kill its workers would never end.
 */
export const crashesUntilCharged = 9;

/** How long a worker's death counts against the components it was running, in milliseconds. */
export const crashWindow = 600_000;

/** The outcome of an execution that was lost more often than {@link mostLosses}. */
export function lostTooOften(subject: string): Outcome {
  const message = `${subject} was interrupted without an outcome more than ${mostLosses} times.`;
  return { error: { code: 'EXECUTION_LOST', message } };
}
