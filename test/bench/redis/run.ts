import { createRequire } from 'node:module';
import { startRedis } from '../../helpers/redis-server.js';
import { atOnce, sideBySide, type Comparison, type Contender } from '../side-by-side.js';
import { bullContestant, errandContestant, type Contestant } from './contenders.js';

const { version } = createRequire(import.meta.url)('bullmq/package.json') as { version: string };

/** Submits, has it run in a process of its own, and knows the result: as many at once as the worker makes. */
async function endToEnd(
  url: string,
  concurrency: number,
  effort: { count: number; rounds: number },
): Promise<Comparison> {
  const contestants = [errandContestant(url), bullContestant(url)] as const;
  const workers = await Promise.all(contestants.map((each) => each.work(concurrency)));
  const contender = (each: Contestant): Contender => ({
    name: each.name,
    run: (count) => atOnce(concurrency, count, async () => (await each.submit())()),
  });
  try {
    return await sideBySide(contender(contestants[0]), contender(contestants[1]), effort);
  } finally {
    for (const worker of workers) worker.disconnect();
    await Promise.all(contestants.map((each) => each.close()));
  }
}

/** The time from the start of a worker's process beside a full queue to its end, without the first and last tenth. */
async function drain(contestant: Contestant, concurrency: number, count: number): Promise<number> {
  await atOnce(100, count, () => contestant.submit());
  const worker = await contestant.work(concurrency);
  const at = async (left: number): Promise<readonly [number, number]> => {
    for (;;) {
      const now = await contestant.left();
      if (now <= left) return [performance.now(), now];
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  try {
    const [start, before] = await at(count * 0.9);
    const [end, after] = await at(count * 0.1);
    return ((before - after) / (end - start)) * 1_000;
  } finally {
    worker.disconnect();
    await contestant.close();
  }
}

const only = process.argv[2];
const redis = await startRedis();
console.log(`Node ${process.version}, BullMQ ${version}; each row measured side by side, in turns, in this run\n`);
try {
  for (const [concurrency, count, rounds] of [
    [1, 300, 9],
    [10, 2_000, 9],
    [100, 4_000, 9],
  ] as const) {
    if (only !== undefined && only !== 'drain' && Number(only) !== concurrency) continue;
    if (only !== 'drain') {
      const { ours, theirs, timeRatio } = await endToEnd(redis.url, concurrency, { count, rounds });
      console.log(
        `end to end at ${concurrency}: ${ours.toFixed(0)} ${theirs.toFixed(0)} ${(1 / timeRatio).toFixed(2)}`,
      );
    }
    if (concurrency > 1) {
      const ratios: string[] = [];
      for (let round = 0; round < 3; round++) {
        const ours = await drain(errandContestant(redis.url), concurrency, 20_000);
        const theirs = await drain(bullContestant(redis.url), concurrency, 20_000);
        ratios.push(`${ours.toFixed(0)}/${theirs.toFixed(0)}=${(ours / theirs).toFixed(2)}`);
      }
      console.log(`drain at ${concurrency}: ${ratios.join('  ')}`);
    }
  }
} finally {
  await redis.stop();
}
process.exit(0);
