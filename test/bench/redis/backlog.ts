import type { ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import { atOnce } from '../side-by-side.js';
import { cpuOf, redisCpu } from './costs.js';
import { errandContestant } from './contenders.js';
import { head, row } from './table.js';
import { reached } from './throughput.js';
import { stopWorkers } from './worker-process.js';

const size = 100_000;
const part = 10_000;
/** So many more are there for the worker to warm up. */
const warmUp = 5_000;

/** Whether a task costs the same, however many are queued: the first ten thousand of a long line against the last. */
export async function backlog(url: string): Promise<void> {
  const contestant = errandContestant(url);
  const redis = new Redis(url);
  let worker: ChildProcess | undefined;
  const time = async (): Promise<number> => {
    const own = process.cpuUsage();
    const ours = worker ? await cpuOf(worker) : (own.user + own.system) / 1_000;
    return ours + (await redisCpu(redis));
  };
  const add = async (count: number): Promise<number> => {
    const before = await time();
    await atOnce(100, count, () => contestant.submit());
    return (await time()) - before;
  };
  const drain = async (from: number, to: number): Promise<number> => {
    const start = await reached(contestant, from);
    const before = await time();
    const end = await reached(contestant, to);
    return (((await time()) - before) / (start.left - end.left)) * part;
  };
  try {
    await add(warmUp);
    const start = performance.now();
    const firstAdded = await add(part);
    await add(size - 2 * part);
    const lastAdded = await add(part);
    const filled = performance.now();
    worker = await contestant.work(100);
    const firstRun = await drain(size, size - part);
    const lastRun = await drain(part, 0);
    const drained = performance.now();

    head('first 10k', 'last 10k');
    const compare = (what: string, first: number, last: number): void => {
      row(what, [perTask(first), perTask(last)], `${(last / first).toFixed(2)} times the cost (goal: 1.0)`);
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

/** Microseconds, from milliseconds for {@link part} tasks. */
const perTask = (milliseconds: number): number => (milliseconds / part) * 1_000;
