import 'reflect-metadata';
import type { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { markCopy } from '../../base/package-copy.js';
import { decoratorModeError } from '../../injection/reflection/parameters.js';
import type { Class } from '../../injection/tokens.js';
import type { JobOptions, PromptOptions, ResourceOptions, ToolOptions } from '../options.js';

/** The declaration of a method by `@tool`, `@prompt`, `@resource` or `@job`. */
export type MethodDeclaration =
  | { readonly kind: 'tool'; readonly options: ToolOptions<z.ZodType | undefined, z.ZodType | undefined> }
  | { readonly kind: 'prompt'; readonly options: PromptOptions<z.ZodType | undefined> }
  | { readonly kind: 'resource'; readonly uri: string; readonly options: ResourceOptions<z.ZodType | undefined> }
  | { readonly kind: 'job'; readonly options: JobOptions<z.ZodType | undefined, z.ZodType | undefined> };

/** The declaration of a parameter by `@param` or `@ask`. */
export type ParameterDeclaration =
  | { readonly from: 'param'; readonly name: string; readonly schema: z.ZodType }
  | { readonly from: 'ask'; readonly message: string | ((input: never) => string); readonly schema: z.ZodType };

const methodsKey = Symbol.for('errand.methods');
const parametersKey = Symbol.for('errand.parameters');

const ownMethods = (prototype: object): Map<string, MethodDeclaration> | undefined =>
  Reflect.getOwnMetadata(methodsKey, prototype) as Map<string, MethodDeclaration> | undefined;

const ownParameters = (prototype: object, method: string): Map<number, ParameterDeclaration> | undefined =>
  Reflect.getOwnMetadata(parametersKey, prototype, method) as Map<number, ParameterDeclaration> | undefined;

/**
 * Refuses a decorator that is written without its parentheses: the compiler then passes it what it decorates.
 *
 * @param args - all arguments of the decorator's maker, which takes two at most
 * @throws {ErrandError} `COMPONENT_INVALID`
 */
export function refuseBare(decorator: string, args: readonly unknown[]): void {
  const [target, method] = args;
  if (typeof method === 'object' && method !== null && 'kind' in method && 'addInitializer' in method) {
    throw decoratorModeError(decorator);
  }
  const onClass = args.length === 1 && typeof target === 'function';
  const onMember = args.length > 2 && target !== undefined && target !== null;
  if (!onClass && !onMember) return;
  const where = onClass ? `the class ${target.name}` : nameOfTarget({ target, method: method as string | symbol });
  throw new ErrandError('COMPONENT_INVALID', `${decorator} on ${where} lacks its parentheses. Write ${decorator}(…).`);
}

/** Records the declaration of a method decorator. */
export function declareMethod(target: unknown, method: unknown, declaration: MethodDeclaration): void {
  const decorator = `@${declaration.kind}`;
  if (typeof method === 'object') throw decoratorModeError(decorator);
  const decorated: DecoratorTarget = { target, method: method as DecoratorTarget['method'] };
  if (!isInstanceMethod(decorated)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${decorator} on ${isClassTarget(decorated) ? `the class ${decorated.target.name}` : nameOfTarget(decorated)}: a component is an instance method with a string name. ${wayOut(decorated)}`,
    );
  }
  const methods = ownMethods(decorated.target) ?? new Map<string, MethodDeclaration>();
  if (methods.has(decorated.method)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${decorated.target.constructor.name}.${decorated.method} has two component decorators. Keep one.`,
    );
  }
  markCopy(declaration);
  Reflect.defineMetadata(methodsKey, methods.set(decorated.method, declaration), decorated.target);
}

/** Records the declaration of `@param` or `@ask`. */
export function declareParameter(
  target: unknown,
  method: string | symbol | undefined,
  index: number,
  declaration: ParameterDeclaration,
): void {
  const decorated = { target, method };
  if (!isInstanceMethod(decorated)) {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `@${declaration.from} on ${nameOfTarget(decorated)}: it belongs on a parameter of an instance method with a string name.`,
    );
  }
  if (typeof index !== 'number') {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `@${declaration.from} on ${decorated.target.constructor.name}.${decorated.method}: it belongs on a parameter, and this is none.`,
    );
  }
  const parameters = ownParameters(decorated.target, decorated.method) ?? new Map<number, ParameterDeclaration>();
  if (parameters.has(index)) {
    throw new ErrandError(
      'PARAMETER_CONFLICT',
      `${decorated.target.constructor.name}.${decorated.method}, parameter ${index + 1}, has two of @param and @ask. Keep one.`,
    );
  }
  Reflect.defineMetadata(parametersKey, parameters.set(index, declaration), decorated.target, decorated.method);
}

/** The target of a decorator, as the compiler passes it. */
interface DecoratorTarget {
  readonly target: unknown;
  readonly method: string | symbol | undefined;
}

function isInstanceMethod(decorated: DecoratorTarget): decorated is { target: object; method: string } {
  return typeof decorated.target === 'object' && decorated.target !== null && typeof decorated.method === 'string';
}

function isClassTarget(decorated: DecoratorTarget): decorated is { target: Class; method: undefined } {
  return typeof decorated.target === 'function' && decorated.method === undefined;
}

function wayOut(decorated: DecoratorTarget): string {
  if (isClassTarget(decorated)) return 'Put it on a method of the class.';
  if (typeof decorated.target === 'function') return 'Remove `static`.';
  return 'Give the method a name that is text, and set `name` if clients should see another.';
}

function nameOfTarget({ target, method }: DecoratorTarget): string {
  const owner = typeof target === 'function' ? target : (target as object).constructor;
  if (method === undefined) return `the constructor of ${owner.name}`;
  return `the ${typeof target === 'function' ? 'static ' : ''}method ${String(method)} of ${owner.name}`;
}

/** A decorated method, with the prototype whose metadata describes it. */
export interface DeclaredMethod {
  readonly name: string;
  readonly prototype: object;
  readonly declaration: MethodDeclaration;
  readonly parameters: ReadonlyMap<number, ParameterDeclaration>;
}

/**
 * The decorated methods of a class and its base classes, base classes first.
 *
 * @throws {ErrandError} `COMPONENT_INVALID` for what is no method (a getter, a property), and for an override without a
 * decorator of its own, which would be called with the base method's arguments.
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
      refuseNonMethod(prototype, name, declaration.kind);
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

/** A property exists only on instances, and so late that nothing can be read from it. */
function refuseNonMethod(prototype: object, name: string, kind: string): void {
  const found = Object.getOwnPropertyDescriptor(prototype, name);
  if (typeof found?.value === 'function') return;
  const what = found === undefined ? 'a property' : found.get || found.set ? 'a getter or setter' : 'not a function';
  throw new ErrandError(
    'COMPONENT_INVALID',
    `@${kind} on ${prototype.constructor.name}.${name}, which is ${what}. Write it as a method: ${name}(…) { … }.`,
  );
}
