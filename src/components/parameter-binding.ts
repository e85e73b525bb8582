import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { refuseOtherCopy } from '../base/package-copy.js';
import type { Injection } from '../injection/inject.js';
import type { Class } from '../injection/tokens.js';
import { methodParameters, holeError, type Parameter } from '../injection/reflection/parameters.js';
import type { DeclaredMethod, MethodDeclaration, ParameterDeclaration } from './decorators/declarations.js';
import { requireSchema } from './schema/require-schema.js';

/** The source of one argument of a method. */
export type ArgumentSource =
  | { readonly from: 'input' }
  | { readonly from: 'param'; readonly name: string }
  | { readonly from: 'injection'; readonly at: number }
  | { readonly from: 'ask'; readonly at: number };

/** A question that is asked before the method runs. */
export interface AskedParameter {
  /** Identifies the question throughout the execution. */
  readonly key: string;
  readonly message: string | ((input: never) => string);
  readonly schema: z.ZodType;
}

/** The sources of a method's arguments, by the binding rule. */
export interface ParameterBinding {
  /** In the order of the method's parameters. */
  readonly sources: readonly ArgumentSource[];
  readonly injections: readonly Injection[];
  /** Names the parameter of each injection in messages: `parameter 2 (pool)`. */
  readonly parameters: readonly string[];
  readonly asks: readonly AskedParameter[];
  /** The schema of the whole input; without `input`, made from the `@param`s. */
  readonly schema: z.ZodType;
}

/**
 * Applies the binding rule to a decorated method. `isToken` decides whether a class can be injected.
 *
 * @throws {ErrandError} `PARAMETER_UNBOUND` or `PARAMETER_CONFLICT`, naming class, method and position.
 */
export function bindMethod(
  component: string,
  method: DeclaredMethod,
  isToken: (type: Class) => boolean,
): ParameterBinding {
  const where = `${component}.${method.name}`;
  const input = method.declaration.options.input;
  const sources: ArgumentSource[] = [];
  const injections: Injection[] = [];
  const parameters: string[] = [];
  const injected = (injection: Injection, parameter: Parameter): ArgumentSource => {
    parameters.push(`parameter ${position(parameter)}`);
    return { from: 'injection', at: injections.push(injection) - 1 };
  };
  const asks: AskedParameter[] = [];
  const shape: Record<string, z.ZodType> = {};
  let inputTaken = false;

  for (const parameter of methodParameters(method.prototype, method.name, [...method.parameters.keys()])) {
    const { index, injection } = parameter;
    const declared = method.parameters.get(index);
    const at = `${where}, parameter ${position(parameter)}`;
    refuseOtherCopy(parameter.type, () => `${at}: the class ${parameter.type?.name}`);
    if (parameter.rest) throw restError(at, declared);
    if (declared !== undefined && injection !== undefined) {
      throw new ErrandError('PARAMETER_CONFLICT', `${at}, has both @${declared.from} and @inject. Keep one.`);
    }
    if (declared?.from === 'param') {
      if (method.declaration.kind === 'job') throw namedArgumentOfJob(at, declared.name);
      sources.push(bindParam(declared, shape, input !== undefined, at, parameter.name));
    } else if (declared?.from === 'ask') {
      refuseMessage(declared.message, at);
      requireSchema(declared.schema, `${at}: the schema of @ask`, 'z.boolean()');
      sources.push({ from: 'ask', at: asks.length });
      asks.push({ key: `ask-${index}`, message: declared.message, schema: declared.schema });
    } else if (injection !== undefined) {
      sources.push(injected(injection, parameter));
    } else if (input !== undefined && !inputTaken) {
      if (parameter.type !== undefined && isToken(parameter.type)) {
        throw new ErrandError(
          'PARAMETER_CONFLICT',
          `${at}, receives the input as the first parameter without a decorator, but its type ${parameter.type.name} is an injectable token. ` +
            `Put a parameter for the input before it, or write @inject(${parameter.type.name}) on it.`,
        );
      }
      inputTaken = true;
      sources.push({ from: 'input' });
    } else {
      if (parameter.type === undefined) throw unbound(at, parameter, method.declaration);
      const typed = { token: parameter.type, all: false, lazy: false, delayed: false, optional: false };
      sources.push(injected(typed, parameter));
    }
  }
  return { sources, injections, parameters, asks, schema: input ?? z.object(shape) };
}

/** A parameter that nothing fills. One that is destructured is meant for the arguments of the client. */
function unbound(at: string, parameter: Parameter, { kind, options }: MethodDeclaration): ErrandError {
  if (!parameter.destructured) return holeError(at, parameter, 'method');
  const way =
    options.input === undefined
      ? `Write @${kind}({ input: z.object({ … }) })`
      : 'Another parameter receives `input`: take all arguments there';
  return new ErrandError(
    'PARAMETER_UNBOUND',
    `${at}: it is destructured, as the arguments of the client are, but nothing says what it receives. ${way}, or @param(name, schema) for each argument.`,
  );
}

/** The docket passes an input whole: the type of a method does not tell what its arguments are called. */
function namedArgumentOfJob(at: string, name: unknown): ErrandError {
  return new ErrandError(
    'COMPONENT_INVALID',
    `${at}: @param('${String(name)}') takes an argument that clients send by name, and a job has none. Declare it in @job({ input: z.object({ … }) }), whose first parameter receives it whole.`,
  );
}

function refuseMessage(message: unknown, at: string): void {
  if (typeof message === 'string' || typeof message === 'function') return;
  throw new ErrandError(
    'PARAMETER_UNBOUND',
    `${at}: @ask was given ${typeof message === 'object' ? 'a schema' : `a value of type ${typeof message}`} as its question. Write @ask('Which environment?', schema).`,
  );
}

function restError(at: string, declared: ParameterDeclaration | undefined): ErrandError {
  const name = declared?.from === 'param' ? declared.name : 'names';
  return new ErrandError(
    'PARAMETER_UNBOUND',
    `${at}: it is a rest parameter, which takes one argument after the other, but each parameter receives one value. Take an array: @param('${name}', z.array(…)).`,
  );
}

function bindParam(
  declared: ParameterDeclaration & { from: 'param' },
  shape: Record<string, z.ZodType>,
  hasInput: boolean,
  at: string,
  parameterName: string | undefined,
): ArgumentSource {
  const { name, schema } = declared as { name: unknown; schema: unknown };
  if (typeof name !== 'string') {
    throw new ErrandError(
      'PARAMETER_UNBOUND',
      `${at}: @param was given ${typeof name === 'object' ? 'a schema' : `a value of type ${typeof name}`} as the name of its argument. Write @param('${parameterName ?? 'name'}', schema).`,
    );
  }
  requireSchema(schema, `${at}: the schema of @param('${name}')`, 'z.string()');
  if (hasInput) {
    throw new ErrandError(
      'PARAMETER_CONFLICT',
      `${at}: @param('${declared.name}') cannot be combined with \`input\`. Use @param for every argument, or add '${declared.name}' to the input schema.`,
    );
  }
  if (Object.hasOwn(shape, declared.name)) {
    throw new ErrandError(
      'PARAMETER_CONFLICT',
      `${at}: a second @param('${declared.name}'). Give each argument a name of its own.`,
    );
  }
  if (declared.name === '' || declared.name === '__proto__') {
    throw new ErrandError(
      'PARAMETER_CONFLICT',
      `${at}: '${declared.name}' cannot be the name of an argument. Choose another.`,
    );
  }
  shape[declared.name] = declared.schema;
  return { from: 'param', name: declared.name };
}

const position = ({ index, name }: Parameter): string =>
  name === undefined ? `${index + 1}` : `${index + 1} (${name})`;
