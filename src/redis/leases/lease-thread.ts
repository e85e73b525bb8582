import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { parseAddress } from '../connection/address.js';
import type * as OpenRedis from '../connection/open-redis.js';
import type { RedisClient } from '../connection/open-redis.js';
import { times, type GuardData } from './lease-guard.js';

/** How many jobs one command looks at: Redis does nothing else meanwhile. */
const batchSize = 500;

/** With a shorter lease, in milliseconds, loading the client when it is needed would take too long. */
const shortLease = 5_000;

/** The main function of the thread of {@link LeaseGuard}. */
function guardLeases(data: GuardData): void {
  const { url, tls, prefix, node, lease, maxBlock, endsProcess } = data;
  const deadline = Math.ceil(lease / 3);
  const load = (): Promise<typeof OpenRedis> => import('../connection/open-redis.js');
  // The client is most of what a thread costs, and few processes ever need it.
  if (lease < shortLease) void load().catch(() => undefined);

  /** Exists while the event loop is blocked. */
  let connection: Promise<RedisClient> | undefined;
  const connect = async (): Promise<RedisClient> => {
    const { openRedis } = await load();
    const redis = openRedis(parseAddress(url), { tls, deadline, commandDeadline: deadline });
    // The process itself reports an outage.
    redis.on('error', () => undefined);
    await redis.connect();
    return redis;
  };
  const disconnect = (): void => {
    connection?.then(
      (redis) => redis.disconnect(),
      () => undefined,
    );
    connection = undefined;
  };

  const since = (which: number): number => Number(process.hrtime.bigint() - Atomics.load(data.times, which)) / 1e6;
  /** Runs a step on all active jobs, some at a time, and returns the replies. */
  const runOnActive = async (text: string, ...args: readonly (string | number)[]): Promise<unknown[]> => {
    const redis = await (connection ??= connect());
    const ids = await redis.lrange(data.active, 0, -1);
    const replies: unknown[] = [];
    for (let index = 0; index < ids.length; index += batchSize) {
      const batch = ids.slice(index, index + batchSize);
      const [reply] = (await redis.eval(text, 1, prefix, '', node, ...args, ...batch)) as unknown[];
      if (reply instanceof Error) throw reply;
      replies.push(reply);
    }
    return replies;
  };

  /** Returns the components of the runs. A busy machine may need more than one try. */
  const abandon = async (tries = 3): Promise<readonly unknown[]> => {
    try {
      return [...new Set((await runOnActive(data.abandon, endsProcess ? '1' : '0')).flat())];
    } catch {
      disconnect();
      return tries > 1 ? abandon(tries - 1) : [];
    }
  };

  let hasStopped = false;
  const stop = async (blocked: number): Promise<void> => {
    hasStopped = true;
    const components = await abandon();
    const what = endsProcess ? 'the process ends' : 'its executions are left to other workers';
    // A thread's console goes through the event loop that is blocked.
    const line = {
      time: new Date().toISOString(),
      level: 'error',
      message: `The event loop has been blocked for longer than docket.maxBlock, so ${what}`,
      blocked: Math.round(blocked),
      maxBlock,
      components,
      pid: process.pid,
    };
    writeSync(2, `${JSON.stringify(line)}\n`);
    // process.exit() would end only the thread, and the event loop hears no other signal.
    if (endsProcess && since(times.beat) > maxBlock) process.kill(process.pid, 'SIGKILL');
  };

  let isLooking = false;
  let renewedHere = 0;
  let lookedLast = performance.now();
  const look = async (): Promise<void> => {
    // If this thread was stopped as well, with its process or its machine, the event loop gets a turn before it is judged.
    const slept = performance.now() - lookedLast > lease;
    lookedLast = performance.now();
    if (slept) return;
    const blocked = since(times.beat);
    if (blocked <= maxBlock) hasStopped = false;
    else if (!hasStopped) return stop(blocked);
    else return;
    const isDue = since(times.renewed) >= lease / 2;
    if (blocked < lease / 8 && !isDue) {
      disconnect();
      return;
    }
    // In advance: connecting takes a moment.
    connection ??= connect();
    if (!isDue || performance.now() - renewedHere < lease / 3) return;
    renewedHere = performance.now();
    await runOnActive(data.renewOwn, lease);
  };
  setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    // A failure is tried again at the next look, on a new connection.
    void look()
      .catch(disconnect)
      .finally(() => (isLooking = false));
  }, lease / 8);
}

guardLeases(workerData as GuardData);
