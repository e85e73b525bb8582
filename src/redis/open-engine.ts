import { ErrandError, messageOf } from '../base/errors.js';
import type { Engine } from '../docket/engine/engine.js';
import type { RedisEngineOptions } from './redis-engine.js';
import type { TicketQueue, TicketQueueOptions } from './queue/open-queue.js';

/**
 * Makes the engine that a server makes for the same URL and name, for tools that look after a docket without being a
 * server of it. Call its `start()` first, and its `close()` in the end.
 *
 * @example
 * ```ts
 * import { makeRedisEngine } from 'errand/redis';
 *
 * const engine = await makeRedisEngine({ url: 'redis://localhost:6379', name: 'reports' });
 * await engine.start();
 * console.log(await engine.health());
 * await engine.close();
 * ```
 *
 * @throws {ErrandError} `DOCKET_PEER` where ioredis or bullmq is not installed; `DOCKET_URL`, `DOCKET_TLS`, `OPTIONS_INVALID`
 */
export async function makeRedisEngine(options: RedisEngineOptions): Promise<Engine> {
  const { RedisEngine } = await withPeers(import('./redis-engine.js'));
  return new RedisEngine(options);
}

/**
 * Opens BullMQ's queue of a docket, for tools that show queues, like Bull Board. Its jobs are tickets: each names an
 * execution by its key, and whatever else is known stands in the record of that. Look, and change nothing: a ticket that is
 * removed comes back, and one that is added means nothing.
 *
 * @throws {ErrandError} `DOCKET_PEER` where ioredis or bullmq is not installed; `DOCKET_URL`, `DOCKET_TLS`,
 * `DOCKET_UNAVAILABLE`
 */
export async function openTicketQueue(options: TicketQueueOptions): Promise<TicketQueue> {
  const ticketQueue = await withPeers(import('./queue/open-queue.js'));
  return ticketQueue.openQueue(options);
}

/** The packages for Redis are installed by those who use it. */
async function withPeers<Module>(loading: Promise<Module>): Promise<Module> {
  try {
    return await loading;
  } catch (cause) {
    const missing = /Cannot find package '(ioredis|bullmq)'/.exec(messageOf(cause))?.[1];
    if (missing === undefined) throw cause;
    throw new ErrandError(
      'DOCKET_PEER',
      `The docket is on Redis, for which '${missing}' is not installed. Run: npm install ioredis bullmq`,
      { cause },
    );
  }
}
