import { createHash } from 'node:crypto';
import type { RedisClient } from '../open-redis.js';
import { withShared } from './prelude.js';

/** What travels to a script. */
export type Argument = string | number;

/** What comes back: Redis turns tables into arrays and what is false into null. */
export type Reply = string | number | null | readonly Reply[];

/** How many arguments travel together, and how much text: nothing else is done in Redis while it makes these steps. */
const mostArguments = 1_000;
const mostText = 100_000;

/** One atomic step in Redis. */
export class Script {
  readonly text: string;
  readonly sha: string;

  /** Steps that do much each travel alone: Redis does nothing else while it makes those of one command. */
  readonly alone: boolean;

  /** `body` is Lua. It is given the docket's prefix as KEYS[1], and what {@link ScriptRunner.run} is given as ARGV. */
  constructor(body: string, { alone = false }: { readonly alone?: boolean } = {}) {
    this.alone = alone;
    this.text = withShared(steps(body));
    this.sha = createHash('sha1').update(this.text).digest('hex');
  }
}

/**
 * Lua that makes a step with each list of arguments: they come one after the other, each behind its length. A step that
 * fails is the failure of the one who asked for it.
 */
const steps = (body: string): string => `
local function step(ARGV)
${body}
end
local replies, at = {}, 1
while ARGV[at] do
  local last = at + tonumber(ARGV[at])
  -- Lua unpacks no more than 8,000 at once.
  local own = {}
  for i = at + 1, last do own[i - at] = ARGV[i] end
  records, called = {}, {}
  local done, reply = pcall(step, own)
  if not done then
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- What a replica says is for the connection, which looks at replies and not into them: it has to find the master.
    local replica = string.match(why, 'READONLY .*')
    if replica then return { err = replica } end
    reply = { err = why }
  end
  replies[#replies + 1] = reply or false
  at = last + 1
end
return replies
`;

/** Steps of one script that travel together. */
interface Batch {
  readonly script: Script;
  readonly args: Argument[];
  /** How much text is in them, in characters. */
  size: number;
  readonly askers: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void }[];
}

const sizeOf = (args: readonly Argument[]): number =>
  args.reduce<number>((size, argument) => size + (typeof argument === 'string' ? argument.length : 0), 0);

/** Whether a step may travel with those of the batch. */
const hasRoom = (batch: Batch, script: Script, args: readonly Argument[], size: number): boolean =>
  batch.script === script &&
  !script.alone &&
  batch.args.length + args.length < mostArguments &&
  batch.size + size <= mostText;

/** Runs scripts on the keys of one docket. */
export class ScriptRunner {
  /** What this connection was sent the text of. */
  private readonly sent = new Set<Script>();
  private batch: Batch | undefined;

  constructor(
    private readonly redis: RedisClient,
    readonly prefix: string,
  ) {
    redis.on('close', () => this.sent.clear());
  }

  /**
   * Makes a step. Those of one script that are asked for one after the other in one turn of the event loop are one command,
   * which costs both sides much less; the order in which steps are asked for is that in which they are made.
   */
  run(script: Script, ...args: readonly Argument[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const size = sizeOf(args);
      if (this.batch && !hasRoom(this.batch, script, args, size)) this.flush();
      this.batch ??= this.newBatch(script);
      this.batch.args.push(args.length, ...args);
      this.batch.size += size;
      this.batch.askers.push({ resolve, reject });
    });
  }

  private newBatch(script: Script): Batch {
    // What follows from what has just been read is asked for before this.
    process.nextTick(() => this.flush());
    return { script, args: [], size: 0, askers: [] };
  }

  private flush(): void {
    const { batch } = this;
    this.batch = undefined;
    if (batch) void this.send(batch);
  }

  private async send({ script, args, askers }: Batch): Promise<void> {
    try {
      const replies = await this.replies(script, args);
      askers.forEach(({ resolve, reject }, index) => {
        const reply = replies[index] ?? null;
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      });
    } catch (error) {
      for (const { reject } of askers) reject(error);
    }
  }

  /**
   * Sends the text of a script once on each connection: if that waited until Redis asks for it, later steps would
   * overtake this one.
   */
  private async replies(script: Script, args: readonly Argument[]): Promise<readonly (Reply | Error)[]> {
    if (!this.sent.has(script)) {
      this.sent.add(script);
      return (await this.redis.eval(script.text, 1, this.prefix, ...args)) as Reply[];
    }
    try {
      return (await this.redis.evalsha(script.sha, 1, this.prefix, ...args)) as Reply[];
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return (await this.redis.eval(script.text, 1, this.prefix, ...args)) as Reply[];
    }
  }
}
