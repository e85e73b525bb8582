import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { refuseOtherCopy } from '../base/package-copy.js';
import type { Injection } from '../injection/inject.js';
import type { Class } from '../injection/tokens.js';
import { methodParameters, holeError, type Parameter } from '../injection/reflection/parameters.js';
import type { DeclaredMethod, ParameterDeclaration } from './decorators/declarations.js';

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
  const asks: AskedParameter[] = [];
  const shape: Record<string, z.ZodType> = {};
  let inputTaken = false;

  for (const parameter of methodParameters(method.prototype, method.name, [...method.parameters.keys()])) {
    const { index, injection } = parameter;
    const declared = method.parameters.get(index);
    const at = `${where}, parameter ${position(parameter)}`;
    refuseOtherCopy(parameter.type, () => `${at}: the class ${parameter.type?.name}`);
    if (declared !== undefined && injection !== undefined) {
      throw new ErrandError('PARAMETER_CONFLICT', `${at}, has both @${declared.from} and @inject. Keep one.`);
    }
    if (declared?.from === 'param') {
      sources.push(bindParam(declared, shape, input !== undefined, at));
    } else if (declared?.from === 'ask') {
      sources.push({ from: 'ask', at: asks.length });
      asks.push({ key: `ask-${index}`, message: declared.message, schema: declared.schema });
    } else if (injection !== undefined) {
      sources.push({ from: 'injection', at: injections.push(injection) - 1 });
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
      if (parameter.type === undefined) throw holeError(at, parameter, 'method');
      const typed = { token: parameter.type, all: false, lazy: false, delayed: false, optional: false };
      sources.push({ from: 'injection', at: injections.push(typed) - 1 });
    }
  }
  return { sources, injections, asks, schema: input ?? z.object(shape) };
}

function bindParam(
  declared: ParameterDeclaration & { from: 'param' },
  shape: Record<string, z.ZodType>,
  hasInput: boolean,
  at: string,
): ArgumentSource {
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
