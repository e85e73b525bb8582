/** One of the things that are compared: runs `count` operations. */
export interface Contender {
  readonly name: string;
  run(count: number): Promise<void>;
}

/** What was measured: operations per second of each, and how the first stands to the second. */
export interface Comparison {
  readonly ours: number;
  readonly theirs: number;
  /** Time of ours divided by time of theirs; below 1 is faster. */
  readonly timeRatio: number;
}

/** How many operations one round has, and how many rounds are measured. */
export interface Effort {
  readonly count: number;
  readonly rounds: number;
}

const median = (values: number[]): number => {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};

/**
 * Measures two contenders in turns, so that whatever else the machine does meets both. The ratio is the median of the
 * ratios of neighbouring rounds.
 */
export async function sideBySide(ours: Contender, theirs: Contender, { count, rounds }: Effort): Promise<Comparison> {
  // Warm both up. Collecting garbage between rounds would also throw away compiled code, and measure its compilation.
  await timed(ours, count);
  await timed(theirs, count);
  const times: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    // Who goes first changes, so that what one leaves behind does not always burden the other.
    if (round % 2 === 0) {
      const first = await timed(ours, count);
      times.push({ ours: first, theirs: await timed(theirs, count) });
    } else {
      const first = await timed(theirs, count);
      times.push({ theirs: first, ours: await timed(ours, count) });
    }
  }
  return {
    ours: (count / median(times.map((time) => time.ours))) * 1_000,
    theirs: (count / median(times.map((time) => time.theirs))) * 1_000,
    timeRatio: median(times.map((time) => time.ours / time.theirs)),
  };
}

async function timed(contender: Contender, count: number): Promise<number> {
  const start = performance.now();
  await contender.run(count);
  return performance.now() - start;
}

/** Runs `count` operations, at most `width` of them at once. */
export async function atOnce(width: number, count: number, operation: () => Promise<unknown>): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (left-- > 0) await operation();
    }),
  );
}
