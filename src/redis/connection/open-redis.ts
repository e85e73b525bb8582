import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './address.js';
import { BatchingRedis } from './batching-redis.js';
import type { RedisTls } from './tls.js';

/** A connection to one server, or those to the nodes of a cluster. */
export type RedisClient = Redis | Cluster;

/** Options of one connection. */
export interface OpenOptions {
  readonly tls?: RedisTls | undefined;
  /** How long connecting may take, in milliseconds. */
  readonly deadline: number;
  /** How long a command may take, in milliseconds. Default: commands wait for the end of an outage, however long it lasts. */
  readonly commandDeadline?: number;
  /**
   * Whether the connection, and each copy of it, is opened at once. BullMQ opens a connection that is not open, and does not
   * retry if that fails: its worker would never take a job again.
   */
  readonly opened?: boolean;
}

/** Creates a connection, which is not open yet unless `opened` is set. It reconnects automatically. */
export function openRedis(address: RedisAddress, options: OpenOptions): RedisClient {
  const { username, password, db, family, hosts } = address;
  const { deadline, commandDeadline, opened = false } = options;
  const tls = tlsOf(address, options.tls);
  const common: RedisOptions = {
    connectTimeout: deadline,
    // Nothing waits for the rest of a connection that is closed by force.
    disconnectTimeout: 100,
    family,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    ...(commandDeadline === undefined
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 1, commandTimeout: commandDeadline }),
    // A master that becomes a replica keeps its connections, unless Sentinel demotes it.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  const single: RedisOptions = { ...common, db, lazyConnect: !opened, retryStrategy: pause };
  switch (address.kind) {
    case 'cluster':
      return new Cluster([...hosts], {
        lazyConnect: !opened,
        redisOptions: common,
        clusterRetryStrategy: pause,
        slotsRefreshTimeout: deadline,
        // Commands in the offline queue have no deadline.
        enableOfflineQueue: commandDeadline === undefined,
        // A certificate is issued for a name, which the client would replace by an address.
        ...(tls && { dnsLookup: (name: string, done: (error: null, address: string) => void) => done(null, name) }),
      });
    case 'sentinel': {
      const { master = '', sentinelUsername, sentinelPassword } = address;
      return new BatchingRedis({
        ...single,
        sentinels: [...hosts],
        name: master,
        sentinelRetryStrategy: pause,
        // For some seconds the old master accepts writes that will be lost. Sentinels announce the change at once.
        failoverDetector: true,
        sentinelCommandTimeout: deadline,
        ...(sentinelUsername !== undefined && { sentinelUsername }),
        ...(sentinelPassword !== undefined && { sentinelPassword }),
        ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
      });
    }
    case 'socket':
      return new BatchingRedis({ ...single, path: address.path ?? '' });
    default:
      return new BatchingRedis({ ...single, ...hosts[0] });
  }
}

/** Milliseconds before the next attempt to reconnect. */
const pause = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2_000);

function tlsOf({ tls }: RedisAddress, given: RedisTls | undefined): NonNullable<RedisOptions['tls']> | undefined {
  if (!tls) return undefined;
  const { ca, ...rest } = given ?? {};
  return { ...rest, ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }) };
}
