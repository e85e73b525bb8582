import 'reflect-metadata';
import { container, delay, inject, injectable, injectAll } from 'tsyringe';
import type { InjectionToken } from './tokens.js';

/**
 * The only file that loads tsyringe, after the `reflect-metadata` that tsyringe requires. These exports are tsyringe's
 * own, so decorating a class with tsyringe's `injectable` directly makes no difference.
 */
export { delay, injectable };

/** The return type of `delay(() => SomeClass)`. */
export type Delayed<T> = ReturnType<typeof delay<T>>;

/** tsyringe's record of what a parameter asks for. */
export interface Descriptor {
  readonly token: unknown;
  readonly multiple?: boolean;
  readonly isOptional?: boolean;
  readonly transform?: unknown;
}

/** tsyringe's metadata key. Copies of tsyringe share it, and the metadata. */
const descriptorsKey = 'injectionTokens';

type Request = Parameters<typeof inject>[0];

/** Records a request on a constructor parameter as tsyringe does, so that tsyringe can build the class as well. */
export function annotateParameter(
  target: object,
  index: number,
  request: unknown,
  all: boolean,
  optional: boolean,
): void {
  const decorate = all ? injectAll : inject;
  decorate(request as Request, { isOptional: optional })(target, undefined, index);
}

/** The constructor parameters with a tsyringe decorator, by index. Ignores base classes. */
export function descriptorsOf(target: object): ReadonlyMap<number, Descriptor> | undefined {
  const found = Reflect.getOwnMetadata(descriptorsKey, target) as Record<string, Descriptor> | undefined;
  return found && new Map(Object.entries(found).map(([index, descriptor]) => [Number(index), descriptor]));
}

/** Whether an item of `design:paramtypes` is a descriptor: tsyringe's `injectable()` puts them there. */
export function isDescriptor(value: unknown): value is Descriptor {
  return (
    typeof value === 'object' && value !== null && 'token' in value && ('multiple' in value || 'transform' in value)
  );
}

/** Whether `value` came from `delay`. Judged by shape, because a program may hold two copies of tsyringe. */
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

/** The class inside `delay(() => SomeClass)`. To be read only once all modules have loaded. */
export function delayedClass(delayed: Delayed<unknown>): unknown {
  return (delayed as unknown as { wrap: () => unknown }).wrap();
}

/** tsyringe's proxy for an object that comes later: it forwards every operation to what `value` returns. */
export function delayedProxy(value: () => object): object {
  return delay<object>(() => Object).createProxy(value);
}

/** Whether tsyringe's global container knows the token. Used only for a helpful message. */
export function isRegisteredGlobally(token: InjectionToken): boolean {
  return container.isRegistered(token as Request);
}
