import { ErrandError, messageOf } from '../base/errors.js';
import { didYouMean } from '../base/near-name.js';
import { injectionOf, type Injection } from './inject.js';
import {
  isClass,
  isToken,
  tokenName,
  type Class,
  type InjectedTuple,
  type InjectionRequest,
  type InjectionToken,
} from './tokens.js';

/** How long an instance lives: as long as the server, for one call, or a new one for each dependent. */
export type Lifetime = 'singleton' | 'call' | 'transient';

interface Built<Instance> {
  /** Default: `'singleton'`. */
  readonly lifetime?: Lifetime;
  /**
   * Whether a singleton is built when the server starts even if no component needs it, for example to warm up a cache.
   * Refused with other lifetimes. Default: `false`.
   */
  readonly eager?: boolean;
  /**
   * Disposes an instance when its call or the server ends. Default: its `Symbol.asyncDispose` or `Symbol.dispose`; for
   * classes, also a method `dispose()` without parameters.
   */
  dispose?(instance: Instance): unknown;
}

/** Provides an instance of a class under another token. */
export interface ClassProvider extends Built<never> {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The class. */
  readonly useClass: Class;
}

/** Provides a value as it is. It is neither awaited nor disposed. */
export interface ValueProvider {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The value; `undefined` is refused. */
  readonly useValue: unknown;
}

/** Provides what a function returns. */
export interface FactoryProvider extends Built<never> {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The function. A promise that it returns is awaited, anywhere in the graph. */
  useFactory(...args: never[]): unknown;
  /** The tokens for its parameters, in order. */
  readonly inject?: readonly InjectionRequest[];
}

/** Provides one token's instance under another token as well. */
export interface ExistingProvider {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The token that already provides it. */
  readonly useExisting: InjectionToken;
}

/**
 * An entry of `providers`: a class that is its own token, or one of the forms with `provide`. With {@link provide}, the
 * compiler checks that the parts of an entry fit together.
 */
export type Provider = Class | ClassProvider | ValueProvider | FactoryProvider | ExistingProvider;

/** The argument of {@link provide}: the forms of {@link Provider}, typed to fit the token. */
export type TypedProvider<T, Requests extends readonly InjectionRequest[]> =
  | ({ readonly provide: InjectionToken<T>; readonly useClass: Class<NoInfer<T>> } & Built<NoInfer<T>>)
  | { readonly provide: InjectionToken<T>; readonly useValue: NoInfer<T> }
  | ({
      readonly provide: InjectionToken<T>;
      readonly useFactory: (...args: InjectedTuple<Requests>) => NoInfer<T> | PromiseLike<NoInfer<T>>;
      readonly inject?: Requests;
    } & Built<NoInfer<T>>)
  | { readonly provide: InjectionToken<T>; readonly useExisting: InjectionToken<NoInfer<T>> };

/**
 * Returns the provider unchanged, after a check of its types: the parameters of `useFactory` follow from `inject`, and
 * the instance must fit the token.
 *
 * @example
 * ```ts
 * import { provide } from 'errand';
 *
 * class Session {
 *   release(): void {}
 * }
 * class Pool {
 *   acquire(): Promise<Session> {
 *     return Promise.resolve(new Session());
 *   }
 * }
 * const session = provide({
 *   provide: Session,
 *   useFactory: (pool) => pool.acquire(),
 *   inject: [Pool],
 *   lifetime: 'call',
 *   dispose: (instance) => instance.release(),
 * });
 * ```
 */
export function provide<T, const Requests extends readonly InjectionRequest[] = readonly []>(
  provider: TypedProvider<T, Requests>,
): Provider {
  return provider;
}

interface Registered {
  readonly token: InjectionToken;
}

/** A provider whose shape has been checked. */
export type Registration = Registered &
  (
    | { readonly form: 'value'; readonly value: unknown }
    | { readonly form: 'existing'; readonly existing: InjectionToken }
    | {
        readonly form: 'class';
        readonly target: Class;
        /** Whether the entry was just the class, without a lifetime. */
        readonly bare: boolean;
        readonly lifetime: Lifetime;
        readonly eager?: boolean;
        readonly dispose: ((instance: unknown) => unknown) | undefined;
      }
    | {
        readonly form: 'factory';
        readonly make: (...args: unknown[]) => unknown;
        readonly injections: readonly Injection[];
        readonly lifetime: Lifetime;
        readonly eager?: boolean;
        readonly dispose: ((instance: unknown) => unknown) | undefined;
      }
  );

const forms = ['useClass', 'useValue', 'useFactory', 'useExisting'] as const;
const lifetimes: readonly unknown[] = ['singleton', 'call', 'transient'];
const allowed = {
  useClass: ['provide', 'useClass', 'lifetime', 'eager', 'dispose'],
  useValue: ['provide', 'useValue'],
  useFactory: ['provide', 'useFactory', 'inject', 'lifetime', 'eager', 'dispose'],
  useExisting: ['provide', 'useExisting'],
};

/**
 * Checks the shape of one provider.
 *
 * @param list - the list and position, for example `providers[2]`
 * @throws {ErrandError} `PROVIDER_INVALID`, or `PROVIDER_UNDEFINED` for `useValue: undefined`.
 */
export function registrationOf(provider: unknown, list: string): Registration {
  if (isClass(provider)) {
    return { token: provider, form: 'class', target: provider, bare: true, lifetime: 'singleton', dispose: undefined };
  }
  if (typeof provider !== 'object' || provider === null) {
    throw invalid(
      list,
      `is ${provider === undefined ? 'undefined, most likely because of a circular import' : described(provider)}`,
    );
  }
  const entry = provider as Record<string, unknown>;
  if (!('provide' in entry)) throw withoutToken(entry, list);
  const token = entry.provide;
  if (!isToken(token)) throw invalid(list, `has provide: ${described(token)}, which is not a token`);
  const where = `${list} (${tokenName(token)})`;
  const used = forms.filter((form) => form in entry);
  const [form] = used;
  if (form === undefined) {
    const stray = Object.keys(entry).find((key) => key !== 'provide') ?? '';
    throw invalid(where, 'does not say how to provide it', didYouMean(stray, forms));
  }
  if (used.length > 1) throw invalid(where, `has ${used.join(' and ')}`);
  const stray = Object.keys(entry).find((key) => !allowed[form].includes(key));
  if (stray !== undefined) {
    throw invalid(where, `has ${stray}, which does not go with ${form}`, didYouMean(stray, allowed[form]));
  }
  return registered(form, token, entry, where);
}

/** An object that names no token is most likely an instance, or has another word for it. */
function withoutToken(entry: object, list: string): ErrandError {
  const { constructor } = entry;
  if (typeof constructor === 'function' && constructor !== Object) {
    const { name } = constructor;
    return invalid(
      list,
      `is an instance of ${name}`,
      ` List the class, or give the instance as { provide: ${name}, useValue: … }.`,
    );
  }
  const [first = ''] = Object.keys(entry);
  return invalid(list, 'has no provide, which names the token', didYouMean(first, ['provide']));
}

function registered(
  form: (typeof forms)[number],
  token: InjectionToken,
  entry: Record<string, unknown>,
  where: string,
): Registration {
  const used = entry[form];
  if (form === 'useValue') {
    if (used !== undefined) return { token, form: 'value', value: used };
    throw new ErrandError(
      'PROVIDER_UNDEFINED',
      `${where} has useValue: undefined. Give a value, or remove the provider and inject the token with { optional: true }.`,
    );
  }
  if (form === 'useExisting') {
    if (isToken(used)) return { token, form: 'existing', existing: used };
    throw invalid(where, `has useExisting: ${described(used)}, which is not a token`);
  }
  const lifetime = (entry.lifetime ?? 'singleton') as Lifetime;
  if (!lifetimes.includes(lifetime)) throw invalid(where, `has lifetime: ${described(lifetime)}`);
  const { eager = false } = entry;
  if (typeof eager !== 'boolean') throw invalid(where, `has eager: ${described(eager)}`, ' Give true or false.');
  if (eager && lifetime !== 'singleton') {
    throw invalid(
      where,
      `is eager, but lives for ${lifetime === 'call' ? 'a call' : 'each of its dependents'}`,
      ' Only a singleton can be built when the server starts.',
    );
  }
  const dispose = entry.dispose as ((instance: unknown) => unknown) | undefined;
  if (dispose !== undefined && typeof dispose !== 'function') {
    throw invalid(where, `has dispose: ${described(dispose)}`);
  }
  const bound = dispose && ((instance: unknown) => dispose.call(entry, instance));
  if (form === 'useClass') {
    if (isClass(used)) return { token, form: 'class', target: used, bare: false, lifetime, eager, dispose: bound };
    throw invalid(where, `has useClass: ${described(used)}, which is not a class`);
  }
  if (typeof used !== 'function') throw invalid(where, `has useFactory: ${described(used)}, which is not a function`);
  const injections = injectionsOf(entry.inject ?? [], where);
  if (used.length > injections.length) {
    throw invalid(
      where,
      `has a useFactory with ${used.length} ${used.length === 1 ? 'parameter' : 'parameters'}, but inject lists ${injections.length}`,
    );
  }
  const make = (...args: unknown[]): unknown => Reflect.apply(used, entry, args);
  return { token, form: 'factory', make, injections, lifetime, eager, dispose: bound };
}

function injectionsOf(list: unknown, where: string): Injection[] {
  if (!Array.isArray(list)) throw invalid(where, `has inject: ${described(list)}, which is not an array`);
  return list.map((request: unknown, index) => {
    try {
      return injectionOf(request);
    } catch (cause) {
      throw new ErrandError('PROVIDER_INVALID', `${where}, inject[${index}]: ${messageOf(cause)}`, { cause });
    }
  });
}

function described(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'function') return tokenName(value);
  return value.name ? `the function ${value.name}` : 'an anonymous function';
}

const wayOut =
  "A provider is a class, or { provide, and one of useClass, useValue, useFactory, useExisting }; useClass and useFactory also take lifetime ('singleton', 'call', 'transient'), eager and dispose.";

function invalid(where: string, what: string, hint = ''): ErrandError {
  return new ErrandError('PROVIDER_INVALID', `${where} ${what}.${hint === '' ? ` ${wayOut}` : hint}`);
}
