import { atOnce, sideBySide, type Comparison, type Contender, type Effort } from '../side-by-side.js';
import { bullContestant, errandContestant, type Contestant } from './contenders.js';
import { head, quantile, row } from './table.js';
import { stopWorkers } from './worker-process.js';

/** Submits, has it run in a process of its own, and knows the result: as many at once as the worker makes. */
async function endToEnd(url: string, concurrency: number, effort: Effort): Promise<Comparison> {
  const contestants = [errandContestant(url), bullContestant(url)] as const;
  const workers = await Promise.all(contestants.map((each) => each.work(concurrency)));
  const contender = (each: Contestant): Contender => ({
    name: each.name,
    run: (count) => atOnce(concurrency, count, async () => (await each.submit())()),
  });
  try {
    return await sideBySide(contender(contestants[0]), contender(contestants[1]), effort);
  } finally {
    await stopWorkers(...workers);
    await Promise.all(contestants.map((each) => each.close()));
  }
}

/** Tasks per second from a full queue, without the first and last tenth, when the worker starts and stops. */
async function drain(contestant: Contestant, concurrency: number, count: number): Promise<number> {
  await atOnce(100, count, () => contestant.submit());
  const worker = await contestant.work(concurrency);
  try {
    const start = await reached(contestant, count * 0.9);
    const end = await reached(contestant, count * 0.1);
    return ((start.left - end.left) / (end.at - start.at)) * 1_000;
  } finally {
    await stopWorkers(worker);
    await contestant.close();
  }
}

/** Waits until no more than `most` tasks are left; when that was, and how many were. */
export async function reached(contestant: Contestant, most: number): Promise<{ at: number; left: number }> {
  for (;;) {
    const left = await contestant.left();
    if (left <= most) return { at: performance.now(), left };
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Tasks per second against BullMQ. */
export async function throughput(url: string): Promise<void> {
  // What is compared are neighbouring rounds: the median of their ratios is not the ratio of the medians.
  head('errand/s', 'bullmq/s');
  // So many that both sides have been compiled when it counts, as they are after the first minute of a day.
  for (const [concurrency, count, goal] of [
    [1, 1_000, ''],
    [10, 2_000, ' (goal: at least 0.9)'],
    [100, 4_000, ' (goal: at least 0.9)'],
  ] as const) {
    const { ours, theirs, timeRatio } = await endToEnd(url, concurrency, { count, rounds: 7 });
    row(`submit, run, result; ${concurrency} at once${goal}`, [ours, theirs], tasks(1 / timeRatio));
  }
  for (const concurrency of [10, 100]) {
    const rounds: { ours: number; theirs: number }[] = [];
    while (rounds.length < 3) {
      const ours = await drain(errandContestant(url), concurrency, 4_000);
      rounds.push({ ours, theirs: await drain(bullContestant(url), concurrency, 4_000) });
    }
    const median = (of: (round: (typeof rounds)[number]) => number): number => quantile(rounds.map(of), 0.5);
    row(
      `run only, from a full queue; ${concurrency} at once`,
      [median(({ ours }) => ours), median(({ theirs }) => theirs)],
      tasks(median(({ ours, theirs }) => ours / theirs)),
    );
  }
}

const tasks = (ratio: number): string => `${ratio.toFixed(2)} times the tasks`;
