import { createHash } from 'node:crypto';
import { ReplyError } from 'ioredis';
import { isWellFormed } from '../../base/json.js';
import type { RedisClient } from '../connection/open-redis.js';
import { withShared } from './prelude.js';

/** An argument of a script. */
export type Argument = string | number;

/** The reply of a script. Redis turns tables into arrays and `false` into null. In packed replies, hashes are objects. */
export type Reply = string | number | boolean | null | readonly Reply[];

/** Maximum number of arguments and characters in one command. Redis does nothing else while it runs the steps. */
const mostArguments = 1_000;
const mostText = 100_000;

/** Texts of at least this length are sent beside the JSON, which would cost more than it saves. In characters. */
const largeText = 2_000;

/** Options of a script. */
export interface ScriptOptions {
  /** Whether each step is a command of its own. For long steps: Redis does nothing else while it runs the steps of one command. */
  readonly alone?: boolean;
  /**
   * Whether the replies come as one JSON text, with large inputs beside it. Cheaper for replies with many parts. An empty list
   * arrives as an empty record, and `false` as `false`.
   */
  readonly packed?: boolean;
}

/** One atomic step in Redis. */
export class Script implements ScriptOptions {
  readonly text: string;
  readonly sha: string;
  readonly alone: boolean;
  readonly packed: boolean;

  /** `body` is Lua. KEYS[1] is the docket's prefix, and ARGV contains the arguments of {@link ScriptRunner.run}. */
  constructor(body: string, { alone = false, packed = false }: ScriptOptions = {}) {
    this.alone = alone;
    this.packed = packed;
    this.text = withShared(steps(body, packed));
    this.sha = createHash('sha1').update(this.text).digest('hex');
  }
}

/**
 * Lua that runs a step for each list of arguments. The lists come as JSON; a number in a list is the index of a large text in
 * ARGV. A failed step fails only its own caller.
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
    -- The error of a replica must fail the whole command, so that the connection notices it and looks for the master.
    local replica = string.match(why, 'READONLY .*')
    if replica then return { err = replica } end
    reply = { err = why }
  end
  replies[number] = reply or false
end
return ${packed ? '{ cjson.encode(replies), unpack(beside) }' : 'replies'}
`;

/** Steps of one script that are sent in one command. */
interface Batch {
  readonly script: Script;
  /** The arguments of each step. A number is the index of a large text. */
  readonly steps: Argument[][];
  readonly large: string[];
  /** Total number of arguments, and their total length in characters. */
  count: number;
  size: number;
  readonly callers: { readonly resolve: (reply: Reply) => void; readonly reject: (error: unknown) => void }[];
}

const sizeOf = (args: readonly Argument[]): number =>
  args.reduce<number>((size, argument) => size + (typeof argument === 'string' ? argument.length : 0), 0);

/** Whether a step fits into the batch. */
const hasRoom = (batch: Batch, script: Script, args: readonly Argument[], size: number): boolean =>
  batch.script === script &&
  !script.alone &&
  batch.count + args.length < mostArguments &&
  batch.size + size <= mostText;

/** Converts an argument to text. An unpaired surrogate, which Redis's JSON rejects, becomes the replacement character. */
function asText(argument: Argument, large: string[]): Argument {
  if (typeof argument === 'number') return String(argument);
  if (argument.length < largeText) return isWellFormed(argument) ? argument : Buffer.from(argument).toString();
  // ARGV[1] is the JSON of the lists.
  return large.push(argument) + 1;
}

/** The class of ioredis for errors in replies. */
const StepError = ReplyError as new (message: string) => Error;

/** Decodes packed replies. A number as `input` is the index of a large input. */
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
  /** Scripts whose text was sent on this connection. */
  private readonly sent = new Set<Script>();
  private batch: Batch | undefined;

  constructor(
    private readonly redis: RedisClient,
    readonly prefix: string,
  ) {
    redis.on('close', () => this.sent.clear());
  }

  /**
   * Runs a step. Consecutive steps of one script in the same turn of the event loop become one command, which costs both sides
   * much less. Steps run in the order of the calls.
   */
  run(script: Script, ...args: readonly Argument[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const size = sizeOf(args);
      if (this.batch && !hasRoom(this.batch, script, args, size)) this.flush();
      const batch = (this.batch ??= this.newBatch(script));
      batch.steps.push(args.map((argument) => asText(argument, batch.large)));
      batch.count += args.length;
      batch.size += size;
      batch.callers.push({ resolve, reject });
    });
  }

  private newBatch(script: Script): Batch {
    // Runs after the continuations of the replies that were just read.
    process.nextTick(() => this.flush());
    return { script, steps: [], large: [], count: 0, size: 0, callers: [] };
  }

  private flush(): void {
    const { batch } = this;
    this.batch = undefined;
    if (batch) void this.send(batch);
  }

  private async send({ script, steps, large, callers }: Batch): Promise<void> {
    try {
      const reply = await this.reply(script, [JSON.stringify(steps), ...large]);
      const replies = script.packed ? unpacked(reply as string[]) : (reply as (Reply | Error)[]);
      callers.forEach(({ resolve, reject }, index) => {
        const reply = replies[index] ?? null;
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      });
    } catch (error) {
      for (const { reject } of callers) reject(error);
    }
  }

  /**
   * Sends the text of a script once on each connection. If it were sent only when Redis asks for it, later steps would overtake
   * this one.
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
