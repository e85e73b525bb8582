import type { z } from 'zod';
import type { TypedParameterDecorator } from '../../injection/parameter-types.js';
import { declareParameter } from './declarations.js';

/**
 * One argument of the client by name. The JSON schema gets the property `name`; the parameter receives the parsed value.
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
): TypedParameterDecorator<z.output<Schema>, '@param: the schema gives'> {
  return (target: object, method: string | symbol | undefined, index: number) =>
    declareParameter(target, method, index, { from: 'param', name, schema });
}

/**
 * A question as a parameter: the *user* supplies the value before the method runs, and before anything that lives as
 * long as the call is built. The parameter is not part of the JSON schema. When the user declines or cancels, the call
 * ends with a clear error and the method never runs.
 *
 * @param message - what the user reads, or a function that makes it from the validated input
 * @param schema - a flat object, or one scalar or enum; createServer() refuses others with `ELICITATION_SCHEMA`
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
): TypedParameterDecorator<z.output<Schema>, '@ask: the user gives'> {
  return (target: object, method: string | symbol | undefined, index: number) =>
    declareParameter(target, method, index, {
      from: 'ask',
      message: message as string | ((input: never) => string),
      schema,
    });
}
