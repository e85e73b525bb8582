import { ErrandError, messageOf } from '../base/errors.js';
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

/** How long an instance lives: as long as the server, as long as one call, or one for each place that asks. */
export type Lifetime = 'singleton' | 'call' | 'transient';

interface Made<Instance> {
  /** Default `'singleton'`. */
  readonly lifetime?: Lifetime;
  /**
   * Ends an instance when its call or the server ends. Default: its `Symbol.asyncDispose` or `Symbol.dispose`, for classes
   * also the method `dispose()` without parameters.
   */
  dispose?(instance: Instance): unknown;
}

/** An instance of a class under another token. */
export interface ClassProvider extends Made<never> {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The class. */
  readonly useClass: Class;
}

/** A value as it is, neither awaited nor ever disposed. */
export interface ValueProvider {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The value; `undefined` is refused. */
  readonly useValue: unknown;
}

/** What a function gives. */
export interface FactoryProvider extends Made<never> {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The function; a promise is awaited, wherever in the graph it sits. */
  useFactory(...args: never[]): unknown;
  /** What its parameters receive, in their order. */
  readonly inject?: readonly InjectionRequest[];
}

/** Under one token what is provided under another. */
export interface ExistingProvider {
  /** The token that asks for it. */
  readonly provide: InjectionToken;
  /** The token that it is provided under already. */
  readonly useExisting: InjectionToken;
}

/**
 * An entry of `providers`: a class, provided under itself, or one of the forms with `provide`. {@link provide} makes the
 * compiler check that the parts of an entry fit each other.
 */
export type Provider = Class | ClassProvider | ValueProvider | FactoryProvider | ExistingProvider;

/** What {@link provide} takes: the forms of {@link Provider} with everything fitting the token. */
export type TypedProvider<T, Requests extends readonly InjectionRequest[]> =
  | ({ readonly provide: InjectionToken<T>; readonly useClass: Class<NoInfer<T>> } & Made<NoInfer<T>>)
  | { readonly provide: InjectionToken<T>; readonly useValue: NoInfer<T> }
  | ({
      readonly provide: InjectionToken<T>;
      readonly useFactory: (...args: InjectedTuple<Requests>) => NoInfer<T> | PromiseLike<NoInfer<T>>;
      readonly inject?: Requests;
    } & Made<NoInfer<T>>)
  | { readonly provide: InjectionToken<T>; readonly useExisting: InjectionToken<NoInfer<T>> };

/**
 * Gives the provider back, having checked its types: the parameters of `useFactory` follow from `inject`, and what is
 * provided must fit the token.
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

/** A provider after its shape was checked. */
export type Registration = Registered &
  (
    | { readonly form: 'value'; readonly value: unknown }
    | { readonly form: 'existing'; readonly existing: InjectionToken }
    | {
        readonly form: 'class';
        readonly target: Class;
        /** Whether the entry was the class alone, which says nothing of its lifetime. */
        readonly bare: boolean;
        readonly lifetime: Lifetime;
        readonly dispose: ((instance: unknown) => unknown) | undefined;
      }
    | {
        readonly form: 'factory';
        readonly make: (...args: unknown[]) => unknown;
        readonly injections: readonly Injection[];
        readonly lifetime: Lifetime;
        readonly dispose: ((instance: unknown) => unknown) | undefined;
      }
  );

const forms = ['useClass', 'useValue', 'useFactory', 'useExisting'] as const;
const lifetimes: readonly unknown[] = ['singleton', 'call', 'transient'];
const allowed = {
  useClass: ['provide', 'useClass', 'lifetime', 'dispose'],
  useValue: ['provide', 'useValue'],
  useFactory: ['provide', 'useFactory', 'inject', 'lifetime', 'dispose'],
  useExisting: ['provide', 'useExisting'],
};

/**
 * Checks the shape of one provider.
 *
 * @param where - the list and position, for example `providers[2]`
 * @throws {ErrandError} `PROVIDER_INVALID`, or `PROVIDER_UNDEFINED` for `useValue: undefined`.
 */
export function registrationOf(provider: unknown, where: string): Registration {
  if (isClass(provider)) {
    return { token: provider, form: 'class', target: provider, bare: true, lifetime: 'singleton', dispose: undefined };
  }
  if (typeof provider !== 'object' || provider === null) {
    throw invalid(
      where,
      `is ${provider === undefined ? 'undefined, most likely from a circular import' : described(provider)}`,
    );
  }
  const entry = provider as Record<string, unknown>;
  const token = entry.provide;
  if (!isToken(token)) throw invalid(where, `has provide: ${described(token)}, which is no token`);
  const place = `${where} (${tokenName(token)})`;
  const used = forms.filter((form) => form in entry);
  const [form] = used;
  if (form === undefined || used.length > 1) {
    throw invalid(place, used.length === 0 ? 'says nothing of how to provide it' : `has ${used.join(' and ')}`);
  }
  const stray = Object.keys(entry).find((key) => !allowed[form].includes(key));
  if (stray !== undefined) throw invalid(place, `has ${stray}, which does not go with ${form}`);
  return registered(form, token, entry, place);
}

function registered(
  form: (typeof forms)[number],
  token: InjectionToken,
  entry: Record<string, unknown>,
  place: string,
): Registration {
  const used = entry[form];
  if (form === 'useValue') {
    if (used !== undefined) return { token, form: 'value', value: used };
    throw new ErrandError(
      'PROVIDER_UNDEFINED',
      `${place} has useValue: undefined. Give a value, or leave the provider out and inject it as optional.`,
    );
  }
  if (form === 'useExisting') {
    if (isToken(used)) return { token, form: 'existing', existing: used };
    throw invalid(place, `has useExisting: ${described(used)}, which is no token`);
  }
  const lifetime = (entry.lifetime ?? 'singleton') as Lifetime;
  if (!lifetimes.includes(lifetime)) throw invalid(place, `has lifetime: ${described(lifetime)}`);
  const dispose = entry.dispose as ((instance: unknown) => unknown) | undefined;
  if (dispose !== undefined && typeof dispose !== 'function') {
    throw invalid(place, `has dispose: ${described(dispose)}`);
  }
  const bound = dispose && ((instance: unknown) => dispose.call(entry, instance));
  if (form === 'useClass') {
    if (isClass(used)) return { token, form: 'class', target: used, bare: false, lifetime, dispose: bound };
    throw invalid(place, `has useClass: ${described(used)}, which is no class`);
  }
  if (typeof used !== 'function') throw invalid(place, `has useFactory: ${described(used)}, which is no function`);
  const injections = injectionsOf(entry.inject ?? [], place);
  if (used.length > injections.length) {
    throw invalid(place, `has a useFactory with ${used.length} parameters, but inject lists ${injections.length}`);
  }
  const make = (...args: unknown[]): unknown => Reflect.apply(used, entry, args);
  return { token, form: 'factory', make, injections, lifetime, dispose: bound };
}

function injectionsOf(list: unknown, place: string): Injection[] {
  if (!Array.isArray(list)) throw invalid(place, `has inject: ${described(list)}, which is no array`);
  return list.map((request: unknown, index) => {
    try {
      return injectionOf(request);
    } catch (cause) {
      throw new ErrandError('PROVIDER_INVALID', `${place}, inject[${index}]: ${messageOf(cause)}`, { cause });
    }
  });
}

function described(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'function' ? `the function ${value.name || '(without a name)'}` : tokenName(value);
}

function invalid(where: string, what: string): ErrandError {
  return new ErrandError(
    'PROVIDER_INVALID',
    `${where} ${what}. A provider is a class, or { provide, and one of useClass, useValue, useFactory, useExisting }; useClass and useFactory also take lifetime ('singleton', 'call', 'transient') and dispose.`,
  );
}
