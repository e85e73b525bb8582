import { ErrandError } from '../base/errors.js';
import type { TypedParameterDecorator } from './parameter-types.js';
import { isLazy, isToken, tokenName, type Injectable, type Injected, type InjectionToken } from './tokens.js';
import { delayedClass, describe, descriptorsOf, isDelayed, isDescriptor, type Descriptor } from './tsyringe.js';

/** One request for an injection, as the plan compiler reads it. */
export interface Injection {
  readonly token: InjectionToken;
  /** Every provider of the token, as an array. */
  readonly all: boolean;
  /** A function that builds it when it is called. */
  readonly lazy: boolean;
  /** tsyringe's `delay`: a stand-in that breaks a cycle. */
  readonly delayed: boolean;
  /** `undefined` (with `all`, an empty array) when nothing provides the token. */
  readonly optional: boolean;
}

/** Settings of {@link inject} and {@link injectAll}. */
export interface InjectOptions {
  /** Whether the token may be absent. Default `false`. */
  readonly optional?: boolean;
}

const methodKey = 'errand:inject';

/**
 * Says what is injected for a parameter of a constructor or of a component's method. What the token gives must fit the
 * parameter, or the program does not compile.
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
 * @throws {ErrandError} `PARAMETER_UNBOUND` when it is given what is no token, `PARAMETER_CONFLICT` when the parameter has another.
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
  return note('@inject', { token, multiple: false, isOptional: options.optional ?? false });
}

/**
 * Injects an array with what every provider of the token gives, in the order of the providers. With `optional`, an empty
 * array when there are none.
 */
export function injectAll<I extends InjectionToken>(
  token: I,
  options?: InjectOptions,
): TypedParameterDecorator<Injected<I>[], '@injectAll: the token gives'>;
export function injectAll(token: unknown, options: InjectOptions = {}): ParameterDecorator {
  return note('@injectAll', { token, multiple: true, isOptional: options.optional ?? false });
}

function note(decorator: string, descriptor: Descriptor): ParameterDecorator {
  return (target, key, index) => {
    const place = placeName(target, key, index);
    refuseNonToken(descriptor.token, `${place}: ${decorator}`);
    const before = key === undefined ? descriptorsOf(target) : methodDescriptors(target, key);
    if (before?.has(index)) {
      throw new ErrandError('PARAMETER_CONFLICT', `${place} is injected twice. Leave one of the decorators.`);
    }
    if (key === undefined) {
      describe(target, index, descriptor.token, descriptor.multiple ?? false, descriptor.isOptional ?? false);
    } else {
      Reflect.defineMetadata(methodKey, new Map(before).set(index, descriptor), target, key);
    }
  };
}

function placeName(target: object, key: string | symbol | undefined, index: number): string {
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
      ? `${what} got undefined, most likely from a circular import. Import the class from its own file, or write @inject(delay(() => TheClass)).`
      : `${what} got ${typeof token === 'function' ? 'a function that is no class' : tokenName(token)}. Give a class, a token(), a string, a symbol, lazy() or delay().`,
  );
}

/** The parameters of the method of `prototype` itself that carry {@link inject} or {@link injectAll}, by index. */
export function methodDescriptors(
  prototype: object,
  key: string | symbol,
): ReadonlyMap<number, Descriptor> | undefined {
  return Reflect.getOwnMetadata(methodKey, prototype, key) as ReadonlyMap<number, Descriptor> | undefined;
}

/**
 * Reads one request: what {@link inject} takes, an entry of an `inject` list, or what tsyringe noted on a parameter.
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
    // Asked late: where `delay` is written, the class may not have been evaluated yet.
    get token() {
      const target = delayedClass(token);
      if (isToken(target)) return target;
      throw new ErrandError('PARAMETER_UNBOUND', `delay() gave ${tokenName(target)}, which is no class.`);
    },
    all,
    lazy,
    delayed: !lazy,
    optional,
  };
}
