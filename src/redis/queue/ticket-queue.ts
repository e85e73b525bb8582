import { Queue } from 'bullmq';
import { RedisConnections } from '../connection/connections.js';
import { prefixOf, queueName } from '../keys.js';
import type { RedisEngineOptions } from '../engine-options.js';
import type { Ticket } from './queue-jobs.js';

/** Which queue, and how to reach it. */
export type TicketQueueOptions = Pick<RedisEngineOptions, 'url' | 'tls' | 'name' | 'deadline' | 'onError'>;

/** BullMQ's queue of a docket. */
export interface TicketQueue {
  /** BullMQ's queue, as Bull Board takes it. */
  readonly queue: Queue<Ticket>;
  /** Ends its connection. */
  close(): Promise<void>;
}

/** @throws {ErrandError} `DOCKET_URL`, `DOCKET_TLS`, `DOCKET_UNAVAILABLE` */
export async function openTicketQueue(options: TicketQueueOptions): Promise<TicketQueue> {
  const { url, tls, name, deadline = 5_000, onError = () => undefined } = options;
  const ignore = (): void => undefined;
  const connections = new RedisConnections({ url, tls, deadline, onError, onReconnect: ignore, onWarning: ignore });
  await connections.start();
  const queue = new Queue<Ticket>(queueName, { connection: connections.commands, prefix: prefixOf(name) });
  queue.on('error', onError);
  return {
    queue,
    async close() {
      await queue.close();
      await connections.close();
    },
  };
}
