import type { OnError } from '../docket/engine/watchers.js';
import type { RedisTls } from './connection/tls.js';
import { withPeers } from './open-engine.js';

/** Options of {@link openQueue}. */
export interface OpenQueueOptions {
  /** The URL of the Redis, in the form of `docket.url` of `createServer`. */
  readonly url: string;
  /** The name of the docket: its server's `docket.name`, or else its server's name. */
  readonly name: string;
  /** Options of an encrypted connection. Default: those of Node.js. */
  readonly tls?: RedisTls;
  /** How long the start may take, in milliseconds. Default 5,000. */
  readonly deadline?: number;
  /** Receives errors of the connection after the start. Default: they are dropped. */
  readonly onError?: OnError;
}

/** BullMQ's queue of a docket, and its connection. */
export interface OpenedQueue<Queue> {
  /** BullMQ's `Queue`, which Bull Board takes. */
  readonly queue: Queue;
  /** Closes the connection. */
  readonly close: () => Promise<void>;
}

/**
 * Opens BullMQ's queue of a docket, for tools that show queues, such as Bull Board. Each job holds the key of an
 * execution and nothing else about it; {@link openDocket} has the rest. Treat the queue as read-only: the docket adds
 * removed jobs again, and ignores jobs that it did not add.
 *
 * `Queue` is the type of BullMQ's queue. Pass it yourself, because this package compiles without BullMQ.
 *
 * @throws {ErrandError} `DOCKET_PEER` if ioredis or bullmq is not installed; `DOCKET_URL`, `DOCKET_TLS`,
 * `DOCKET_UNAVAILABLE`
 *
 * @example
 * ```ts
 * import type { Queue } from 'bullmq';
 * import { openQueue } from 'errand/redis';
 *
 * const { queue, close } = await openQueue<Queue>({ url: 'redis://localhost:6379', name: 'reports' });
 * console.log(await queue.getJobCounts());
 * await close();
 * ```
 */
export async function openQueue<Queue = unknown>(options: OpenQueueOptions): Promise<OpenedQueue<Queue>> {
  const { openTicketQueue } = await withPeers(import('./queue/ticket-queue.js'));
  const opened = await openTicketQueue(options);
  return { queue: opened.queue as unknown as Queue, close: () => opened.close() };
}
