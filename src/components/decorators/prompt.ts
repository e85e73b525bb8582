import type { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import type { PromptArgument } from '../../protocol/types.js';
import { declareMethod } from './declarations.js';
import { toJsonSchema, type ObjectJsonSchema } from '../schema/json-schema.js';
import { dereferenced } from '../schema/moved-schema.js';
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
 * Makes a method a prompt. Parameters are bound as for a tool. Arguments travel as strings, so use `z.coerce.number()`
 * for a number. The method returns text, content, `userMessage(…)`, `assistantMessage(…)` or an array of these. Errors
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
  options: PromptOptions<Input> = {},
): PromptDecorator<Input> {
  return (target, name) => declareMethod(target, name, { kind: 'prompt', options });
}

/**
 * The arguments, as listed by `prompts/list`.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` for an argument that is not a string on the wire.
 */
export function promptArguments(schema: z.ZodType, label: string): PromptArgument[] {
  const where = `${label}: input`;
  const json = toJsonSchema(schema, where, 'in', coerced) as ObjectJsonSchema;
  const required = new Set(json.required);
  return Object.entries(json.properties ?? {}).map(([name, described]) => {
    const property = dereferenced(described as Record<string, unknown>, json);
    if (!takesText(property)) {
      throw new ErrandError(
        'SCHEMA_UNSUPPORTED',
        `${where}: '${name}' is ${JSON.stringify(property.type ?? Object.keys(property))}, but prompt arguments travel as strings. Use z.string(), z.enum(…), z.coerce or z.codec() from a string.`,
      );
    }
    return {
      name,
      ...(typeof property.title === 'string' && { title: property.title }),
      ...(typeof property.description === 'string' && { description: property.description }),
      required: required.has(name),
    };
  });
}

const takesText = (property: Record<string, unknown>): boolean =>
  property.type === 'string' ||
  property.type === undefined ||
  (Array.isArray(property.type) && property.type.includes('string'));

/** Coerced types accept text, whatever they turn it into. */
function coerced({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  if ('coerce' in zodSchema._zod.def && zodSchema._zod.def.coerce === true) {
    Object.assign(jsonSchema, { type: 'string' });
  }
}
