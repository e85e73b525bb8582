import { ErrandError } from '../base/errors.js';
import { unknownOption } from '../base/read-options.js';
import type { TypedParameterDecorator } from './parameter-types.js';
import { isLazy, isToken, tokenName, type Injectable, type Injected, type InjectionToken } from './tokens.js';
import {
  annotateParameter,
  delayedClass,
  descriptorsOf,
  isDelayed,
  isDescriptor,
  type Descriptor,
} from './tsyringe.js';

/** A request for an injection, as the plan compiler reads it. */
export interface Injection {
  readonly token: InjectionToken;
  /** Whether to inject an array with the instances of all the token's providers. */
  readonly all: boolean;
  /** Whether to inject a function that builds the instance when called. */
  readonly lazy: boolean;
  /** Whether to inject a proxy that breaks a cycle (tsyringe's `delay`). */
  readonly delayed: boolean;
  /** Whether to inject `undefined` (with `all`, an empty array) when nothing provides the token. */
  readonly optional: boolean;
}

/** Options of {@link inject} and {@link injectAll}. */
export interface InjectOptions {
  /** Whether the token may be absent. Default: `false`. */
  readonly optional?: boolean;
}

const methodKey = 'errand:inject';

/**
 * Chooses the token to inject into a parameter of a constructor or a component method. The program compiles only if the
 * token's type fits the parameter.
 *
 * @example
 * ```ts
 * import { inject, injectable, token } from 'errand';
 *
 * const Region = token<string>('Region');
 *
 * @injectable()
 * class Warehouse {
 *   constructor(@inject(Region, { optional: true }) private readonly region: string | undefined) {}
 * }
 * ```
 * @throws {ErrandError} `PARAMETER_UNBOUND` when `token` is not a token, `PARAMETER_CONFLICT` when the parameter
 * already has one.
 */
export function inject<I extends Injectable>(
  token: I,
  options?: { readonly optional?: false },
): TypedParameterDecorator<Injected<I>, '@inject: the token gives'>;
export function inject<I extends Injectable>(
  token: I,
  options: InjectOptions,
): TypedParameterDecorator<Injected<I> | undefined, '@inject: the token gives'>;
export function inject(token: unknown, options: InjectOptions = {}): ParameterDecorator {
  return requestDecorator('@inject', { token, multiple: false, isOptional: isOptional('@inject', options) });
}

/**
 * Injects an array with the instances of all the token's providers, in the order of the providers. With `optional`, the
 * array is empty when there are none.
 */
export function injectAll<I extends InjectionToken>(
  token: I,
  options?: InjectOptions,
): TypedParameterDecorator<Injected<I>[], '@injectAll: the token gives'>;
export function injectAll(token: unknown, options: InjectOptions = {}): ParameterDecorator {
  return requestDecorator('@injectAll', { token, multiple: true, isOptional: isOptional('@injectAll', options) });
}

function requestDecorator(decorator: string, descriptor: Descriptor): ParameterDecorator {
  return (target, key, index: unknown) => {
    if (typeof index !== 'number') throw notOnParameter(decorator, target, key);
    const parameter = nameOfParameter(target, key, index);
    refuseNonToken(descriptor.token, `${parameter}: ${decorator}`);
    const before = key === undefined ? descriptorsOf(target) : methodDescriptors(target, key);
    if (before?.has(index)) {
      throw new ErrandError('PARAMETER_CONFLICT', `${parameter} has two injection decorators. Keep one.`);
    }
    if (key === undefined) {
      annotateParameter(target, index, descriptor.token, descriptor.multiple ?? false, descriptor.isOptional ?? false);
    } else {
      Reflect.defineMetadata(methodKey, new Map(before).set(index, descriptor), target, key);
    }
  };
}

/** Without a compiler's check it may be anywhere: on a property, where other frameworks have it, or on a class. */
function notOnParameter(decorator: string, target: object, key: string | symbol | undefined): ErrandError {
  const owner = typeof target === 'function' ? target.name : (target.constructor as { name: string }).name;
  const where = key === undefined ? `the class ${owner}` : `${owner}.${String(key)}`;
  return new ErrandError(
    'PARAMETER_UNBOUND',
    `${decorator} is on ${where}, but only parameters are injected. Take the instance in the constructor: constructor(${decorator}(Token) private readonly name: Type).`,
  );
}

function isOptional(decorator: string, options: unknown): boolean {
  const names = typeof options === 'object' && options !== null ? Object.keys(options) : undefined;
  const unknown = names?.find((name) => name !== 'optional');
  if (names !== undefined && unknown === undefined) return (options as InjectOptions).optional ?? false;
  const what = unknown === undefined ? `its options are a ${typeof options}` : unknownOption(unknown, ['optional']);
  throw new ErrandError('OPTIONS_INVALID', `${decorator}: ${what}. Write { optional: true } or nothing.`);
}

function nameOfParameter(target: object, key: string | symbol | undefined, index: number): string {
  const owner = typeof target === 'function' ? target.name : (target.constructor as { name: string }).name;
  return key === undefined
    ? `${owner}, constructor parameter ${index + 1}`
    : `${owner}.${String(key)}, parameter ${index + 1}`;
}

function refuseNonToken(token: unknown, what: string): void {
  if (isLazy(token)) return refuseNonToken(token.token, `${what}(lazy)`);
  if (isToken(token) || isDelayed(token)) return;
  throw new ErrandError(
    'PARAMETER_UNBOUND',
    token === undefined
      ? `${what} got undefined, most likely because of a circular import. Import the class from its own file, or write @inject(delay(() => TheClass)).`
      : `${what} got ${typeof token === 'function' ? 'a function that is not a class' : tokenName(token)}. Give a class, a token(), a string, a symbol, lazy() or delay().`,
  );
}

/** The parameters with {@link inject} or {@link injectAll}, by index. Ignores methods that `prototype` inherits. */
export function methodDescriptors(
  prototype: object,
  key: string | symbol,
): ReadonlyMap<number, Descriptor> | undefined {
  return Reflect.getOwnMetadata(methodKey, prototype, key) as ReadonlyMap<number, Descriptor> | undefined;
}

/**
 * Reads a request in any form: an argument of {@link inject}, an entry of an `inject` list, or tsyringe's metadata.
 *
 * @throws {ErrandError} `PARAMETER_UNBOUND` when it is none of these.
 */
export function injectionOf(request: unknown): Injection {
  if (isRequestObject(request)) {
    return read(request.token, isDescriptor(request) && (request.multiple ?? false), optionalOf(request));
  }
  return read(request, false, false);
}

function isRequestObject(request: unknown): request is { token: unknown } {
  return typeof request === 'object' && request !== null && !isLazy(request) && 'token' in request;
}

function optionalOf(request: object): boolean {
  return (
    ('optional' in request && request.optional === true) || ('isOptional' in request && request.isOptional === true)
  );
}

function read(requested: unknown, all: boolean, optional: boolean): Injection {
  refuseNonToken(requested, 'A request for an injection');
  const lazy = isLazy(requested);
  const token = lazy ? requested.token : requested;
  if (!isDelayed(token)) return { token: token as InjectionToken, all, lazy, delayed: false, optional };
  return {
    // Read late: the class may not exist yet when `delay` is called.
    get token() {
      const target = delayedClass(token);
      if (isToken(target)) return target;
      throw new ErrandError('PARAMETER_UNBOUND', `delay() returned ${tokenName(target)}, which is not a class.`);
    },
    all,
    lazy,
    delayed: !lazy,
    optional,
  };
}
