import { Redis } from 'ioredis';
import { RedisEngine, type RedisEngineOptions } from '../../src/redis/redis-engine.js';
import { prefixOf } from '../../src/redis/keys.js';
import { freshName, startRedis } from './redis-server.js';

/** The Redis of this run. Where there is none, that is a failure: a test that was left out proves nothing. */
export function testRedisUrl(): string {
  const { ERRAND_TEST_REDIS_URL: url, ERRAND_TEST_REDIS_MISSING: why } = process.env;
  if (url === undefined) {
    throw new Error(why ?? 'There is no Redis for the tests: run them with the configuration of jest.');
  }
  return url;
}

/** A docket of its own on the Redis of this run, for any number of engines. */
export class TestDocket {
  readonly name = freshName();
  readonly prefix = prefixOf(this.name);
  readonly redis: Redis;
  private readonly engines: RedisEngine[] = [];
  private stopServer?: () => Promise<void>;

  /**
   * A docket on a Redis of its own, for a test that looks at all connections of a server or breaks them: other test files
   * use that of the run at the same time.
   */
  static async alone(): Promise<TestDocket> {
    const server = await startRedis();
    const docket = new TestDocket(server.url);
    docket.stopServer = () => server.stop();
    return docket;
  }

  constructor(readonly url = testRedisUrl()) {
    // One whose server has gone waits for so long before it lets the process end.
    this.redis = new Redis(url, { disconnectTimeout: 100 });
  }

  /** An engine as another process would have it. It is not started yet. */
  engine(options: Partial<RedisEngineOptions> = {}): RedisEngine {
    const engine = new RedisEngine({ url: this.url, name: this.name, ...options });
    this.engines.push(engine);
    return engine;
  }

  /** Closes all engines, checks that they left nothing that stays for ever, and removes the rest. */
  async dispose(): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.close()));
    try {
      const left = await leaks(this.redis, this.prefix);
      if (left.length > 0) throw new Error(`Keys without an end or a live owner: ${left.join(', ')}`);
    } finally {
      const keys = await this.keys();
      if (keys.length > 0) await this.redis.del(...keys);
      this.redis.disconnect();
      await this.stopServer?.();
    }
  }

  keys(): Promise<string[]> {
    return keysOf(this.redis, this.prefix);
  }
}

/** Keys that neither expire nor belong to an execution that has not ended. */
export async function leaks(redis: Redis, prefix: string): Promise<string[]> {
  const all = await keysOf(redis, prefix);
  const named = (part: string): string[] => all.filter((key) => key.startsWith(`${prefix}:${part}`));
  const live = new Set<string>();
  const owners = new Set<string>();
  const tickets = new Set<string>();
  const sessions = new Set<string>();
  const gates = new Set<string>();
  for (const key of named('execution:')) {
    const fields = await redis.hgetall(key);
    const { state = '', key: name = '', owner = '', ticket = '', session = '', gate, component } = fields;
    if (['completed', 'failed', 'cancelled'].includes(state)) continue;
    owners.add(owner);
    live.add(name);
    tickets.add(ticket);
    sessions.add(session);
    if (gate !== undefined) for (const part of ['limits', gate]) gates.add(`gate:${part}:${component}`);
  }
  const schedules = await redis.zrange(`${prefix}:schedules`, '0', '-1');
  const allowed = new Set(
    [
      // One each for the life of a docket.
      ...[
        'sequence',
        'mark',
        'tickets:meta',
        'tickets:id',
        'tickets:pc',
        'tickets:events',
        'tickets:stalled-check',
        'tickets:marker',
      ],
      ...(live.size > 0
        ? [
            'state:scheduled',
            'state:queued',
            'state:running',
            'asked',
            'due',
            'tickets:wait',
            'tickets:prioritized',
            'tickets:active',
            'tickets:stalled',
            'tickets:delayed',
          ]
        : []),
      ...(schedules.length > 0 ? ['schedules', ...schedules.map((id) => `schedule:${id}`)] : []),
      ...[...live].flatMap((name) => [`execution:${name}`, `questions:${name}`]),
      ...[...owners].flatMap((owner) => [`tasks:${owner}`, `ended:${owner}`, `open:${owner}`]),
      ...gates,
      ...[...sessions].map((session) => `session-tasks:${session}`),
      ...[...tickets].map((ticket) => `tickets:t${ticket}`),
    ].map((name) => `${prefix}:${name}`),
  );
  const left: string[] = [];
  for (const key of all) if (!allowed.has(key) && (await redis.pttl(key)) === -1) left.push(key);
  return left;
}

export async function keysOf(redis: Redis, prefix: string): Promise<string[]> {
  const found = new Set<string>();
  // The braces are part of the name here, and so are the characters that mean something to a pattern.
  const match = `${prefix.replace(/[[\]*?\\^]/g, '\\$&')}:*`;
  for await (const keys of redis.scanStream({ match, count: 1_000 })) {
    for (const key of keys as string[]) found.add(key);
  }
  return [...found];
}
