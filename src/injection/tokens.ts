import { delayedClass, isDelayed, type Delayed } from './tsyringe.js';

/** A class that can be constructed, whatever its constructor takes. */
export type Class<T = unknown> = new (...args: never[]) => T;

/** A class that may be abstract. */
export type AbstractClass<T = unknown> = abstract new (...args: never[]) => T;

/** Any class, also one whose constructor is private because a factory makes its instances. */
export type ClassToken<T = unknown> =
  | AbstractClass<T>
  | {
      /** For the compiler, an instance. */
      readonly prototype: T;
    };

declare const carried: unique symbol;

/** A token for what has no class: an interface, a value, a function. At run time it is a symbol. */
export type Token<T> = symbol & {
  /** Only for the compiler: what is provided under the token. */
  readonly [carried]: T;
};

/** Everything under which something can be provided. Strings and plain symbols carry no type: they give `unknown`. */
export type InjectionToken<T = unknown> = ClassToken<T> | Token<T> | string | symbol;

/** What `inject` takes: a token, a token wrapped in {@link lazy}, or tsyringe's `delay(() => SomeClass)`. */
export type Injectable<T = unknown> = InjectionToken<T> | Lazy<T> | Delayed<T>;

/** The type of what is injected for an {@link Injectable}. */
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

/** An entry of an `inject` list: an {@link Injectable}, alone or with settings. */
export type InjectionRequest =
  | Injectable
  | {
      /** What is injected. */
      readonly token: Injectable;
      /** Whether it may be absent, which gives `undefined`. Default `false`. */
      readonly optional?: boolean;
    };

/** The type of what is injected for one entry of an `inject` list. */
export type InjectedRequest<R> = R extends { readonly token: infer I; readonly optional: true }
  ? Injected<I> | undefined
  : R extends { readonly token: infer I; readonly optional?: boolean }
    ? R extends Injectable
      ? Injected<R>
      : Injected<I>
    : Injected<R>;

/** The parameters that an `inject` list gives, in its order. */
export type InjectedTuple<Requests extends readonly InjectionRequest[]> = {
  -readonly [Index in keyof Requests]: InjectedRequest<Requests[Index]>;
};

/**
 * Makes a token that is unlike every other, even of the same name.
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

/** Asks for a function that builds what the token stands for when it is first called. Made by {@link lazy}. */
export class Lazy<T = unknown> {
  /** Tells it from any object with a `token`, for the compiler and at run time. */
  readonly [lazyBrand] = true;

  constructor(
    /** What the function gives. */
    readonly token: InjectionToken<T> | Delayed<T>,
  ) {}
}

/**
 * Injects `() => Promise<T>` instead of `T`: what is needed only now and then, or only after a question, is built when
 * the function is first called, once per call, and is disposed with the call. What lives as long as the server is built
 * when the server starts, also behind `lazy`. Breaks a cycle; where two files import each other, write
 * `lazy(delay(() => TheClass))`. In a cycle the function is for later: called by a factory while what it builds waits for
 * that factory, it fails with `DEPENDENCY_CYCLE`.
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

/** Whether `value` was made by {@link lazy}, even by another copy of the package. */
export function isLazy(value: unknown): value is Lazy {
  return typeof value === 'object' && value !== null && lazyBrand in value;
}

/** Whether `value` can be constructed. Arrow functions, methods and async functions cannot. */
export function isClass(value: unknown): value is Class {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
}

/** Whether something can be provided under `value`. */
export function isToken(value: unknown): value is InjectionToken {
  return typeof value === 'string' || typeof value === 'symbol' || isClass(value);
}

/** How a token is written in messages: `Warehouse`, `Clock`, `"a string"`, `lazy(Session)`, `delay(Pool)`. */
export function tokenName(token: unknown): string {
  if (typeof token === 'function') return token.name || '(a class without a name)';
  if (typeof token === 'symbol') return token.description ?? 'Symbol()';
  if (typeof token === 'string') return JSON.stringify(token);
  if (isLazy(token)) return `lazy(${tokenName(token.token)})`;
  if (isDelayed(token)) return `delay(${tokenName(delayedClass(token))})`;
  return token === null || typeof token !== 'object' ? String(token) : 'an object';
}
