import 'reflect-metadata';
import type { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { decoratorModeError } from '../../injection/reflection/parameters.js';
import type { JobOptions, PromptOptions, ResourceOptions, ToolOptions } from '../options.js';

/** What `@tool`, `@prompt`, `@resource` or `@job` said about a method. */
export type MethodDeclaration =
  | { readonly kind: 'tool'; readonly options: ToolOptions<z.ZodType | undefined, z.ZodType | undefined> }
  | { readonly kind: 'prompt'; readonly options: PromptOptions<z.ZodType | undefined> }
  | { readonly kind: 'resource'; readonly uri: string; readonly options: ResourceOptions<z.ZodType | undefined> }
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

/** Called by the decorators of methods. */
export function declareMethod(target: unknown, method: unknown, declaration: MethodDeclaration): void {
  const decorator = `@${declaration.kind}`;
  if (typeof method === 'object') throw decoratorModeError(decorator);
  const place: Place = { target, method: method as Place['method'] };
  if (!isInstanceMethod(place)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${decorator} on ${placeName(place)}: a component is a method of instances, named by a string.`,
    );
  }
  const methods = ownMethods(place.target) ?? new Map<string, MethodDeclaration>();
  if (methods.has(place.method)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${place.target.constructor.name}.${place.method} has two component decorators. Keep one.`,
    );
  }
  Reflect.defineMetadata(methodsKey, methods.set(place.method, declaration), place.target);
}

/** Called by `@param` and `@ask`. */
export function declareParameter(
  target: unknown,
  method: string | symbol | undefined,
  index: number,
  declaration: ParameterDeclaration,
): void {
  const place = { target, method };
  if (!isInstanceMethod(place)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `@${declaration.from} on ${placeName(place)}: it belongs on a parameter of a method of instances, named by a string.`,
    );
  }
  const parameters = ownParameters(place.target, place.method) ?? new Map<number, ParameterDeclaration>();
  if (parameters.has(index)) {
    throw new ErrandError(
      'PARAMETER_CONFLICT',
      `${place.target.constructor.name}.${place.method}, parameter ${index + 1}, has two of @param and @ask. Keep one.`,
    );
  }
  Reflect.defineMetadata(parametersKey, parameters.set(index, declaration), place.target, place.method);
}

/** Where a decorator stands, as the compiler hands it over. */
interface Place {
  readonly target: unknown;
  readonly method: string | symbol | undefined;
}

function isInstanceMethod(place: Place): place is { target: object; method: string } {
  return typeof place.target === 'object' && place.target !== null && typeof place.method === 'string';
}

function placeName({ target, method }: Place): string {
  const owner = typeof target === 'function' ? target : (target as object).constructor;
  if (method === undefined) return `the constructor of ${owner.name}`;
  return `the ${typeof target === 'function' ? 'static ' : ''}method ${String(method)} of ${owner.name}`;
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
