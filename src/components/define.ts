import { markCopy } from '../base/package-copy.js';
import type { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import type { InjectedTuple, InjectionRequest } from '../injection/tokens.js';
import type { ToolMap, ToolShape } from '../protocol/types.js';
import type { JobOptions, ToolOptions } from './options.js';
import type { ToolResult } from './results/results.js';

type InputOf<Input extends z.ZodType | undefined> = Input extends z.ZodType ? z.output<Input> : Record<string, never>;
type Returned<Output extends z.ZodType | undefined> = Output extends z.ZodType
  ? z.output<Output> | ToolResult
  : unknown;

interface Runnable<
  Input extends z.ZodType | undefined,
  Output extends z.ZodType | undefined,
  Inject extends readonly InjectionRequest[],
> {
  /** The tokens whose instances `run` receives after the input, in order. */
  readonly inject?: Inject;
  readonly run: (
    input: InputOf<Input>,
    ...injected: InjectedTuple<Inject>
  ) => Returned<Output> | Promise<Returned<Output>>;
}

type AnyOptions = ToolOptions<z.ZodType | undefined, z.ZodType | undefined>;

const mark = Symbol.for('errand.defined-component');

/** A component without a class, made by {@link defineTool} or {@link defineJob}, for `components` and `docket.add`. */
export class DefinedComponent<out Input = unknown, out Result = unknown, out Tools extends ToolMap = ToolMap> {
  /** For the compiler only: the types of the component. */
  declare readonly types: {
    /** The input. */
    readonly input: Input;
    /** The result. */
    readonly result: Result;
    /** The tool that clients see, by name; none for a job. */
    readonly tools: Tools;
  };

  /** @internal */
  constructor(
    /** Whether it is a tool or a job. */
    readonly kind: 'tool' | 'job',
    /** Its name. Tools and jobs share one set of names. */
    readonly name: string,
    /** The options that it was defined with. @internal */
    readonly options: AnyOptions,
    /** The tokens for the parameters after the input. */
    readonly inject: readonly InjectionRequest[],
    /** The function that each call runs. */
    readonly run: (...args: unknown[]) => unknown,
  ) {
    Object.defineProperty(this, mark, { value: true });
    markCopy(this);
  }
}

/** Whether {@link defineTool} or {@link defineJob} made `value`, even those of another copy of the package. */
export function isDefinedComponent(value: unknown): value is DefinedComponent {
  return typeof value === 'object' && value !== null && mark in value;
}

/** The input of `docket.add`. Without `input`, there is none, and `run` receives an empty object. */
type AddedInput<Input extends z.ZodType | undefined> = Input extends z.ZodType ? z.output<Input> : undefined;

type ResultOf<Output extends z.ZodType | undefined> = Output extends z.ZodType ? z.output<Output> : unknown;

/** A tool as clients see it: the wire types of its arguments and its structured content. */
interface DefinedShape<Input extends z.ZodType | undefined, Output extends z.ZodType | undefined> {
  readonly input: Input extends z.ZodType ? Extract<z.input<Input>, object> : undefined;
  readonly structured: Output extends z.ZodType ? Structured<z.input<Output>> : unknown;
}

/** A tool whose name is not a literal type may be any tool. */
type Named<Name extends string, Shape extends ToolShape> = string extends Name ? ToolMap : Record<Name, Shape>;

/** An object is its own structured content; any other value travels as `{ result }`. */
type Structured<Value> = [Extract<Value, readonly unknown[]>, Value] extends [never, object]
  ? Value
  : { readonly result: Value };

/**
 * Defines a tool without a class or decorators. The types of `run`'s parameters follow from `input` and `inject`.
 *
 * @example
 * ```ts
 * import { Context, defineTool } from 'errand';
 * import { z } from 'zod';
 *
 * export const greet = defineTool({
 *   name: 'greet',
 *   input: z.object({ name: z.string() }),
 *   inject: [Context],
 *   run: async ({ name }, ctx) => {
 *     const answer = await ctx.elicit(`Is ${name} a friend?`, z.boolean());
 *     return answer.action === 'accept' && answer.content ? `Hi ${name}!` : `Good day, ${name}.`;
 *   },
 * });
 * ```
 */
export function defineTool<
  const Name extends string,
  Input extends z.ZodType | undefined = undefined,
  Output extends z.ZodType | undefined = undefined,
  const Inject extends readonly InjectionRequest[] = [],
>(
  definition: ToolOptions<Input, Output> & { readonly name: Name } & Runnable<Input, Output, Inject>,
): DefinedComponent<AddedInput<Input>, ResultOf<Output>, Named<Name, DefinedShape<Input, Output>>> {
  const { inject = [], run, ...options } = requireObject(definition, 'defineTool');
  return new DefinedComponent(
    'tool',
    options.name,
    options as AnyOptions,
    inject,
    run as (...args: unknown[]) => unknown,
  );
}

/** Defines a job without a class or decorators, as {@link defineTool} defines a tool. */
export function defineJob<
  Input extends z.ZodType | undefined = undefined,
  Output extends z.ZodType | undefined = undefined,
  const Inject extends readonly InjectionRequest[] = [],
>(
  definition: JobOptions<Input, Output> & { readonly name: string } & Runnable<Input, Output, Inject>,
): DefinedComponent<AddedInput<Input>, ResultOf<Output>, never> {
  const { inject = [], run, ...options } = requireObject(definition, 'defineJob');
  return new DefinedComponent('job', options.name, options, inject, run as (...args: unknown[]) => unknown);
}

/** The rest of a definition is checked by createServer(), which knows where it is listed. */
function requireObject<Definition extends object>(definition: Definition, by: string): Definition {
  const given: unknown = definition;
  if (typeof given === 'object' && given !== null) return definition;
  throw new ErrandError(
    'COMPONENT_INVALID',
    `${by} was given ${given === null ? 'null' : `a value of type ${typeof given}`}. Give an object: { name, run, … }.`,
  );
}
