import type { z } from 'zod';
import { declareMethod, refuseBare } from './declarations.js';
import type { PromptOptions } from '../options.js';
import type { PromptReturn } from '../results/prompt-output.js';
import type { FitInput, Method } from './tool.js';

/** `unknown` when the method returns messages, else a type whose error prints both. */
type FitMessages<M extends Method> = [Awaited<ReturnType<M>>] extends [PromptReturn]
  ? unknown
  : { 'a prompt returns': PromptReturn; 'but the method returns': Awaited<ReturnType<M>> };

/** The type of `@prompt(…)`, which checks the input schema and the return type of the method. */
export type PromptDecorator<Input extends z.ZodType | undefined> = <M extends Method>(
  target: object,
  name: string,
  descriptor: TypedPropertyDescriptor<M> & FitInput<Input, M> & FitMessages<M>,
) => void;

/**
 * Makes a method a prompt. Parameters are bound as for a tool. Arguments travel as text, and are converted to the types of
 * their schema: `"3"` to a number, `"true"` to a boolean, `"a, b"` or `'["a","b"]'` to a list. The method returns text, content, `userMessage(…)`, `assistantMessage(…)` or an array of these. Errors
 * become protocol errors: clients see the text of a `ToolError`, and a reference id for others.
 *
 * With `task`, clients may run it as a task (`prompts/get` with `task`). The specification has tasks for tools only, so
 * `prompts/list` announces it in `_meta['errand/task-support']`.
 *
 * @throws {ErrandError} `DECORATOR_MODE` without `experimentalDecorators` in the tsconfig that covers the file.
 *
 * @example
 * ```ts
 * import { param, prompt, userMessage } from 'errand';
 * import { z } from 'zod';
 *
 * class ReviewPrompts {
 *   @prompt({ description: 'Review a change' })
 *   review(@param('diff', z.string()) diff: string) {
 *     return [userMessage('Review this change, the worst faults first.'), userMessage(diff)];
 *   }
 * }
 * ```
 */
export function prompt<Input extends z.ZodType | undefined = undefined>(
  options?: PromptOptions<Input>,
): PromptDecorator<Input>;
export function prompt(...args: unknown[]): PromptDecorator<undefined> {
  refuseBare('@prompt', args);
  const [options = {}] = args as [options?: PromptOptions<undefined>];
  return (target, name) => declareMethod(target, name, { kind: 'prompt', options });
}
