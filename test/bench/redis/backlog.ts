import type { ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import { atOnce } from '../side-by-side.js';
import { cpuOf, redisCpu } from './costs.js';
import { errandContestant } from './contenders.js';
import { head, quantile, row } from './table.js';
import { reached } from './throughput.js';
import { stopWorkers } from './worker-process.js';

const size = 100_000;
const part = 10_000;
/** In so many slices each part is measured; the median counts, because the machine has other things to do. */
const slices = 10;
/** So many more are there for the worker to warm up. */
const warmUp = 5_000;

/** At one moment, the milliseconds that were used, and how many tasks were done. */
interface Sample {
  readonly time: number;
  readonly tasks: number;
}

/** Microseconds per task: the median of what lies between two samples. */
function perTask(samples: readonly Sample[]): number {
  const costs = samples.slice(1).map(({ time, tasks }, index) => {
    const before = samples[index] as Sample;
    return ((time - before.time) * 1_000) / (tasks - before.tasks);
  });
  return quantile(costs.filter(Number.isFinite), 0.5);
}

/** Whether a task costs the same, however many are queued: the first ten thousand of a long line against the last. */
export async function backlog(url: string): Promise<void> {
  const contestant = errandContestant(url);
  const redis = new Redis(url);
  let worker: ChildProcess | undefined;
  /** How much time of a processor the process that is measured and Redis have used. */
  const time = async (): Promise<number> => {
    const own = process.cpuUsage();
    const used = worker ? await cpuOf(worker) : (own.user + own.system) / 1_000;
    return used + (await redisCpu(redis));
  };
  const add = async (): Promise<Sample[]> => {
    const samples = [{ time: await time(), tasks: 0 }];
    while (samples.length <= slices) {
      await atOnce(100, part / slices, () => contestant.submit());
      samples.push({ time: await time(), tasks: samples.length * (part / slices) });
    }
    return samples;
  };
  const drain = async (from: number): Promise<Sample[]> => {
    const samples: Sample[] = [];
    while (samples.length <= slices) {
      await reached(contestant, from - samples.length * (part / slices));
      samples.push({ time: await time(), tasks: from - (await contestant.left()) });
    }
    return samples;
  };
  try {
    await atOnce(100, warmUp, () => contestant.submit());
    const start = performance.now();
    const firstAdded = await add();
    await atOnce(100, size - 2 * part, () => contestant.submit());
    const lastAdded = await add();
    const filled = performance.now();
    worker = await contestant.work(100);
    const firstRun = await drain(size);
    const lastRun = await drain(part);
    const drained = performance.now();

    head('first 10k', 'last 10k');
    const compare = (what: string, first: readonly Sample[], last: readonly Sample[]): void => {
      const [before, after] = [perTask(first), perTask(last)];
      row(what, [before, after], `${(after / before).toFixed(2)} times the cost (goal: 1.0)`);
    };
    compare(`add to a line that grows to ${size}, µs of processor`, firstAdded, lastAdded);
    compare(`run from a line of ${size}, µs of processor`, firstRun, lastRun);
    head('add/s', 'run/s');
    row(`${size} tasks`, [(size / (filled - start)) * 1_000, (size / (drained - filled)) * 1_000]);
  } finally {
    if (worker) await stopWorkers(worker);
    await contestant.close();
    redis.disconnect();
  }
}
