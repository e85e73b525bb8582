import { z } from 'zod';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import type { Annotations, Icon, ToolAnnotations } from '../protocol/types.js';

/** Whether a component may run in the background. `true` means `'optional'`, `false` means `'forbidden'`. */
export type TaskOption = boolean | TaskMode;

/** As `execution.taskSupport` of MCP 2025-11-25. */
export type TaskMode = 'optional' | 'required' | 'forbidden';

/** When a failed background call is tried again: how often in all, or that and the wait in between. */
export type RetryOption =
  | number
  | {
      /** How often it is tried in all. */
      readonly attempts: number;
      /** The wait before the second attempt. Default `'1s'`. */
      readonly delay?: Duration;
      /** `fixed` waits the same each time, `exponential` (the default) doubles it. */
      readonly backoff?: 'fixed' | 'exponential';
      /** The longest wait. Default `'1m'`. */
      readonly maximumDelay?: Duration;
    };

/**
 * What bounds the background calls of a component on all workers of a docket together. A call that has to wait because of it is
 * `queued`, and keeps no other component waiting.
 */
export interface ComponentLimitOptions {
  /** How many run at once; at least 1. One that waits for an answer counts as well. Default: no bound. */
  readonly concurrency?: number;
  /** How many begin within a time, which is counted from the first of them. Each attempt counts. Default: no bound. */
  readonly rate?: {
    /** The most that begin within the time; at least 1. */
    readonly max: number;
    /** The time; at least 1 ms. */
    readonly duration: Duration;
  };
}

/** What all components have in common. */
interface RunOptions<Input extends z.ZodType | undefined> {
  /** The whole input, an object or a union of objects: the first parameter without a decorator of its own receives it. */
  readonly input?: Input;
  /** How long one attempt may run, not counting open questions. Default: the server's `timeout`. */
  readonly timeout?: Duration;
  /** When a background attempt that threw is followed by another. Default: never. */
  readonly retry?: RetryOption;
  /** Where a background call stands in line: 0 (the default) goes first, larger numbers later, up to 2,097,151. */
  readonly priority?: number;
  /**
   * How many calls of it run in the background at once, and how many begin there in a time, however many workers there are.
   * Calls in the foreground are not counted. Default: as many as the workers can make.
   */
  readonly limits?: ComponentLimitOptions;
}

/** What tools and jobs have in common. */
interface OutputOption<Output extends z.ZodType | undefined> {
  /** What the method returns. Anything but an object travels as `{ result: … }`. */
  readonly output?: Output;
}

/** What components have in common that clients list. */
interface ListedOptions {
  /** Default: the name of the method. */
  readonly name?: string;
  /** What people see instead of the name. */
  readonly title?: string;
  /** What the model, or the user, reads to decide whether to use it. */
  readonly description?: string;
  /** Whether it may run as a background task. Default: the server's `tasks`. */
  readonly task?: TaskOption;
  /** Pictures for clients that show it. */
  readonly icons?: Icon[];
  /** Passed through to clients as it is. */
  readonly _meta?: Record<string, unknown>;
}

/** What a tool is, as the client sees it and as it runs. */
export interface ToolOptions<Input extends z.ZodType | undefined, Output extends z.ZodType | undefined>
  extends RunOptions<Input>, OutputOption<Output>, ListedOptions {
  /** Hints for clients: read-only, destructive, idempotent, open world. */
  readonly annotations?: ToolAnnotations;
  /**
   * What the model reads at once when the call runs as a task, while the result is still to come: a text, or a function
   * of the validated input that makes one (`io.modelcontextprotocol/model-immediate-response`, 2025-11-25).
   */
  readonly immediateResponse?:
    string | ((input: Input extends z.ZodType ? z.output<Input> : Record<string, unknown>) => string);
}

/** What a prompt is, as the client sees it and as it runs. Its arguments travel as strings. */
export interface PromptOptions<Input extends z.ZodType | undefined> extends RunOptions<Input>, ListedOptions {}

/** What a resource or a resource template is, as the client sees it and as it is read. */
export interface ResourceOptions<Input extends z.ZodType | undefined> extends RunOptions<Input>, ListedOptions {
  /** What it holds. Default: `text/plain` for strings, `application/octet-stream` for bytes, else `application/json`. */
  readonly mimeType?: string;
  /** Who it is for, and how much it matters. */
  readonly annotations?: Annotations;
}

/** What a job is: work that only the docket starts, and that no client sees. */
export interface JobOptions<Input extends z.ZodType | undefined, Output extends z.ZodType | undefined>
  extends RunOptions<Input>, OutputOption<Output> {
  /** How records name it. Default: `Class.method`. */
  readonly name?: string;
}

/** A retry option with nothing left open; delays in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly delay: number;
  readonly backoff: 'fixed' | 'exponential';
  readonly maximumDelay: number;
}

/** What holds without a `retry`: one attempt. */
export const noRetry: RetryPolicy = { attempts: 1, delay: 1_000, backoff: 'exponential', maximumDelay: 60_000 };

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toRetryPolicy(option: unknown, where: string): RetryPolicy {
  const given = (typeof option === 'object' ? (option ?? {}) : { attempts: option }) as Partial<RetryPolicy>;
  const { attempts = 0, backoff = noRetry.backoff } = given;
  if (!Number.isSafeInteger(attempts) || attempts < 1 || !['fixed', 'exponential'].includes(backoff)) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${where}: retry is ${JSON.stringify(option)}. Give the number of attempts (1 or more) or { attempts, delay, backoff: 'fixed' | 'exponential', maximumDelay }.`,
    );
  }
  return {
    attempts,
    backoff,
    delay: toMilliseconds(given.delay ?? noRetry.delay, `${where}: retry.delay`),
    maximumDelay: toMilliseconds(given.maximumDelay ?? noRetry.maximumDelay, `${where}: retry.maximumDelay`),
  };
}

/** What BullMQ can tell apart. */
const lastPriority = 2 ** 21 - 1;

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toPriority(option: unknown, where: string): number {
  if (Number.isSafeInteger(option) && Number(option) >= 0 && Number(option) <= lastPriority) return Number(option);
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${where}: priority is ${JSON.stringify(option)}. Give a whole number from 0, which goes first, to ${lastPriority}.`,
  );
}

/** Limits with nothing left to parse. */
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
export function toLimits(option: unknown, where: string): ComponentLimits {
  const { data } = Limits.safeParse(option);
  const duration = data?.rate && toMilliseconds(data.rate.duration, `${where}: limits.rate.duration`);
  if (!data || duration === 0) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${where}: limits is ${JSON.stringify(option)}. Give { concurrency }, { rate: { max, duration } } or both, with whole numbers of at least 1 and a time of at least 1 ms.`,
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
