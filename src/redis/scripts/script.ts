import { createHash } from 'node:crypto';
import { ReplyError } from 'ioredis';
import { isWellFormed } from '../../base/json.js';
import type { RedisClient } from '../connection/open-redis.js';
import { withShared } from './prelude.js';

/** What travels to a script. */
export type Argument = string | number;

/** What comes back: Redis turns tables into arrays and what is false into null. In packed replies hashes are objects. */
export type Reply = string | number | boolean | null | readonly Reply[];

/** How many arguments travel together, and how much text: nothing else is done in Redis while it makes these steps. */
const mostArguments = 1_000;
const mostText = 100_000;

/** From how many characters on a text travels beside the others, as it is: to write it as JSON would cost more than it saves. */
const largeText = 2_000;

/** How the steps of a script travel. */
export interface ScriptOptions {
  /** Those that do much travel each alone: Redis does nothing else while it makes those of one command. */
  readonly alone?: boolean;
  /**
   * The replies come as one text of JSON, which costs both sides less where they have many parts; a large input comes beside
   * it. An empty list comes as an empty record, and what is false as false.
   */
  readonly packed?: boolean;
}

/** One atomic step in Redis. */
export class Script implements ScriptOptions {
  readonly text: string;
  readonly sha: string;
  readonly alone: boolean;
  readonly packed: boolean;

  /** `body` is Lua. It is given the docket's prefix as KEYS[1], and what {@link ScriptRunner.run} is given as ARGV. */
  constructor(body: string, { alone = false, packed = false }: ScriptOptions = {}) {
    this.alone = alone;
    this.packed = packed;
    this.text = withShared(steps(body, packed));
    this.sha = createHash('sha1').update(this.text).digest('hex');
  }
}

/**
 * Lua that makes a step with each list of arguments. The lists come as JSON; a number in one stands for the text that comes
 * behind them at that place. A step that fails is the failure of the one who asked for it.
 */
const steps = (body: string, packed: boolean): string => `
local function step(ARGV)
${body}
end
local replies = {}
for number, own in ipairs(cjson.decode(ARGV[1])) do
  if ARGV[2] then
    for i, value in ipairs(own) do
      if type(value) == 'number' then own[i] = ARGV[value] end
    end
  end
  records, called = {}, {}
  local done, reply = pcall(step, own)
  if not done then
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- What a replica says is for the connection, which looks at replies and not into them: it has to find the master.
    local replica = string.match(why, 'READONLY .*')
    if replica then return { err = replica } end
    reply = { err = why }
  end
  replies[number] = reply or false
end
return ${packed ? '{ cjson.encode(replies), unpack(beside) }' : 'replies'}
`;

/** Steps of one script that travel together. */
interface Batch {
  readonly script: Script;
  /** The arguments of each step, a number for one that is among the large ones. */
  readonly steps: Argument[][];
  readonly large: string[];
  /** How many arguments there are in all, and how much text is in them, in characters. */
  count: number;
  size: number;
  readonly askers: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void }[];
}

const sizeOf = (args: readonly Argument[]): number =>
  args.reduce<number>((size, argument) => size + (typeof argument === 'string' ? argument.length : 0), 0);

/** Whether a step may travel with those of the batch. */
const hasRoom = (batch: Batch, script: Script, args: readonly Argument[], size: number): boolean =>
  batch.script === script &&
  !script.alone &&
  batch.count + args.length < mostArguments &&
  batch.size + size <= mostText;

/** Redis knows texts only. Half a character, which its JSON does not take, becomes the sign for one that is unknown. */
function asSent(argument: Argument, large: string[]): Argument {
  if (typeof argument === 'number') return String(argument);
  if (argument.length < largeText) return isWellFormed(argument) ? argument : Buffer.from(argument).toString();
  // The first text is that of the lists.
  return large.push(argument) + 1;
}

/** What ioredis makes of an error in a reply. */
const StepError = ReplyError as new (message: string) => Error;

/** Replies that are packed. Inputs that came beside them are put where their numbers stand. */
function unpacked([text = '', ...beside]: readonly string[]): (Reply | Error)[] {
  const withInputs = (name: string, value: unknown): unknown =>
    name === 'input' && typeof value === 'number' ? beside[value - 1] : value;
  const replies = JSON.parse(text, beside.length > 0 ? withInputs : undefined) as (Reply | { readonly err: string })[];
  return replies.map((reply) =>
    typeof reply === 'object' && reply !== null && 'err' in reply ? new StepError(reply.err) : reply,
  );
}

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
      const batch = (this.batch ??= this.newBatch(script));
      batch.steps.push(args.map((argument) => asSent(argument, batch.large)));
      batch.count += args.length;
      batch.size += size;
      batch.askers.push({ resolve, reject });
    });
  }

  private newBatch(script: Script): Batch {
    // What follows from what has just been read is asked for before this.
    process.nextTick(() => this.flush());
    return { script, steps: [], large: [], count: 0, size: 0, askers: [] };
  }

  private flush(): void {
    const { batch } = this;
    this.batch = undefined;
    if (batch) void this.send(batch);
  }

  private async send({ script, steps, large, askers }: Batch): Promise<void> {
    try {
      const reply = await this.reply(script, [JSON.stringify(steps), ...large]);
      const replies = script.packed ? unpacked(reply as string[]) : (reply as (Reply | Error)[]);
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
  private async reply(script: Script, args: readonly string[]): Promise<unknown> {
    if (!this.sent.has(script)) {
      this.sent.add(script);
      return this.redis.eval(script.text, 1, this.prefix, ...args);
    }
    try {
      return await this.redis.evalsha(script.sha, 1, this.prefix, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.redis.eval(script.text, 1, this.prefix, ...args);
    }
  }
}
