import { z } from 'zod';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import { readOptions } from '../base/read-options.js';
import type { Annotations, Icon, ToolAnnotations } from '../protocol/types.js';
import { shown } from '../base/shown.js';
import type { RetryOption } from './retry-policy.js';
import { requireSchema } from './schema/require-schema.js';

/** Whether a component may run in the background. `true` means `'optional'`, `false` means `'forbidden'`. */
export type TaskOption = boolean | TaskMode;

/** Whether calls run as tasks, as in `execution.taskSupport` of MCP 2025-11-25. */
export type TaskMode = 'optional' | 'required' | 'forbidden';

/**
 * Limits on a component's background calls, across all workers of the docket. A call over the limit stays `queued` and
 * does not hold up other components.
 */
export interface ComponentLimitOptions {
  /** The most calls at once; at least 1. Calls that wait for an answer count too. Default: unlimited. */
  readonly concurrency?: number;
  /** The most calls that start within a period, which begins with the first. Retries count. Default: unlimited. */
  readonly rate?: {
    /** The most calls that start within the period; at least 1. */
    readonly max: number;
    /** The length of the period; at least 1 ms. */
    readonly duration: Duration;
  };
}

/** Options of every component. */
interface RunOptions<Input extends z.ZodType | undefined> {
  /** The schema of the input, an object or a union of objects. The first undecorated parameter receives it whole. */
  readonly input?: Input;
  /** How long one attempt may run, not counting open questions. Default: the server's `timeout`. */
  readonly timeout?: Duration;
  /** When a background call that threw is retried. Default: never. */
  readonly retry?: RetryOption;
  /** The position of background calls in the queue: 0 first, up to 2,097,151. Default: 0. */
  readonly priority?: number;
  /**
   * Limits on background calls, across all workers. Foreground calls do not count. Default: as many calls as the
   * workers can run.
   */
  readonly limits?: ComponentLimitOptions;
}

/** Options of tools and jobs. */
interface OutputOption<Output extends z.ZodType | undefined> {
  /** The schema of the return value. Anything but an object travels as `{ result: … }`. */
  readonly output?: Output;
}

/** Options of components that clients list. */
interface ListedOptions {
  /** Default: the name of the method. */
  readonly name?: string;
  /** The name that clients display. */
  readonly title?: string;
  /** Helps the model, or the user, decide whether to use the component. */
  readonly description?: string;
  /** Whether the component may run as a background task. Default: the server's `tasks`. */
  readonly task?: TaskOption;
  /** Icons for clients to display. */
  readonly icons?: Icon[];
  /** Passed to clients unchanged. */
  readonly _meta?: Record<string, unknown>;
}

/** Options of a tool. */
export interface ToolOptions<Input extends z.ZodType | undefined, Output extends z.ZodType | undefined>
  extends RunOptions<Input>, OutputOption<Output>, ListedOptions {
  /** Hints for clients: read-only, destructive, idempotent, open world. */
  readonly annotations?: ToolAnnotations;
  /**
   * A text for the model to read while the call runs as a task, or a function that makes it from the validated input
   * (`io.modelcontextprotocol/model-immediate-response`, 2025-11-25).
   */
  readonly immediateResponse?:
    string | ((input: Input extends z.ZodType ? z.output<Input> : Record<string, unknown>) => string);
}

/** Options of a prompt. Its arguments travel as strings. */
export interface PromptOptions<Input extends z.ZodType | undefined> extends RunOptions<Input>, ListedOptions {}

/** Options of a resource or a resource template. */
export interface ResourceOptions<Input extends z.ZodType | undefined> extends RunOptions<Input>, ListedOptions {
  /**
   * The type of the contents. Default: `text/plain` for strings, `application/octet-stream` for bytes, else
   * `application/json`.
   */
  readonly mimeType?: string;
  /** Who the resource is for, and how important it is. */
  readonly annotations?: Annotations;
}

/** Options of a job, which only the docket starts and no client sees. */
export interface JobOptions<Input extends z.ZodType | undefined, Output extends z.ZodType | undefined>
  extends RunOptions<Input>, OutputOption<Output> {
  /** The name in records of the docket. Default: `Class.method`. */
  readonly name?: string;
}

/** Options whose own readers refuse wrong values. */
const runShape = {
  input: z.unknown().optional(),
  timeout: z.unknown().optional(),
  retry: z.unknown().optional(),
  priority: z.unknown().optional(),
  limits: z.unknown().optional(),
};

const listedShape = {
  name: z.string().optional(),
  title: z.string().optional(),
  description: z.string().optional(),
  task: z.unknown().optional(),
  icons: z.array(z.unknown()).optional(),
  _meta: z.record(z.string(), z.unknown()).optional(),
};

const annotations = z.record(z.string(), z.unknown()).optional();
const output = z.unknown().optional();

type AnySchema = z.ZodType | undefined;

/** What each kind of component takes. The compiler finds an option that is missing here, or is none. */
const shapes = {
  tool: {
    ...runShape,
    ...listedShape,
    output,
    annotations,
    immediateResponse: z
      .custom<unknown>(
        (given) => ['undefined', 'string', 'function'].includes(typeof given),
        'expected text or a function',
      )
      .optional(),
  } satisfies Record<keyof ToolOptions<AnySchema, AnySchema>, z.ZodType>,
  prompt: { ...runShape, ...listedShape } satisfies Record<keyof PromptOptions<AnySchema>, z.ZodType>,
  resource: {
    ...runShape,
    ...listedShape,
    annotations,
    mimeType: z.string().optional(),
  } satisfies Record<keyof ResourceOptions<AnySchema>, z.ZodType>,
  job: { ...runShape, output, name: z.string().optional() } satisfies Record<
    keyof JobOptions<AnySchema, AnySchema>,
    z.ZodType
  >,
};

/** What a definition has beside the options of its kind. */
const definitionShape = { inject: z.unknown().optional(), run: z.unknown().optional() };

/**
 * Refuses options of a component that do not exist, or are of the wrong type.
 *
 * @param by - what declares the component, for example `@tool` or `defineTool`
 * @throws {ErrandError} `OPTIONS_INVALID`, `SCHEMA_UNSUPPORTED`
 */
export function checkComponentOptions(kind: keyof typeof shapes, options: unknown, label: string, by: string): void {
  if (typeof options === 'string') {
    const text = JSON.stringify(shown(options));
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${label}: ${by} takes an object of options, and was given the text ${text}. Write { description: ${text} }.`,
    );
  }
  const shape = by.startsWith('@') ? shapes[kind] : { ...shapes[kind], ...definitionShape };
  const read: Record<string, unknown> = readOptions(z.strictObject(shape), options, `${label}: ${by}`);
  for (const name of ['input', 'output']) {
    if (read[name] !== undefined) requireSchema(read[name], `${label}: ${name}`);
  }
}

/** The last priority that BullMQ has. */
const lastPriority = 2 ** 21 - 1;

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toPriority(option: unknown, where: string): number {
  if (Number.isSafeInteger(option) && Number(option) >= 0 && Number(option) <= lastPriority) return Number(option);
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${where}: priority is ${JSON.stringify(option)}. Give a whole number from 0 (first) to ${lastPriority}.`,
  );
}

/** Parsed limits. */
export interface ComponentLimits {
  readonly concurrency?: number;
  /** `duration` in milliseconds. */
  readonly rate?: { readonly max: number; readonly duration: number };
}

const Limits = z
  .strictObject({
    concurrency: z.int().min(1).optional(),
    rate: z.strictObject({ max: z.int().min(1), duration: z.union([z.number(), z.string()]) }).optional(),
  })
  .refine(({ concurrency, rate }) => concurrency !== undefined || rate !== undefined);

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toComponentLimits(option: unknown, where: string): ComponentLimits {
  const { data } = Limits.safeParse(option);
  const duration = data?.rate && toMilliseconds(data.rate.duration, `${where}: limits.rate.duration`);
  if (!data || duration === 0) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${where}: limits is ${JSON.stringify(option)}. Give { concurrency }, { rate: { max, duration } } or both, with whole numbers of at least 1 and a duration of at least 1 ms.`,
    );
  }
  return {
    ...(data.concurrency !== undefined && { concurrency: data.concurrency }),
    // Redis counts in whole milliseconds.
    ...(data.rate && duration !== undefined && { rate: { max: data.rate.max, duration: Math.ceil(duration) } }),
  };
}

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toTaskMode(option: unknown, where: string): TaskMode {
  if (option === true) return 'optional';
  if (option === false) return 'forbidden';
  const mode = z.enum(['optional', 'required', 'forbidden']).safeParse(option);
  if (mode.success) return mode.data;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${where}: task is ${JSON.stringify(option)}. Give true, false, 'optional', 'required' or 'forbidden'.`,
  );
}
