import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Client } from 'errand/client';
import { Redis } from 'ioredis';
import { eventually } from '../../helpers/eventually.js';
import { atOnce } from '../side-by-side.js';
import { connectionsOf, cpuOf, memoryOf, redisCpu, redisMemory } from './costs.js';
import { errandContestant } from './contenders.js';
import { inTurns, percentiles, type Latencies } from './latency.js';
import { head, quantile, row } from './table.js';
import { startWorker, stopWorkers } from './worker-process.js';

const crowd = 10_000;

/** How long to look at what waiting costs: leases are renewed meanwhile. */
const look = 10_000;

interface Measured {
  readonly memory: NodeJS.MemoryUsage;
  readonly redis: number;
  readonly connections: number[];
}

/** What ten thousand calls cost that wait for an answer, and what they do to a new one. */
export async function waiting(url: string): Promise<void> {
  const redis = new Redis(url);
  // Each process has a user of its own, by whom its connections are told apart.
  for (const user of ['node', 'worker']) await redis.acl('SETUSER', user, 'on', 'nopass', '~*', '&*', '+@all');
  const as = (user: string): string => url.replace('//', `//${user}:any@`);
  const crowded = errandContestant(as('node'));
  const quiet = errandContestant(url);
  const workers: ChildProcess[] = [];
  let client: Client | undefined;
  try {
    const worker = await startWorker('errand', { ...crowded.place, url: as('worker') }, 100);
    workers.push(worker, await quiet.work(100));
    client = await connect(crowded.server, { onElicit: () => new Promise(() => undefined) });
    const ask = (count: number): Promise<void> =>
      atOnce(50, count, () => (client as Client).callTool('ask', {}, { task: true }));
    await ask(200);
    await inTurns([crowded, quiet], { count: 200, rounds: 1 });
    const measure = async (): Promise<Measured> => ({
      memory: await memoryOf(worker),
      redis: await redisMemory(redis),
      connections: await connectionsOf(redis, ['worker', 'node']),
    });
    const before = await measure();

    const start = performance.now();
    await ask(crowd);
    await eventually(
      async () => {
        const { openQuestions } = await crowded.server.docket.stats();
        if (openQuestions < crowd + 200) throw new Error(`Only ${openQuestions} calls wait`);
      },
      { timeout: 120_000 },
    );
    const seconds = (performance.now() - start) / 1_000;
    const after = await measure();

    head('in all', 'per call');
    row(`${crowd} calls until all wait, seconds and milliseconds`, [seconds, (seconds / crowd) * 1_000]);
    const size = (what: string, bytes: number): void => {
      row(what, [`${(bytes / 1e6).toFixed(1)} MB`, `${(bytes / 1e3 / crowd).toFixed(1)} kB`]);
    };
    size('memory of the worker, objects', after.memory.heapUsed - before.memory.heapUsed);
    size('memory of the worker, resident', after.memory.rss - before.memory.rss);
    size('memory of Redis', after.redis - before.redis);

    const [usedBefore, redisBefore] = [await cpuOf(worker), await redisCpu(redis)];
    await sleep(look);
    const share = (used: number): string => `${((used / look) * 100).toFixed(1)} %`;
    head('worker', 'redis');
    row('processor while they wait', [
      share((await cpuOf(worker)) - usedBefore),
      share((await redisCpu(redis)) - redisBefore),
    ]);

    head('worker', 'node');
    row('connections, none waits', before.connections);
    row(`connections, ${crowd} wait (goal: the same)`, after.connections);

    const [beside, alone] = (await inTurns([crowded, quiet], { count: 50, rounds: 20 })) as [Latencies, Latencies];
    head('beside p50', 'p99', 'alone p50', 'p99');
    const ratio = quantile(beside.toResult, 0.5) / quantile(alone.toResult, 0.5);
    row(
      `a new call beside ${crowd} that wait, milliseconds`,
      [...percentiles(beside.toResult), ...percentiles(alone.toResult)],
      `${ratio.toFixed(2)} times the time (p50; goal: 1.0)`,
    );
  } finally {
    await stopWorkers(...workers);
    await client?.close();
    await Promise.all([crowded.close(), quiet.close()]);
    redis.disconnect();
  }
}
