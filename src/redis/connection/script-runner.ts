import { createHash } from 'node:crypto';
import { ReplyError } from 'ioredis';
import { isWellFormed } from '../../base/json.js';
import type { RedisClient } from './open-redis.js';
import { isDamage } from '../damage.js';
import { batch } from '../lua/bundle.js';
import type { BullMqFunction, BullMqSteps, LuaStep } from '../lua/lua-step.js';

/** An argument of a script. */
export type Argument = string | number;

/** The reply of a script. Redis turns tables into arrays and `false` into null. In packed replies, hashes are objects. */
export type Reply = string | number | boolean | null | readonly Reply[];

/** Maximum number of arguments and characters in one command. Redis does nothing else while it runs the steps. */
const mostArguments = 1_000;
const mostText = 100_000;

/** Texts of at least this length are sent beside the JSON, which would cost more than it saves. In characters. */
const largeText = 2_000;

/** A step as Redis runs it. */
interface Script {
  readonly text: string;
  readonly sha: string;
}

/** The texts of the steps, each put together when it is first used. */
export class Scripts {
  private readonly scripts = new Map<LuaStep, Script>();

  /** @param bullmq - BullMQ's own scripts, if the steps may run them */
  constructor(private readonly bullmq: BullMqSteps | undefined) {}

  of(step: LuaStep): Script {
    const known = this.scripts.get(step);
    if (known) return known;
    const functions = step.bullmq.map((name) => this.bullMqFunction(name));
    const body = `local function step(ARGV)\n${step.body}\nend`;
    const text = [...functions, ...step.parts, body, step.packed ? batch.packed : batch.plain].join('\n');
    const script = { text, sha: createHash('sha1').update(text).digest('hex') };
    this.scripts.set(step, script);
    return script;
  }

  /** BullMQ's script as a function of the keys and arguments that BullMQ passes. Its text is unchanged. */
  private bullMqFunction(name: BullMqFunction): string {
    return this.bullmq ? `local function ${name}(KEYS, ARGV)\n${this.bullmq[name]}\nend` : `local ${name}`;
  }
}

/** Who waits for the reply to a call. */
interface Caller {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the call may be made again once what kept it from running is mended. */
  readonly mayRepeat: boolean;
}

/** Removes damaged values that may have kept a call with these names from running. Returns whether there were any. */
export type Mend = (names: readonly string[]) => Promise<boolean>;

/** Longer arguments are no names. */
const longestName = 500;

/** Calls of one step that are sent in one command. */
interface Batch {
  readonly step: LuaStep;
  readonly calls: (readonly Argument[])[];
  /** Total number of arguments, and their total length in characters. */
  count: number;
  size: number;
  readonly callers: Caller[];
}

const sizeOf = (args: readonly Argument[]): number =>
  args.reduce<number>((size, argument) => size + (typeof argument === 'string' ? argument.length : 0), 0);

/** Whether another call fits into the batch. */
const hasRoom = (batch: Batch, step: LuaStep, args: readonly Argument[], size: number): boolean =>
  batch.step === step && !step.alone && batch.count + args.length < mostArguments && batch.size + size <= mostText;

/** Converts an argument to text. An unpaired surrogate, which Redis's JSON rejects, becomes the replacement character. */
function asText(argument: Argument, large: string[]): Argument {
  if (typeof argument === 'number') return String(argument);
  if (argument.length < largeText) return isWellFormed(argument) ? argument : Buffer.from(argument).toString();
  // ARGV[1] is the JSON of the lists.
  return large.push(argument) + 1;
}

/** The arguments of a command: those of a single call as they are, those of several as JSON with the large texts beside it. */
function commandArguments(calls: readonly (readonly Argument[])[]): readonly Argument[] {
  const [only = []] = calls;
  if (calls.length === 1 && only.length <= mostArguments) return ['', ...only];
  const large: string[] = [];
  const lists = calls.map((args) => args.map((argument) => asText(argument, large)));
  return [JSON.stringify(lists), ...large];
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

/** Runs steps on the keys of one docket. */
export class ScriptRunner {
  /** Steps whose text was sent on this connection. */
  private readonly sent = new Set<LuaStep>();
  private batch: Batch | undefined;

  constructor(
    private readonly redis: RedisClient,
    readonly prefix: string,
    private readonly scripts: Scripts,
    private readonly mend?: Mend,
  ) {
    redis.on('close', () => this.sent.clear());
  }

  /**
   * Runs a step. Consecutive calls of one step in the same turn of the event loop become one command, which costs both sides
   * much less. Steps run in the order of the calls.
   */
  run(step: LuaStep, ...args: readonly Argument[]): Promise<Reply> {
    return this.call(step, args, this.mend !== undefined);
  }

  private call(step: LuaStep, args: readonly Argument[], mayRepeat: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const size = sizeOf(args);
      if (this.batch && !hasRoom(this.batch, step, args, size)) this.flush();
      const batch = (this.batch ??= this.newBatch(step));
      batch.calls.push(args);
      batch.count += args.length;
      batch.size += size;
      batch.callers.push({ resolve, reject, mayRepeat });
    });
  }

  private newBatch(step: LuaStep): Batch {
    // Runs after the continuations of the replies that were just read.
    process.nextTick(() => this.flush());
    return { step, calls: [], count: 0, size: 0, callers: [] };
  }

  private flush(): void {
    const { batch } = this;
    this.batch = undefined;
    if (batch) void this.send(batch);
  }

  private async send({ step, calls, callers }: Batch): Promise<void> {
    try {
      const reply = await this.reply(step, commandArguments(calls));
      const replies = step.packed ? unpacked(reply as string[]) : (reply as (Reply | Error)[]);
      callers.forEach((caller, index) => {
        const reply = replies[index] ?? null;
        if (!(reply instanceof Error)) caller.resolve(reply);
        else if (caller.mayRepeat && isDamage(reply)) void this.repeat(step, calls[index] ?? [], caller, reply);
        else caller.reject(reply);
      });
    } catch (error) {
      for (const { reject } of callers) reject(error);
    }
  }

  /** Makes a call again if a damaged value kept it from running and could be removed. Steps may be sent twice. */
  private async repeat(
    step: LuaStep,
    args: readonly Argument[],
    { resolve, reject }: Caller,
    error: Error,
  ): Promise<void> {
    try {
      const names = args.map(String).filter((name) => name !== '' && name.length <= longestName);
      if (!(await this.mend?.(names))) throw error;
      resolve(await this.call(step, args, false));
    } catch (failure) {
      reject(failure);
    }
  }

  /**
   * Sends the text of a step once on each connection. If it were sent only when Redis asks for it, later steps would overtake
   * this one.
   */
  private async reply(step: LuaStep, args: readonly Argument[]): Promise<unknown> {
    const { text, sha } = this.scripts.of(step);
    if (!this.sent.has(step)) {
      this.sent.add(step);
      return this.redis.eval(text, 1, this.prefix, ...args);
    }
    try {
      return await this.redis.evalsha(sha, 1, this.prefix, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.redis.eval(text, 1, this.prefix, ...args);
    }
  }
}
