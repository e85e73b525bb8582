/** The time source of everything that waits, so that tests can turn the clock themselves. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * Calls `run` once after `delay` milliseconds (at once, but never synchronously, for 0 and less). The timer does not
   * keep the process alive. Returns what stops it.
   */
  schedule(delay: number, run: () => void): () => void;
}

/** setTimeout fires at once beyond this many milliseconds, so that a longer wait is made of several. */
export const longestTimer = 2 ** 31 - 1;

/** The clock of the machine. */
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
