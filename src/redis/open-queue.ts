import type { OnError } from '../docket/engine/watchers.js';
import type { RedisTls } from './connection/tls.js';
import { withPeers } from './open-engine.js';

/** Which docket, and how to reach its Redis. */
export interface OpenQueueOptions {
  /** As `docket.url` of `createServer` takes it. */
  readonly url: string;
  /** The name of the docket: that of its server, unless `docket.name` says another. */
  readonly name: string;
  /** Whom an encrypted connection trusts. Default: whom Node.js trusts. */
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
  /** Ends the connection. */
  readonly close: () => Promise<void>;
}

/**
 * Opens BullMQ's queue of a docket, for tools that show queues, like Bull Board. Each of its jobs names an execution by its
 * key and holds nothing else of it; {@link openDocket} has the rest. Read only: the docket adds a job that was removed again,
 * and ignores one that it has not added.
 *
 * `Queue` is the type of BullMQ's queue, which this package does not need to be compiled: pass it where you use it.
 *
 * @throws {ErrandError} `DOCKET_PEER` where ioredis or bullmq is not installed; `DOCKET_URL`, `DOCKET_TLS`,
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
