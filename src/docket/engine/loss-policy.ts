import type { Outcome } from '../../call/outcome.js';

/** How many lost runs an execution may have. With one more it is taken for one that crashes its worker, and fails. */
export const mostLosses = 3;

/**
 * The worker deaths that isolate. An execution whose worker died this often while other calls ran beside it runs alone
 * from then on; with this many deaths within {@link crashWindow}, so do all executions of the component. No other call is
 * to die with the one that may have killed the worker.
 */
export const crashesUntilIsolated = 3;

/**
 * With this many deaths behind it an isolated execution is charged with the next one, even if its process also runs
 * foreground calls or another worker: one that really kills its worker must end.
 */
export const crashesUntilCharged = 9;

/** How long the death of a worker counts against the components that it ran, in milliseconds. */
export const crashWindow = 600_000;

/** The outcome of an execution that was lost more often than {@link mostLosses}. */
export function lostTooOften(subject: string): Outcome {
  const message = `${subject} was interrupted without an outcome more than ${mostLosses} times.`;
  return { error: { code: 'EXECUTION_LOST', message } };
}
