import type { ChildProcess } from 'node:child_process';
import { freshName } from '../../helpers/redis-server.js';
import { head, quantile, row } from './table.js';
import { BenchJobs, benchServer, clock, type Place } from './work.js';
import { said, startWorker, stopWorkers } from './worker-process.js';

/** What dockets have by default, in milliseconds. */
const usualLease = 10_000;

/** From kill -9 of a worker in the middle of a call until another makes it again, in seconds. */
async function redeliveries(place: Place, samples: number): Promise<number[]> {
  const server = benchServer(place);
  const workers: ChildProcess[] = [];
  const times: number[] = [];
  try {
    while (times.length < samples) {
      while (workers.length < 2) workers.push(await startWorker('errand', place, 1));
      const holding = Promise.race(
        workers.map(async (worker) => {
          await said(worker, 'holding');
          return worker;
        }),
      );
      const execution = await server.docket.add(BenchJobs, 'hold');
      const holder = await holding;
      // Leases are renewed at intervals: a moment by chance shows more than the same one each time.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * (place.lease ?? usualLease)));
      const killed = clock();
      await stopWorkers(holder);
      workers.splice(workers.indexOf(holder), 1);
      times.push(((await execution.result()) - killed) / 1_000);
    }
    return times;
  } finally {
    await stopWorkers(...workers);
    await server.close();
  }
}

/** The default lease on four dockets, and a short one, at the same time: they mostly wait. */
export async function redelivery(url: string): Promise<void> {
  const short = 2_000;
  const dockets = Array.from({ length: 4 }, () => redeliveries({ url, name: freshName() }, 2));
  const quick = await redeliveries({ url, name: freshName(), lease: short }, 7);
  const usual = (await Promise.all(dockets)).flat();
  head('min', 'median', 'max');
  const show = (what: string, times: readonly number[], goal = ''): void => {
    row(
      `${what}, ${times.length} times, seconds`,
      [0, 0.5, 1].map((part) => quantile(times, part)),
      goal,
    );
  };
  show('kill -9 to the next run, default lease', usual, '(goal: 10 at the median, at most 20)');
  show(`kill -9 to the next run, lease of ${short / 1_000} s`, quick);
}
