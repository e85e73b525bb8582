import type { Duration } from '../base/duration.js';
import type { CurrentAccessToken, CurrentPrincipal } from '../call/principal.js';
import type { RetryOption } from '../components/retry-policy.js';
import type { Method } from '../components/decorators/tool.js';
import type { Docket } from './docket.js';
import type { CurrentExecution, CurrentWorker } from '../call/worker-tokens.js';

/** Options of `docket.schedule`. They override the component's own. */
export interface ScheduleOptions {
  /** Whether and when a failed attempt is retried. Default: the component's. */
  readonly retry?: RetryOption;
  /** How long one attempt may run. Default: the component's. */
  readonly timeout?: Duration;
  /** 0 (first) to 2,097,151 (last). Default: the component's. */
  readonly priority?: number;
}

/** Options of `docket.add`. They override the component's own. */
export interface AddOptions extends ScheduleOptions {
  /** Makes `add` idempotent: while an execution with this key is alive, adding again returns that one. Default: a UUID. */
  readonly key?: string;
  /** When to run: a time, or a delay from now. Default: at once. */
  readonly when?: Date | Duration;
}

/** Options of `docket.replace`. */
export interface ReplaceOptions extends AddOptions {
  /** The key of the execution to replace, if one is alive. */
  readonly key: string;
}

/** The methods of a class. */
export type MethodName<T> = { [Name in keyof T]: T[Name] extends Method ? Name : never }[keyof T] & string;

/** Whether a parameter is injected, judged by its type: a token of Errand, or anything with methods, which no input has. */
type IsInjected<T> = T extends
  CurrentPrincipal | CurrentAccessToken | CurrentExecution | CurrentWorker | { docket: Docket }
  ? true
  : true extends { [Name in keyof T]: T[Name] extends Method ? true : never }[keyof T]
    ? true
    : false;

/** The input of a method; undefined if its first parameter is injected. */
type MethodInput<M> = M extends (...args: infer Parameters) => unknown
  ? Required<Parameters> extends readonly [infer First, ...unknown[]]
    ? IsInjected<First> extends true
      ? [input?: undefined]
      : [input: First]
    : [input?: undefined]
  : never;

/** The arguments after the method's name: its input, unless the first parameter is injected, and options. */
export type AddArguments<M, Options = AddOptions> = M extends Method ? [...MethodInput<M>, options?: Options] : never;

/** The arguments of `replace` after the method's name. */
export type ReplaceArguments<M> =
  [] extends MethodInput<M>
    ? [input: undefined, options: ReplaceOptions]
    : [...MethodInput<M>, options: ReplaceOptions];

/** The arguments after a definition: its input, unless it takes none, and options. */
export type DefinitionArguments<Input, Options = AddOptions> = undefined extends Input
  ? [input?: Input, options?: Options]
  : [input: Input, options?: Options];

/** The arguments of `replace` after a definition. */
export type DefinitionReplaceArguments<Input> = [input: Input, options: ReplaceOptions];

/** The type of a method's result. */
export type ResultOf<M> = M extends (...args: never[]) => infer Returned ? Awaited<Returned> : never;
