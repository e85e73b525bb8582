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

interface Made<T> {
  /** Default `'singleton'`. */
  readonly lifetime?: Lifetime;
  /**
   * Ends an instance when its call or the server ends. Default: its `Symbol.asyncDispose` or `Symbol.dispose`, for classes
   * also the method `dispose()` without parameters.
   */
  dispose?(instance: T): unknown;
}

/** Provides an instance of a class under another token. */
export interface ClassProvider<T = unknown> extends Made<T> {
  readonly provide: InjectionToken<T>;
  readonly useClass: Class<T>;
}

/** Provides a value as it is: it is neither awaited nor ever disposed. */
export interface ValueProvider<T = unknown> {
  readonly provide: InjectionToken<T>;
  readonly useValue: T;
}

/** Provides what a function gives, which is awaited. Its parameters are what `inject` lists, in order. */
export interface FactoryProvider<
  T = unknown,
  Requests extends readonly InjectionRequest[] = readonly never[],
> extends Made<T> {
  readonly provide: InjectionToken<T>;
  useFactory(...args: InjectedTuple<Requests>): T | PromiseLike<T>;
  readonly inject?: Requests;
}

/** Provides under one token what is provided under another one; it lives as long as that. */
export interface ExistingProvider<T = unknown> {
  readonly provide: InjectionToken<T>;
  readonly useExisting: InjectionToken<T>;
}

/** An entry of `providers`. A class alone is provided under itself. */
export type Provider =
  | Class
  | {
      readonly provide: InjectionToken;
      readonly useClass: Class;
      readonly lifetime?: Lifetime;
      dispose?(instance: never): unknown;
    }
  | { readonly provide: InjectionToken; readonly useValue: unknown }
  | {
      readonly provide: InjectionToken;
      useFactory(...args: never[]): unknown;
      readonly inject?: readonly InjectionRequest[];
      readonly lifetime?: Lifetime;
      dispose?(instance: never): unknown;
    }
  | { readonly provide: InjectionToken; readonly useExisting: InjectionToken };

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
  if (dispose !== undefined && typeof dispose !== 'function')
    throw invalid(place, `has dispose: ${described(dispose)}`);
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
