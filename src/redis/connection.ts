import type { Redis, RedisOptions } from 'ioredis';
import { ErrandError, messageOf, withoutPassword } from '../base/errors.js';
import { BatchingRedis } from './batching-redis.js';

/** The oldest Redis that has all the commands that the engine uses. */
const oldestVersion = [6, 2] as const;

/** How to reach Redis. */
export interface ConnectionOptions {
  /** `redis://` or `rediss://` (TLS), with user, password, host, port and database number. */
  readonly url: string;
  /** How long the first connection may take, and later each command, in milliseconds. */
  readonly deadline: number;
  /** Takes what goes wrong between commands. Redis reconnects by itself. */
  readonly onError: (error: unknown) => void;
  /** Called for each connection that was lost and made again. */
  readonly onReconnect: () => void;
}

/** The connections of one process to the Redis of its docket. */
export class RedisConnections {
  /** For everything that does not wait. A command that finds no Redis fails and is not kept for later. */
  readonly commands: Redis;
  private readonly all: Redis[] = [];
  private readonly address: string;

  /** @throws {ErrandError} `DOCKET_URL` */
  constructor(private readonly options: ConnectionOptions) {
    checkUrl(options.url);
    this.address = withoutPassword(options.url);
    this.commands = this.open({ maxRetriesPerRequest: 1, commandTimeout: options.deadline });
  }

  /**
   * @throws {ErrandError} `DOCKET_UNAVAILABLE` when Redis does not answer in time or is too old, `DOCKET_URL` when it
   * refuses the user, the password or the database.
   */
  async start(): Promise<void> {
    try {
      await this.reached(this.commands);
      await this.checkVersion();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** A connection of its own that never gives a command up, and waits as long as the outage lasts. */
  patient(options: Pick<RedisOptions, 'socketTimeout'> = {}): Redis {
    return this.open({ maxRetriesPerRequest: null, ...options });
  }

  /** Ends all connections, those that stand in the friendly way: what was sent is done, and no socket is left half open. */
  async close(): Promise<void> {
    const { deadline } = this.options;
    const late = setTimeout(() => this.disconnect(), Math.min(deadline, 1_000));
    await Promise.allSettled(this.all.filter(({ status }) => status === 'ready').map((redis) => redis.quit()));
    clearTimeout(late);
    this.disconnect();
  }

  /** A connection that is ended twice leaves a timer behind. */
  private disconnect(): void {
    for (const redis of this.all) if (redis.status !== 'end') redis.disconnect();
  }

  /** What is thrown for an error of a command. */
  unavailable(cause: unknown, what = 'failed'): ErrandError {
    const why = cause === undefined ? '' : `: ${messageOf(cause) || codeOf(cause)}`;
    return new ErrandError('DOCKET_UNAVAILABLE', `The Redis of the docket, ${this.address}, ${what}${why}.`, {
      cause: withoutCommand(cause),
    });
  }

  private open(options: RedisOptions): Redis {
    const redis = new BatchingRedis(this.options.url, {
      lazyConnect: true,
      connectTimeout: this.options.deadline,
      disconnectTimeout: 500,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
      ...options,
    });
    // Each try to reconnect fails with an error of its own. The first tells it all.
    let down = false;
    let isFirst = true;
    redis.on('ready', () => {
      if (!isFirst) this.options.onReconnect();
      isFirst = false;
      down = false;
    });
    redis.on('error', (error) => {
      if (!down) this.options.onError(withoutCommand(error));
      down = true;
    });
    this.all.push(redis);
    return redis;
  }

  /**
   * Connects within the deadline. Redis may be about to start as well, so that the first failure is not the last word.
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE`, `DOCKET_URL`
   */
  reached(redis: Redis): Promise<void> {
    const { deadline } = this.options;
    return new Promise((resolve, reject) => {
      let last: unknown;
      const note = (error: unknown): void => {
        last = error;
        if (isRefusal(error)) end(() => reject(this.refused(error)));
      };
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        redis.off('error', note).off('ready', succeed);
        settle();
      };
      const succeed = (): void => end(resolve);
      const timer = setTimeout(() => {
        end(() => reject(this.unavailable(last, `could not be reached within ${deadline} ms`)));
      }, deadline);
      redis.on('error', note).once('ready', succeed);
      // What goes wrong comes as an event as well.
      redis.connect().catch(() => undefined);
    });
  }

  private async checkVersion(): Promise<void> {
    const info = await this.commands.info('server').catch((error: unknown) => {
      throw isRefusal(error) ? this.refused(error) : this.unavailable(error);
    });
    const [, version = ''] = /^redis_version:(\S+)/m.exec(info) ?? [];
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const [oldest, oldestMinor] = oldestVersion;
    if (major > oldest || (major === oldest && minor >= oldestMinor)) return;
    throw this.unavailable(undefined, `is version ${version}; the docket needs ${oldestVersion.join('.')} or later`);
  }

  private refused(cause: unknown): ErrandError {
    return new ErrandError(
      'DOCKET_URL',
      `The Redis of docket.url, ${this.address}, refuses it: ${messageOf(cause)}. Check user, password and database.`,
      { cause: withoutCommand(cause) },
    );
  }
}

/** Errors of ioredis carry the command with its arguments: the password, or what a user has said. */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error && 'command' in error) delete error.command;
  return error;
}

function checkUrl(url: string): void {
  const { protocol, hostname, pathname } = URL.canParse(url) ? new URL(url) : {};
  const known = protocol === 'redis:' || protocol === 'rediss:';
  if (known && hostname && /^\/?\d*$/.test(pathname ?? '')) return;
  throw new ErrandError(
    'DOCKET_URL',
    `docket.url is '${withoutPassword(url)}', which is no URL of a Redis. Write redis://host:6379/0, or rediss:// for TLS.`,
  );
}

/** Redis was reached and said no, which it will say again. */
function isRefusal(error: unknown): boolean {
  return /^(WRONGPASS|NOAUTH|NOPERM)|invalid password|DB index is out of range|without any password/.test(
    messageOf(error),
  );
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'no answer';
}
