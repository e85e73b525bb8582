import { Redis } from 'ioredis';
import type { RedisEngineOptions } from '../../src/redis/engine-options.js';
import { RedisEngine } from '../../src/redis/redis-engine.js';
import { prefixOf } from '../../src/redis/keys.js';
import { keysOf, leaks } from './redis-leaks.js';
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
    // Without a thread each: there are hundreds of engines in a process, and none blocks its event loop.
    const engine = new RedisEngine({ url: this.url, name: this.name, maxBlock: 0, ...options });
    this.engines.push(engine);
    return engine;
  }

  /** Closes all engines, checks that they left nothing that stays for ever, and removes the rest. */
  async dispose(): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.close()));
    try {
      const left = await leaks(this.redis, this.prefix);
      if (left.length > 0) throw new Error(`Left in Redis without an end or a live owner: ${left.join(', ')}`);
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
