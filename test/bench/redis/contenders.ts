import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { freshName } from '../../helpers/redis-server.js';
import { NoopJobs, noopServer, type Place } from './noop.js';

const jiti = createRequire(import.meta.url)
  .resolve('jiti/package.json')
  .replace(/package\.json$/, 'lib/jiti-cli.mjs');
const program = fileURLToPath(new URL('worker.ts', import.meta.url));

/** One who is given work in this process and does it in another. */
export interface Contestant {
  readonly name: 'errand' | 'bullmq';
  /** Adds one task; what it gives resolves when the result is known here. */
  submit(): Promise<() => Promise<unknown>>;
  /** How many have not ended. */
  left(): Promise<number>;
  /** Starts the worker's process. */
  work(concurrency: number): Promise<ChildProcess>;
  close(): Promise<void>;
}

async function startWorker(name: string, place: Place, concurrency: number): Promise<ChildProcess> {
  const child = fork(jiti, [program, name, place.url, place.name, String(concurrency)]);
  await once(child, 'message');
  return child;
}

/** Errand as its users have it: `docket.add` and `execution.result()`. */
export function errandContestant(url: string): Contestant {
  const place = { url, name: freshName() };
  const server = noopServer(place);
  const redis = new Redis(url);
  return {
    name: 'errand',
    submit: async () => {
      const execution = await server.docket.add(NoopJobs, 'noop');
      return () => execution.result();
    },
    left: async () => {
      const [waiting, active] = await Promise.all([
        redis.llen(`{errand:${place.name}}:tickets:wait`),
        redis.llen(`{errand:${place.name}}:tickets:active`),
      ]);
      return waiting + active;
    },
    work: (concurrency) => startWorker('errand', place, concurrency),
    close: async () => {
      await server.close();
      redis.disconnect();
    },
  };
}

/** BullMQ as its documentation shows it: `queue.add` and `job.waitUntilFinished`. */
export function bullContestant(url: string): Contestant {
  const place = { url, name: freshName() };
  const connections = [new Redis(url), new Redis(url, { maxRetriesPerRequest: null })] as const;
  const queue = new Queue(place.name, { connection: connections[0] });
  const events = new QueueEvents(place.name, { connection: connections[1] });
  queue.on('error', () => undefined);
  events.on('error', () => undefined);
  // Each job that is waited for listens.
  for (const each of [queue, events]) each.setMaxListeners(0);
  return {
    name: 'bullmq',
    submit: async () => {
      const job = await queue.add('noop', {});
      return () => job.waitUntilFinished(events);
    },
    left: async () => {
      const { waiting = 0, active = 0 } = await queue.getJobCounts('waiting', 'active');
      return waiting + active;
    },
    work: (concurrency) => startWorker('bullmq', place, concurrency),
    close: async () => {
      await Promise.allSettled([queue.close(), events.close()]);
      for (const connection of connections) connection.disconnect();
    },
  };
}
