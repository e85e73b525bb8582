import { Cluster, type Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from './address.js';
import { BatchingRedis } from './batching-redis.js';
import type { RedisTls } from './tls.js';

/** A connection to one server, or those to the nodes of a cluster, which behave as one. */
export type RedisClient = Redis | Cluster;

/** How a connection behaves. */
export interface OpenOptions {
  readonly tls?: RedisTls | undefined;
  /** How long it may take to connect, in milliseconds. */
  readonly deadline: number;
  /** How long a command may take, in milliseconds. Without it a command is never given up, however long an outage lasts. */
  readonly commandDeadline?: number;
  /** After how many milliseconds without an answer the connection is taken for dead. */
  readonly silence?: number;
  /**
   * Whether it is opened at once, and so is each copy of it. BullMQ opens one that is not itself, and takes a first try that
   * fails for the last word: its worker would take nothing any more.
   */
  readonly opened?: boolean;
}

/** Makes a connection, which is not opened yet unless it is told to. It is opened again by itself whenever it breaks. */
export function openRedis(address: RedisAddress, options: OpenOptions): RedisClient {
  const { username, password, db, family, hosts } = address;
  const { deadline, commandDeadline, silence, opened = false } = options;
  const tls = tlsOf(address, options.tls);
  const common: RedisOptions = {
    connectTimeout: deadline,
    // Nobody waits for what is left on a connection that is ended by force.
    disconnectTimeout: 100,
    family,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    ...(silence !== undefined && { socketTimeout: silence }),
    ...(commandDeadline === undefined
      ? { maxRetriesPerRequest: null }
      : { maxRetriesPerRequest: 1, commandTimeout: commandDeadline }),
    // A master that has become a replica keeps its connections where it is not Sentinel that changes it.
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
        // What waits for the cluster has no deadline of its own.
        enableOfflineQueue: commandDeadline === undefined,
        // A certificate is for a name, which is lost when the client looks its address up.
        ...(tls && { dnsLookup: (name: string, give: (error: null, address: string) => void) => give(null, name) }),
      });
    case 'sentinel': {
      const { master = '', sentinelUsername, sentinelPassword } = address;
      return new BatchingRedis({
        ...single,
        sentinels: [...hosts],
        name: master,
        sentinelRetryStrategy: pause,
        // For some seconds the old master takes what will be lost; Sentinels tell at once whom to leave.
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

/** How long it waits before it tries again, the `times`-th time. */
const pause = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2_000);

function tlsOf({ tls }: RedisAddress, given: RedisTls | undefined): NonNullable<RedisOptions['tls']> | undefined {
  if (!tls) return undefined;
  const { ca, ...rest } = given ?? {};
  return { ...rest, ...(ca !== undefined && { ca: typeof ca === 'string' ? ca : [...ca] }) };
}
