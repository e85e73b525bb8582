/** A function of our Lua that runs one of BullMQ's own scripts. */
export type BullMqFunction = 'addJob' | 'takeJob' | 'finishJob';

/** BullMQ's own scripts, as Lua, by the functions that run them. */
export type BullMqSteps = Readonly<Record<BullMqFunction, string>>;

/** One atomic step in Redis. Its file in `lua/steps` says what it does, takes and returns. */
export interface LuaStep {
  /** The folder and the name of its file. */
  readonly name: string;
  /** The functions of BullMQ that it calls. */
  readonly bullmq: readonly BullMqFunction[];
  /** The Lua that it includes, in order, beginning with what every step includes. */
  readonly parts: readonly string[];
  /** The body of the function that the step is. */
  readonly body: string;
  /** Whether each step is a command of its own. For long steps: Redis does nothing else while it runs the steps of one command. */
  readonly alone: boolean;
  /**
   * Whether the replies come as one JSON text, with large inputs beside it. Cheaper for replies with many parts. An empty list
   * arrives as an empty record, and `false` as `false`.
   */
  readonly packed: boolean;
}
