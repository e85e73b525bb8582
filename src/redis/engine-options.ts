import type { OnError } from '../docket/engine/watchers.js';
import type { Meters } from '../telemetry/meters.js';
import type { RedisTls } from './connection/tls.js';
import type { BullMqSteps } from './lua/lua-step.js';

/** Options of the Redis engine: which docket, and how to reach its Redis. */
export interface RedisEngineOptions {
  /**
   * `redis://user:password@host:6379/0`, `unix:///path/redis.sock?db=0`, `redis+cluster://host:7000,host:7001` or
   * `redis+sentinel://host:26379,host:26380/master/0`. For TLS, write `rediss` instead of `redis`.
   */
  readonly url: string;
  /** Options of the TLS connection. Default: those of Node.js. */
  readonly tls?: RedisTls | undefined;
  /** Name of the docket in that Redis. */
  readonly name: string;
  /** How long the start, and later each command, may take, in milliseconds. Default 5,000. */
  readonly deadline?: number;
  /** How long a dead worker keeps its executions from others, in milliseconds. Default 10,000. */
  readonly lease?: number;
  /**
   * How long a call may block the event loop before its runs are left to other workers, in milliseconds. Default 60,000. With 0, no
   * longer than a lease, and no thread is started.
   */
  readonly maxBlock?: number;
  /** Whether a process whose event loop is blocked for longer ends, because it does nothing but work. Default: it goes on. */
  readonly endsProcess?: boolean;
  /** Receives errors thrown by listeners and handlers, and errors of Redis that no caller waits for. Default: they are dropped. */
  readonly onError?: OnError;
  /** Called for each connection that was lost and restored. */
  readonly onReconnect?: () => void;
  /** Receives warnings for people to read, such as a Redis that may evict tasks. Default: they are dropped. */
  readonly onWarning?: (warning: string) => void;
  /** Counts what the engine has to leave out. Default: nobody does. */
  readonly meters?: Meters;
  /**
   * BullMQ's own scripts, to run within ours; undefined to use only BullMQ's public interface. Default: those of the installed
   * version, if they were tested.
   */
  readonly bullmq?: BullMqSteps | undefined;
}
