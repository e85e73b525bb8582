import type { Duration } from '../base/duration.js';
import type { CurrentAccessToken, CurrentPrincipal } from '../call/principal.js';
import type { RetryOption } from '../components/options.js';
import type { Method } from '../components/decorators/tool.js';
import type { Docket } from './docket.js';
import type { CurrentExecution, CurrentWorker } from '../call/worker-tokens.js';

/** Where the executions of a schedule differ from what their component says. */
export interface ScheduleOptions {
  /** When an attempt that threw is followed by another. Default: what the component says. */
  readonly retry?: RetryOption;
  /** How long one attempt may run. */
  readonly timeout?: Duration;
  /** 0 goes first, larger numbers later, up to 2,097,151. Default: what the component says. */
  readonly priority?: number;
}

/** Where an entry differs from what its component says. */
export interface AddOptions extends ScheduleOptions {
  /** Makes `add` idempotent: while an execution with this key is alive, adding again gives that one. Default: a UUID. */
  readonly key?: string;
  /** When it becomes due: a time, or a delay from now. Default: at once. */
  readonly when?: Date | Duration;
}

/** Where an entry that replaces another differs from what its component says. */
export interface ReplaceOptions extends AddOptions {
  /** Whose place it takes: that of the live execution with this key, if there is one. */
  readonly key: string;
}

/** The methods of a class. */
export type MethodName<T> = { [Name in keyof T]: T[Name] extends Method ? Name : never }[keyof T] & string;

/** What is injected, as far as its type tells: tokens of Errand, and whatever has methods, which no input has. */
type IsInjected<T> = T extends
  CurrentPrincipal | CurrentAccessToken | CurrentExecution | CurrentWorker | { docket: Docket }
  ? true
  : true extends { [Name in keyof T]: T[Name] extends Method ? true : never }[keyof T]
    ? true
    : false;

/** The input of a method; undefined when its first parameter is injected. */
type MethodInput<M> = M extends (...args: infer Parameters) => unknown
  ? Required<Parameters> extends readonly [infer First, ...unknown[]]
    ? IsInjected<First> extends true
      ? [input?: undefined]
      : [input: First]
    : [input?: undefined]
  : never;

/** What follows the method's name: its input, or nothing when its first parameter is injected. */
export type AddArguments<M, Options = AddOptions> = M extends Method ? [...MethodInput<M>, options?: Options] : never;

/** What follows the method's name in `replace`. */
export type ReplaceArguments<M> =
  [] extends MethodInput<M>
    ? [input: undefined, options: ReplaceOptions]
    : [...MethodInput<M>, options: ReplaceOptions];

/** What follows a definition: its input, or nothing when it takes none. */
export type DefinitionArguments<Input, Options = AddOptions> = undefined extends Input
  ? [input?: Input, options?: Options]
  : [input: Input, options?: Options];

/** What follows a definition in `replace`. */
export type DefinitionReplaceArguments<Input> = [input: Input, options: ReplaceOptions];

/** What `add` gives for a method. */
export type ResultOf<M> = M extends (...args: never[]) => infer Returned ? Awaited<Returned> : never;
