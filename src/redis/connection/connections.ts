import { ErrandError } from '../../base/errors.js';
import { parseAddress, type RedisAddress } from './address.js';
import { openRedis, type OpenOptions, type RedisClient } from './open-redis.js';
import { asRefusal, reasonOf, wasGivenUp, withoutCommand } from './permanent-errors.js';
import { serverFaults } from './server-check.js';
import { checkTls, type RedisTls } from './tls.js';

/** How to reach Redis. */
export interface ConnectionOptions {
  /** As {@link parseAddress} takes it. */
  readonly url: string;
  readonly tls?: RedisTls | undefined;
  /** How long the first connection may take, and later each command, in milliseconds. */
  readonly deadline: number;
  /** Takes what goes wrong between commands. Redis reconnects by itself. */
  readonly onError: (error: unknown) => void;
  /** Called for each connection that was lost and made again. */
  readonly onReconnect: () => void;
  /** Takes what is not wrong yet. */
  readonly onWarning: (warning: string) => void;
}

/** How long whoever looks whether Redis is there waits for it, in milliseconds: load balancers do not ask for longer. */
const longestLook = 1_000;

/** The connections of one process to the Redis of its docket. */
export class RedisConnections {
  /** For everything that does not wait. A command that finds no Redis fails and is not kept for later. */
  readonly commands: RedisClient;
  private readonly all: RedisClient[] = [];
  private readonly address: RedisAddress;
  /** Why {@link RedisConnections.commands} broke last. */
  private broken: unknown;
  /** Since when they are broken, by `performance.now()`. */
  private brokenSince: number | undefined;

  /** @throws {ErrandError} `DOCKET_URL`, `DOCKET_TLS` */
  constructor(private readonly options: ConnectionOptions) {
    this.address = parseAddress(options.url);
    checkTls(this.address, options.tls);
    this.commands = this.open({ commandDeadline: options.deadline });
    this.commands
      .on('error', (error: unknown) => (this.broken = error))
      .on('close', () => (this.brokenSince ??= performance.now()))
      .on('ready', () => (this.brokenSince = undefined));
  }

  /**
   * @throws {ErrandError} `DOCKET_UNAVAILABLE` when Redis does not answer in time, is too old or a replica; `DOCKET_URL`
   * when it refuses the user, the password or the database; `DOCKET_TLS` when one side does not trust the other.
   */
  async start(): Promise<void> {
    try {
      await this.reached(this.commands);
      await this.checkServer();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** A connection of its own that never gives a command up, and waits as long as the outage lasts. */
  patient(options: Pick<OpenOptions, 'silence' | 'opened'> = {}): RedisClient {
    return this.open(options);
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
    for (const redis of this.all.splice(0)) if (redis.status !== 'end') redis.disconnect();
  }

  /**
   * Sends a command only to see whether it is answered, and soon. A connection that has just been lost may be back in that
   * time; one that was lost before is not waited for.
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE`; and what the command fails with.
   */
  async look(command: () => Promise<unknown>): Promise<void> {
    const limit = Math.min(longestLook, this.options.deadline);
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
      // Where this process was busy itself, the answer may lie there and be read now.
      timer = setTimeout(() => setImmediate(giveUp), limit);
    });
    await Promise.race([command(), tooLong]).finally(() => clearTimeout(timer));
  }

  /** What is thrown for an error of a command. */
  unavailable(cause: unknown, what = 'failed'): ErrandError {
    // A command that found no connection says only that.
    const why = reasonOf(wasGivenUp(cause) ? (this.broken ?? cause) : cause).replace(/\.+$/, '');
    return new ErrandError(
      'DOCKET_UNAVAILABLE',
      `The Redis of the docket, ${this.address.shown}, ${what}${why && `: ${why}`}.`,
      { cause: withoutCommand(cause) },
    );
  }

  /** The same for the first commands, of which some will never go better. */
  refused(cause: unknown): ErrandError {
    return asRefusal(cause, this.address) ?? this.unavailable(cause);
  }

  /**
   * Connects within the deadline. Redis may be about to start as well, so that the first failure is not the last word.
   *
   * @throws {ErrandError} as {@link RedisConnections.start}
   */
  reached(redis: RedisClient): Promise<void> {
    const { deadline } = this.options;
    // Nodes and Sentinels have events of their own, which say more than those of the whole.
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
      // What goes wrong comes as an event as well.
      redis.connect().catch(() => undefined);
    });
  }

  /** What may be wrong where Redis says little. One for TLS hangs up, one for none waits, as does one that still reads its data. */
  private guess(last: unknown, hungUp: boolean): string {
    const { tls, kind } = this.address;
    const said = last === undefined ? '' : reasonOf(last);
    // The client keeps to itself why it does not trust a node or a Sentinel.
    if (tls && (kind === 'cluster' || kind === 'sentinel') && /Connection is closed/.test(said)) {
      return ' (does docket.tls trust it?)';
    }
    if (said !== '' && !/ECONNRESET|ETIMEDOUT/.test(said)) return '';
    if (tls) return ' (does it speak TLS?)';
    return hungUp ? ' (does it want rediss://?)' : ' (it does not answer; does it still read its data?)';
  }

  private open(options: Omit<OpenOptions, 'deadline' | 'tls'>): RedisClient {
    const { deadline, tls } = this.options;
    const redis = openRedis(this.address, { deadline, tls, ...options });
    // Each try to reconnect fails with an error of its own. The first tells it all.
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
