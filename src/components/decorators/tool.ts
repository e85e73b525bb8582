import type { z } from 'zod';
import { declareMethod, refuseBare } from './declarations.js';
import type { ToolOptions } from '../options.js';
import type { ToolResult } from '../results/results.js';

/** Any method. */
export type Method = (...args: never[]) => unknown;

type TakesSomewhere<Value, Parameters extends readonly unknown[]> = Parameters extends readonly [
  infer First,
  ...infer Rest,
]
  ? [Value] extends [First]
    ? true
    : TakesSomewhere<Value, Rest>
  : Parameters extends readonly []
    ? false
    : true;

/** `unknown` when the input fits a parameter, otherwise a type whose error prints both. */
export type FitInput<Input extends z.ZodType | undefined, M extends Method> = Input extends z.ZodType
  ? TakesSomewhere<z.output<Input>, Required<Parameters<M>>> extends true
    ? unknown
    : { 'input: the schema gives': z.output<Input>; 'but the method takes': Parameters<M>[0] }
  : unknown;

/** `unknown` when the return type fits `output`, otherwise a type whose error prints both. */
export type FitOutput<Output extends z.ZodType | undefined, M extends Method> = Output extends z.ZodType
  ? [Awaited<ReturnType<M>>] extends [z.output<Output> | ToolResult]
    ? unknown
    : { 'output: the schema takes': z.output<Output>; 'but the method returns': Awaited<ReturnType<M>> }
  : unknown;

/** The type of `@tool(…)`, `@resource(…)` and `@job(…)`, which checks the schemas against the method. */
export type ComponentDecorator<Input extends z.ZodType | undefined, Output extends z.ZodType | undefined> = <
  M extends Method,
>(
  target: object,
  name: string,
  descriptor: TypedPropertyDescriptor<M> & FitInput<Input, M> & FitOutput<Output, M>,
) => void;

/**
 * Makes a method a tool. A parameter with `@param` receives one argument. With `input`, the first parameter without a
 * decorator receives the whole input. Every other parameter is injected.
 *
 * @throws {ErrandError} `DECORATOR_MODE` without `experimentalDecorators` in the tsconfig that covers the file.
 *
 * @example
 * ```ts
 * import { Progress, tool } from 'errand';
 * import { z } from 'zod';
 *
 * const Range = z.object({ from: z.number().int(), to: z.number().int() });
 *
 * class Numbers {
 *   @tool({ description: 'Add up a range', input: Range, output: z.number(), task: 'optional' })
 *   async sum({ from, to }: z.infer<typeof Range>, progress: Progress) {
 *     await progress.setTotal(to - from + 1);
 *     let sum = 0;
 *     for (let number = from; number <= to; number++) {
 *       sum += number;
 *       await progress.increment();
 *     }
 *     return sum;
 *   }
 * }
 * ```
 */
export function tool<Input extends z.ZodType | undefined = undefined, Output extends z.ZodType | undefined = undefined>(
  options?: ToolOptions<Input, Output>,
): ComponentDecorator<Input, Output>;
export function tool(...args: unknown[]): ComponentDecorator<undefined, undefined> {
  refuseBare('@tool', args);
  const [options = {}] = args as [options?: ToolOptions<undefined, undefined>];
  return (target, name) => declareMethod(target, name, { kind: 'tool', options });
}
