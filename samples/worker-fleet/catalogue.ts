import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** How long the catalogue of an import is kept, in seconds: this is a sample, and cleans up after itself. */
const kept = 3_600;

/**
 * The database of the shop. It lies in the Redis of the docket, so that the sample needs no other; it could be any that all
 * workers reach. The framework knows nothing of it.
 */
export class Catalogue {
  // Connected when first used: a node that only serves never does.
  private readonly redis = new Redis(process.env.ERRAND_DOCKET_URL ?? 'redis://127.0.0.1:6379', { lazyConnect: true });

  /** Which suppliers are in, each with the worker that imported it. */
  importedBy(importId: string): Promise<Record<string, string>> {
    return this.redis.hgetall(keyOf(importId));
  }

  /** Imports the price list of one supplier. Doing it twice does no harm: the second time overwrites the first. */
  async import(importId: string, supplier: string, worker: string, signal: AbortSignal): Promise<void> {
    // A download that takes its time.
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
