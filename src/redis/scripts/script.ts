import { createHash } from 'node:crypto';
import type { RedisClient } from '../open-redis.js';
import { withShared } from './prelude.js';

/** What travels to a script. */
export type Argument = string | number;

/** What comes back: Redis turns tables into arrays and what is false into null. */
export type Reply = string | number | null | readonly Reply[];

/** One atomic step in Redis. */
export class Script {
  readonly text: string;
  readonly sha: string;

  /** `body` is Lua. It is given the docket's prefix as KEYS[1], and what {@link ScriptRunner.run} is given as ARGV. */
  constructor(body: string) {
    this.text = withShared(body);
    this.sha = createHash('sha1').update(this.text).digest('hex');
  }
}

/** Runs scripts on the keys of one docket. */
export class ScriptRunner {
  /** What this connection was sent the text of. */
  private readonly sent = new Set<Script>();

  constructor(
    private readonly redis: RedisClient,
    readonly prefix: string,
  ) {
    redis.on('close', () => this.sent.clear());
  }

  /**
   * Sends the text of a script once on each connection: if that waited until Redis asks for it, later steps would
   * overtake this one.
   */
  async run(script: Script, ...args: readonly Argument[]): Promise<Reply> {
    if (!this.sent.has(script)) {
      this.sent.add(script);
      return (await this.redis.eval(script.text, 1, this.prefix, ...args)) as Reply;
    }
    try {
      return (await this.redis.evalsha(script.sha, 1, this.prefix, ...args)) as Reply;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return (await this.redis.eval(script.text, 1, this.prefix, ...args)) as Reply;
    }
  }
}
