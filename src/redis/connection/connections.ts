import { ErrandError } from '../../base/errors.js';
import { parseAddress, type RedisAddress } from './address.js';
import { Liveness } from './liveness.js';
import { openRedis, type OpenOptions, type RedisClient } from './open-redis.js';
import { asRefusal, reasonOf, wasGivenUp, withoutCommand } from './permanent-errors.js';
import { serverFaults } from './server-check.js';
import { checkTls, type RedisTls } from './tls.js';

/** Options of the connections to Redis. */
export interface ConnectionOptions {
  /** A URL for {@link parseAddress}. */
  readonly url: string;
  readonly tls?: RedisTls | undefined;
  /** How long the first connection, and later each command, may take, in milliseconds. */
  readonly deadline: number;
  /** Receives errors that occur between commands. Connections are restored automatically. */
  readonly onError: (error: unknown) => void;
  /** Called for each connection that was lost and restored. */
  readonly onReconnect: () => void;
  /** Receives warnings about the configuration of the server. */
  readonly onWarning: (warning: string) => void;
}

/**
 * After how many milliseconds without an answer a connection counts as dead, unless Redis may take longer for a command. No
 * command may block for nearly as long.
 */
const silence = 5_000;

/** How long a health check waits for Redis, in milliseconds: load balancers do not wait much longer. */
const probeTimeout = 1_000;

/** The connections of one process to the Redis of its docket. */
export class RedisConnections {
  /** For all commands that do not block. Without a connection, a command fails instead of being queued. */
  readonly commands: RedisClient;
  private readonly all: RedisClient[] = [];
  private readonly address: RedisAddress;
  private readonly liveness: Liveness;
  /** The last error of {@link RedisConnections.commands}. */
  private broken: unknown;
  /** When `commands` lost its connection, by `performance.now()`. Undefined while it is connected. */
  private brokenSince: number | undefined;

  /** @throws {ErrandError} `DOCKET_URL`, `DOCKET_TLS` */
  constructor(private readonly options: ConnectionOptions) {
    this.address = parseAddress(options.url);
    checkTls(this.address, options.tls);
    this.liveness = new Liveness(Math.max(silence, options.deadline));
    this.commands = this.open({ commandDeadline: options.deadline });
    this.commands
      .on('error', (error: unknown) => (this.broken = error))
      .on('close', () => (this.brokenSince ??= performance.now()))
      .on('ready', () => (this.brokenSince = undefined));
  }

  /**
   * @throws {ErrandError} `DOCKET_UNAVAILABLE` if Redis does not answer in time, is too old or is a replica; `DOCKET_URL` if it
   * refuses the user, the password or the database; `DOCKET_TLS` if one side does not trust the other.
   */
  async start(): Promise<void> {
    try {
      await this.connect(this.commands);
      await this.checkServer();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Opens another connection, whose commands wait for the end of an outage instead of failing. */
  patient(options: Pick<OpenOptions, 'opened'> = {}): RedisClient {
    return this.open(options);
  }

  /** Closes all connections. Live ones are closed with QUIT: sent commands complete, and no socket stays half open. */
  async close(): Promise<void> {
    const { deadline } = this.options;
    const late = setTimeout(() => this.disconnect(), Math.min(deadline, 1_000));
    await Promise.allSettled(this.all.filter(({ status }) => status === 'ready').map((redis) => redis.quit()));
    clearTimeout(late);
    this.disconnect();
  }

  /** Skips connections that have ended: ending one twice would leave a timer behind. */
  private disconnect(): void {
    for (const redis of this.all.splice(0)) if (redis.status !== 'end') redis.disconnect();
  }

  /**
   * Sends a command to check that Redis answers promptly. Waits for a connection that was lost a moment ago, but not for one
   * that was lost earlier.
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE`; also rejects with the error of the command.
   */
  async probe(command: () => Promise<unknown>): Promise<void> {
    const limit = Math.min(probeTimeout, this.options.deadline);
    if (this.brokenSince !== undefined && performance.now() - this.brokenSince > limit) {
      throw this.unavailable(this.broken);
    }
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      const giveUp = (): void =>
        reject(
          this.unavailable(
            this.brokenSince === undefined ? undefined : this.broken,
            `did not answer within ${limit} ms`,
          ),
        );
      // If this process was busy itself, the answer may have arrived and be read first.
      timer = setTimeout(() => setImmediate(giveUp), limit);
    });
    await Promise.race([command(), tooLong]).finally(() => clearTimeout(timer));
  }

  /** The error to throw for a failed command. */
  unavailable(cause: unknown, what = 'failed'): ErrandError {
    // The error of a command without a connection does not say why there is none.
    const why = reasonOf(wasGivenUp(cause) ? (this.broken ?? cause) : cause).replace(/\.+$/, '');
    return new ErrandError(
      'DOCKET_UNAVAILABLE',
      `The Redis of the docket, ${this.address.shown}, ${what}${why && `: ${why}`}.`,
      { cause: withoutCommand(cause) },
    );
  }

  /** The error to throw for a failed first command, which may be permanent. */
  refused(cause: unknown): ErrandError {
    return asRefusal(cause, this.address) ?? this.unavailable(cause);
  }

  /**
   * Connects within the deadline. Retries after a failure, since Redis may be starting up as well.
   *
   * @throws {ErrandError} as {@link RedisConnections.start}
   */
  connect(redis: RedisClient): Promise<void> {
    const { deadline } = this.options;
    // Nodes and Sentinels have their own events, which say more than those of the client.
    const events = ['error', 'node error', 'sentinelError'];
    return new Promise((resolve, reject) => {
      let last: unknown;
      let hungUp = false;
      const noteEnd = (): void => {
        hungUp = true;
      };
      const note = (error: unknown): void => {
        last = error;
        const refusal = asRefusal(error, this.address);
        if (refusal) end(() => reject(refusal));
      };
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        redis.off('ready', succeed).off('close', noteEnd);
        for (const event of events) redis.off(event, note);
        settle();
      };
      const succeed = (): void => end(resolve);
      const timer = setTimeout(() => {
        const what = `could not be reached within ${deadline} ms${this.guess(last, hungUp)}`;
        end(() => reject(this.unavailable(last, what)));
      }, deadline);
      redis.once('ready', succeed).on('close', noteEnd);
      for (const event of events) redis.on(event, note);
      // Errors are handled by the event listeners above.
      redis.connect().catch(() => undefined);
    });
  }

  /**
   * Guesses the cause if Redis gives none. A server that wants TLS hangs up. One that does not speak TLS keeps silent, and so
   * does one that is still loading its data.
   */
  private guess(last: unknown, hungUp: boolean): string {
    const { tls, kind } = this.address;
    const said = last === undefined ? '' : reasonOf(last);
    // The client does not reveal why it does not trust a node or a Sentinel.
    if (tls && (kind === 'cluster' || kind === 'sentinel') && /Connection is closed/.test(said)) {
      return ' (does docket.tls trust it?)';
    }
    if (said !== '' && !/ECONNRESET|ETIMEDOUT/.test(said)) return '';
    if (tls) return ' (does it speak TLS?)';
    return hungUp ? ' (does it want rediss://?)' : ' (it does not answer; is it still loading its data?)';
  }

  private open(options: Omit<OpenOptions, 'deadline' | 'tls'>): RedisClient {
    const { deadline, tls } = this.options;
    const redis = this.liveness.watch(openRedis(this.address, { deadline, tls, ...options }));
    // Each attempt to reconnect fails with another error. The first one is enough.
    let down = false;
    let isFirst = true;
    redis.on('ready', () => {
      if (!isFirst) this.options.onReconnect();
      isFirst = false;
      down = false;
    });
    redis.on('error', (error: unknown) => {
      if (!down) this.options.onError(withoutCommand(error));
      down = true;
    });
    this.all.push(redis);
    return redis;
  }

  private async checkServer(): Promise<void> {
    const info = await this.commands.info().catch((error: unknown) => {
      throw this.refused(error);
    });
    const { fault, warning } = serverFaults(info);
    if (fault !== undefined) throw this.unavailable(undefined, fault);
    if (warning !== undefined) this.options.onWarning(warning);
  }
}
