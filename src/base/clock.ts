/** The source of time for everything that waits. Tests substitute their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Calls `run` once after `delay` milliseconds; with 0 or less, as soon as possible, but never synchronously. The
   * timer does not keep the process alive. Returns a function that stops it.
   */
  schedule(delay: number, run: () => void): () => void;
}

/** Longest delay that `setTimeout` takes, in milliseconds. It fires at once beyond that, so longer waits are split. */
export const longestTimer = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(delay, run) {
    if (delay > longestTimer) return scheduleInParts(delay, run);
    const timer = setTimeout(run, Math.max(delay, 0));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

function scheduleInParts(delay: number, run: () => void): () => void {
  let stop = (): void => undefined;
  stop = systemClock.schedule(longestTimer, () => {
    stop = systemClock.schedule(delay - longestTimer, run);
  });
  return () => stop();
}
