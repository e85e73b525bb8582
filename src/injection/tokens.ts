import { delayedClass, isDelayed, type Delayed } from './tsyringe.js';

/** A class that can be constructed, with any constructor parameters. */
export type Class<T = unknown> = new (...args: never[]) => T;

/** A class that may be abstract. */
export type AbstractClass<T = unknown> = abstract new (...args: never[]) => T;

/** Any class, even with a private constructor because a factory makes its instances. */
export type ClassToken<T = unknown> =
  | AbstractClass<T>
  | {
      /** For the compiler, an instance. */
      readonly prototype: T;
    };

declare const carried: unique symbol;

/** A token for something without a class: an interface, a value, a function. At run time, a symbol. */
export type Token<T> = symbol & {
  /** For the compiler only: the type of what the token provides. */
  readonly [carried]: T;
};

/** Anything that can serve as a token. Strings and plain symbols carry no type, so their instances are `unknown`. */
export type InjectionToken<T = unknown> = ClassToken<T> | Token<T> | string | symbol;

/** An argument of `inject`: a token, a token in {@link lazy}, or tsyringe's `delay(() => SomeClass)`. */
export type Injectable<T = unknown> = InjectionToken<T> | Lazy<T> | Delayed<T>;

/** The type that is injected for an {@link Injectable}. */
export type Injected<I> =
  I extends Lazy<infer T>
    ? () => Promise<T>
    : I extends Delayed<infer T>
      ? T
      : I extends Token<infer T>
        ? T
        : I extends AbstractClass<infer T>
          ? T
          : I extends { readonly prototype: infer T }
            ? T
            : unknown;

/** An entry of an `inject` list: an {@link Injectable}, alone or with options. */
export type InjectionRequest =
  | Injectable
  | {
      /** The token to inject. */
      readonly token: Injectable;
      /** Whether it may be absent, which injects `undefined`. Default `false`. */
      readonly optional?: boolean;
    };

/** The type that is injected for one entry of an `inject` list. */
export type InjectedRequest<R> = R extends { readonly token: infer I; readonly optional: true }
  ? Injected<I> | undefined
  : R extends { readonly token: infer I; readonly optional?: boolean }
    ? R extends Injectable
      ? Injected<R>
      : Injected<I>
    : Injected<R>;

/** The types that are injected for an `inject` list, in its order. */
export type InjectedTuple<Requests extends readonly InjectionRequest[]> = {
  -readonly [Index in keyof Requests]: InjectedRequest<Requests[Index]>;
};

/**
 * Makes a unique token. Two tokens of the same name differ.
 *
 * @example
 * ```ts
 * import { token } from 'errand';
 *
 * interface Clock {
 *   now(): number;
 * }
 * const Clock = token<Clock>('Clock');
 * ```
 */
export function token<T>(name: string): Token<T> {
  return Symbol(name) as Token<T>;
}

const lazyBrand: unique symbol = Symbol.for('errand.lazy');

/** A request for a function that builds the token's instance when first called. Made by {@link lazy}. */
export class Lazy<T = unknown> {
  /** Distinguishes it from other objects with a `token`, for the compiler and at run time. */
  readonly [lazyBrand] = true;

  constructor(
    /** The token of the instance that the function builds. */
    readonly token: InjectionToken<T> | Delayed<T>,
  ) {}
}

/**
 * Injects `() => Promise<T>` instead of `T`, for instances that are needed only sometimes, or only after a question.
 * The first call of the function builds the instance, once per call of the component; it is disposed with that call.
 * Singletons are built when the server starts, even behind `lazy`.
 *
 * Also breaks cycles. Where two files import each other, write `lazy(delay(() => TheClass))`. In a cycle, keep the
 * function for later: it fails with `DEPENDENCY_CYCLE` when a factory awaits it and the instance needs that factory.
 *
 * @example
 * ```ts
 * import { inject, injectable, lazy } from 'errand';
 *
 * class Session {}
 *
 * @injectable()
 * class Checkout {
 *   constructor(@inject(lazy(Session)) private readonly session: () => Promise<Session>) {}
 * }
 * ```
 */
export function lazy<T>(token: InjectionToken<T> | Delayed<T>): Lazy<T> {
  return new Lazy(token);
}

/** Whether {@link lazy} made `value`, even that of another copy of the package. */
export function isLazy(value: unknown): value is Lazy {
  return typeof value === 'object' && value !== null && lazyBrand in value;
}

/** Whether `value` can be constructed. Arrow functions, methods and async functions cannot. */
export function isClass(value: unknown): value is Class {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
}

/** Whether `value` can serve as a token. */
export function isToken(value: unknown): value is InjectionToken {
  return typeof value === 'string' || typeof value === 'symbol' || isClass(value);
}

/** Names a token in messages: `Warehouse`, `Clock`, `"a string"`, `lazy(Session)`, `delay(Pool)`. */
export function tokenName(token: unknown): string {
  if (typeof token === 'function') return token.name || '(anonymous class)';
  if (typeof token === 'symbol') return token.description ?? 'Symbol()';
  if (typeof token === 'string') return JSON.stringify(token);
  if (isLazy(token)) return `lazy(${tokenName(token.token)})`;
  if (isDelayed(token)) return `delay(${tokenName(delayedClass(token))})`;
  return token === null || typeof token !== 'object' ? String(token) : 'an object';
}
