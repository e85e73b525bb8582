import { Cluster, type Redis } from 'ioredis';
import { ErrandError } from '../../base/errors.js';
import type { RedisClient } from './open-redis.js';

/** How often connections are looked at until a silent one counts as dead. */
const looksPerLimit = 5;

/** The state of a connection at the last look. */
interface Seen {
  /** How many bytes had come. */
  readonly read: number;
  /** How often in a row nothing had come since the look before. */
  silent: number;
}

/**
 * Replaces connections that have died without a sign, as behind a firewall that has forgotten them: their sockets stay open
 * and take every command, and no answer comes. A command without a deadline would wait for ever.
 *
 * A silent connection is asked for an answer. Silence is counted in looks instead of measured: between two of them the process
 * reads what has come, so one that was busy or suspended for long does not take its own silence for that of Redis.
 */
export class Liveness {
  /** Those that are not closed for good. */
  private readonly clients = new Set<RedisClient>();
  private readonly seen = new WeakMap<Redis['stream'], Seen>();
  private timer: NodeJS.Timeout | undefined;

  /** @param limit - after how many milliseconds without an answer a connection counts as dead. No command may block for as long */
  constructor(private readonly limit: number) {}

  /** Watches a connection, or those to the nodes of a cluster, and each copy: BullMQ waits for jobs on a copy of its own. */
  watch<Client extends RedisClient>(client: Client): Client {
    const begin = (): void => {
      this.clients.add(client);
      this.timer ??= setInterval(() => this.look(), this.limit / looksPerLimit).unref();
    };
    const end = (): void => {
      this.clients.delete(client);
      if (this.clients.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
    // BullMQ opens a client again that has ended.
    client.on('connecting', begin).on('end', end);
    const copy = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
    client.duplicate = ((...args: unknown[]) => this.watch(copy(...args))) as never;
    return client;
  }

  private look(): void {
    for (const client of this.clients) {
      for (const redis of client instanceof Cluster ? client.nodes() : [client]) this.lookAt(redis);
    }
  }

  private lookAt(redis: Redis): void {
    // A connection that is still being made has a deadline of its own. Later on, even a handshake may wait for ever.
    if (redis.status !== 'connect' && redis.status !== 'ready') return;
    const { stream } = redis;
    const seen = this.seen.get(stream);
    if (seen?.read !== stream.bytesRead) {
      this.seen.set(stream, { read: stream.bytesRead, silent: 0 });
      return;
    }
    seen.silent++;
    if (seen.silent === 1 && redis.status === 'ready') redis.ping().catch(() => undefined);
    if (seen.silent > looksPerLimit) stream.destroy(this.dead());
  }

  private dead(): ErrandError {
    const what = `A connection to the Redis of the docket brought nothing for ${this.limit} ms and is replaced.`;
    return new ErrandError('DOCKET_UNAVAILABLE', what);
  }
}
