import 'reflect-metadata';
import type { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { decoratorModeError } from '../injection/parameters.js';
import type { JobOptions, ToolOptions } from './options.js';

/** What `@tool` or `@job` said about a method. */
export type MethodDeclaration =
  | { readonly kind: 'tool'; readonly options: ToolOptions<z.ZodType | undefined, z.ZodType | undefined> }
  | { readonly kind: 'job'; readonly options: JobOptions<z.ZodType | undefined, z.ZodType | undefined> };

/** What `@param` or `@ask` said about a parameter. */
export type ParameterDeclaration =
  | { readonly from: 'param'; readonly name: string; readonly schema: z.ZodType }
  | { readonly from: 'ask'; readonly message: string | ((input: never) => string); readonly schema: z.ZodType };

const methodsKey = Symbol.for('errand.methods');
const parametersKey = Symbol.for('errand.parameters');

const ownMethods = (prototype: object): Map<string, MethodDeclaration> | undefined =>
  Reflect.getOwnMetadata(methodsKey, prototype) as Map<string, MethodDeclaration> | undefined;

const ownParameters = (prototype: object, method: string): Map<number, ParameterDeclaration> | undefined =>
  Reflect.getOwnMetadata(parametersKey, prototype, method) as Map<number, ParameterDeclaration> | undefined;

/** Called by `@tool` and `@job`. */
export function declareMethod(target: unknown, method: unknown, declaration: MethodDeclaration): void {
  const decorator = `@${declaration.kind}`;
  if (typeof method === 'object') throw decoratorModeError(decorator);
  if (typeof target !== 'object' || target === null || typeof method !== 'string') {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${decorator} on ${typeof method === 'symbol' ? method.toString() : 'something else than a method'}: a component is a method of a class with a name of its own, not a static or symbol-named one.`,
    );
  }
  const methods = ownMethods(target) ?? new Map<string, MethodDeclaration>();
  if (methods.has(method)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${target.constructor.name}.${method} has two component decorators. Keep one.`,
    );
  }
  Reflect.defineMetadata(methodsKey, methods.set(method, declaration), target);
}

/** Called by `@param` and `@ask`. */
export function declareParameter(
  target: unknown,
  method: unknown,
  index: number,
  declaration: ParameterDeclaration,
): void {
  if (typeof target !== 'object' || target === null || typeof method !== 'string') {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `@${declaration.from} belongs on a parameter of a method, not of a constructor.`,
    );
  }
  const parameters = ownParameters(target, method) ?? new Map<number, ParameterDeclaration>();
  if (parameters.has(index)) {
    throw new ErrandError(
      'PARAMETER_CONFLICT',
      `${target.constructor.name}.${method}, parameter ${index + 1}, has two of @param and @ask. Keep one.`,
    );
  }
  Reflect.defineMetadata(parametersKey, parameters.set(index, declaration), target, method);
}

/** One decorated method, with the prototype whose metadata describes it. */
export interface DeclaredMethod {
  readonly name: string;
  readonly prototype: object;
  readonly declaration: MethodDeclaration;
  readonly parameters: ReadonlyMap<number, ParameterDeclaration>;
}

/**
 * The decorated methods of a class and of its bases, the bases first.
 *
 * @throws {ErrandError} `COMPONENT_INVALID` for an override without a decorator of its own: it would be called with what
 * the base method's parameters ask for.
 */
export function declaredMethods(component: { readonly prototype: object; readonly name: string }): DeclaredMethod[] {
  const found = new Map<string, DeclaredMethod>();
  const lineage: object[] = [];
  for (let prototype = component.prototype; prototype !== Object.prototype;) {
    lineage.unshift(prototype);
    const parent = Object.getPrototypeOf(prototype) as object | null;
    if (parent === null) break;
    prototype = parent;
  }
  for (const prototype of lineage) {
    const own = ownMethods(prototype);
    for (const [name, declaration] of own ?? []) {
      found.set(name, { name, prototype, declaration, parameters: ownParameters(prototype, name) ?? new Map() });
    }
    for (const [name, base] of found) {
      if (base.prototype === prototype || !Object.hasOwn(prototype, name)) continue;
      throw new ErrandError(
        'COMPONENT_INVALID',
        `${prototype.constructor.name}.${name} overrides ${base.prototype.constructor.name}.${name}, which has @${base.declaration.kind}, ` +
          `without a decorator of its own. Repeat @${base.declaration.kind}(…) on the override.`,
      );
    }
  }
  return [...found.values()];
}
