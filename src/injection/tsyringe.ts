import 'reflect-metadata';
import { container, delay, inject, injectable, injectAll } from 'tsyringe';
import type { InjectionToken } from './tokens.js';

/**
 * The one file that loads tsyringe, after the metadata that tsyringe insists on. What is exported here is tsyringe's
 * own; a class decorated with tsyringe's `injectable` directly is read just the same.
 */
export { delay, injectable };

/** What `delay(() => SomeClass)` gives. */
export type Delayed<T> = ReturnType<typeof delay<T>>;

/** How tsyringe notes what a parameter asks for. */
export interface Descriptor {
  readonly token: unknown;
  readonly multiple?: boolean;
  readonly isOptional?: boolean;
  readonly transform?: unknown;
}

/** tsyringe's own key. It is the same in every copy of tsyringe, and metadata is shared between copies. */
const descriptorsKey = 'injectionTokens';

type Request = Parameters<typeof inject>[0];

/** Notes a request on a constructor parameter the way tsyringe does, so that tsyringe can make the class as well. */
export function describe(target: object, index: number, request: unknown, all: boolean, optional: boolean): void {
  const decorate = all ? injectAll : inject;
  decorate(request as Request, { isOptional: optional })(target, undefined, index);
}

/** The constructor parameters of `target` itself that carry a decorator of tsyringe, by index. */
export function descriptorsOf(target: object): ReadonlyMap<number, Descriptor> | undefined {
  const found = Reflect.getOwnMetadata(descriptorsKey, target) as Record<string, Descriptor> | undefined;
  return found && new Map(Object.entries(found).map(([index, descriptor]) => [Number(index), descriptor]));
}

/** Whether a place in `design:paramtypes` holds a descriptor: tsyringe's `injectable()` writes them there. */
export function isDescriptor(value: unknown): value is Descriptor {
  return (
    typeof value === 'object' && value !== null && 'token' in value && ('multiple' in value || 'transform' in value)
  );
}

/** By shape, since a program may hold two copies of tsyringe. */
export function isDelayed(value: unknown): value is Delayed<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'wrap' in value &&
    typeof value.wrap === 'function' &&
    'createProxy' in value &&
    typeof value.createProxy === 'function'
  );
}

/** The class inside `delay(() => SomeClass)`; to be asked only when all modules are loaded. */
export function delayedClass(delayed: Delayed<unknown>): unknown {
  return (delayed as unknown as { wrap: () => unknown }).wrap();
}

/** tsyringe's stand-in for an object that comes later: everything that is done to it is done to what `value` gives. */
export function standIn(value: () => object): object {
  return delay<object>(() => Object).createProxy(value);
}

/** Whether tsyringe's global container knows the token. It is asked only for the sake of a helpful message. */
export function isRegisteredGlobally(token: InjectionToken): boolean {
  return container.isRegistered(token as Request);
}
