import type { ChildProcess } from 'node:child_process';
import { Queue, QueueEvents } from 'bullmq';
import type { ErrandServer } from 'errand';
import { Redis } from 'ioredis';
import { freshName } from '../../helpers/redis-server.js';
import { BenchJobs, benchServer, type Place } from './work.js';
import { startWorker } from './worker-process.js';

/** One who is given work in this process and does it in another. */
export interface Contestant {
  readonly name: 'errand' | 'bullmq';
  readonly place: Place;
  /** Adds one task; what it gives resolves when the result is known here: of `stamp`, when it began. */
  submit(job?: 'noop' | 'stamp'): Promise<() => Promise<unknown>>;
  /** How many have not ended. */
  left(): Promise<number>;
  /** Starts the worker's process. */
  work(concurrency: number): Promise<ChildProcess>;
  close(): Promise<void>;
}

/** Errand as its users have it: `docket.add` and `execution.result()`. */
export function errandContestant(url: string): Contestant & { readonly server: ErrandServer } {
  const place = { url, name: freshName() };
  const server = benchServer(place);
  const redis = new Redis(url, { lazyConnect: true });
  return {
    name: 'errand',
    place,
    server,
    submit: async (job = 'noop') => {
      const execution = await server.docket.add(BenchJobs, job);
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
    place,
    submit: async (name = 'noop') => {
      const job = await queue.add(name, {});
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
