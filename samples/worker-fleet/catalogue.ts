import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** How long the catalogue of an import is kept, in seconds. A sample should clean up after itself. */
const kept = 3_600;

/**
 * The database of the shop. It uses the Redis of the docket, so that the sample needs no other; it could be any database that
 * all workers can reach. The framework knows nothing about it.
 */
export class Catalogue {
  // Connects on first use, so a node that only serves never connects.
  private readonly redis = new Redis(process.env.ERRAND_DOCKET_URL ?? 'redis://127.0.0.1:6379', { lazyConnect: true });

  /** The imported suppliers, each with the worker that imported it. */
  importedBy(importId: string): Promise<Record<string, string>> {
    return this.redis.hgetall(keyOf(importId));
  }

  /** Imports the price list of one supplier. Idempotent: a second import overwrites the first. */
  async import(importId: string, supplier: string, worker: string, signal: AbortSignal): Promise<void> {
    // Simulates a slow download.
    await sleep(400, undefined, { signal });
    const key = keyOf(importId);
    await this.redis.multi().hset(key, supplier, worker).expire(key, kept).exec();
  }

  /** Called when the server closes. */
  dispose(): void {
    this.redis.disconnect();
  }
}

const keyOf = (importId: string): string => `worker-fleet-catalogue:${importId}`;
