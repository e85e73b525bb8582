import type { z } from 'zod';
import type { TypedParameterDecorator } from '../../injection/parameter-types.js';
import { declareParameter, refuseBare } from './declarations.js';

/**
 * Binds a parameter to one of the client's arguments. The JSON schema has the property `name`, and the parameter
 * receives the parsed value.
 *
 * @example
 * ```ts
 * import { Context, param, tool } from 'errand';
 * import { z } from 'zod';
 *
 * class Greetings {
 *   @tool({ description: 'Greet somebody' })
 *   greet(@param('name', z.string()) name: string, ctx: Context) {
 *     return `Hello ${name}, this is ${ctx.component}`;
 *   }
 * }
 * ```
 */
export function param<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
): TypedParameterDecorator<z.output<Schema>, '@param: the schema gives'>;
export function param(...args: unknown[]): TypedParameterDecorator<unknown, '@param: the schema gives'> {
  refuseBare('@param', args);
  const [name, schema] = args as [name: string, schema: z.ZodType];
  return (target: object, method: string | symbol | undefined, index: number) =>
    declareParameter(target, method, index, { from: 'param', name, schema });
}

/**
 * Asks the *user* for the value of a parameter, before the method runs and before any call-scoped instance is built.
 * The parameter is not part of the JSON schema. When the user declines or cancels, the call fails with
 * `QUESTION_DECLINED` and the method never runs.
 *
 * @param message - the text for the user, or a function that makes it from the validated input
 * @param schema - a flat object, a scalar or an enum; createServer() refuses others with `ELICITATION_SCHEMA`
 *
 * @example
 * ```ts
 * import { ask, tool } from 'errand';
 * import { z } from 'zod';
 *
 * const Where = z.object({ environment: z.enum(['staging', 'production']) });
 *
 * class Deployments {
 *   @tool({ description: 'Deploy the newest build' })
 *   deploy(@ask('Which environment?', Where) where: z.infer<typeof Where>) {
 *     return `Deployed to ${where.environment}`;
 *   }
 * }
 * ```
 */
export function ask<Schema extends z.ZodType, Input = unknown>(
  message: string | ((input: Input) => string),
  schema: Schema,
): TypedParameterDecorator<z.output<Schema>, '@ask: the user gives'>;
export function ask(...args: unknown[]): TypedParameterDecorator<unknown, '@ask: the user gives'> {
  refuseBare('@ask', args);
  const [message, schema] = args as [message: string | ((input: never) => string), schema: z.ZodType];
  return (target: object, method: string | symbol | undefined, index: number) =>
    declareParameter(target, method, index, {
      from: 'ask',
      message,
      schema,
    });
}
