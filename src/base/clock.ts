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
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      timer = setTimeout(
        () => {
          if (left > longestTimer) arm(left - longestTimer);
          else run();
        },
        Math.min(Math.max(left, 0), longestTimer),
      );
      timer.unref();
    };
    arm(delay);
    return () => clearTimeout(timer);
  },
};
