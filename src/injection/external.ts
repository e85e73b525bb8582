import type { Mode } from './plan/plan.js';
import type { InjectionToken } from './tokens.js';

/** What an {@link ExternalContainer} is told of a call. It is one object for the whole call. */
export interface ExternalFrame {
  /** Where the call runs: in the request of the client, or in a worker. */
  readonly mode: Mode;
}

/**
 * A container of the host program that makes and owns some of the instances: an outer tsyringe container, or that of a
 * framework. What comes from it is never disposed here.
 */
export interface ExternalContainer<Frame = ExternalFrame> {
  /** Whether it provides the token. Asked when a plan is compiled. */
  has(token: InjectionToken): boolean;
  /** Whether it gives one instance for as long as the server lives, or one for each call. */
  lifetime(token: InjectionToken): 'singleton' | 'call';
  /** The instance, or a promise of it. `frame` is absent for singletons. */
  resolve(token: InjectionToken, frame: Frame | undefined): unknown;
  /** Everything under the token, for `injectAll`. Without it, `injectAll` gives an array of one. */
  resolveAll?(token: InjectionToken, frame: Frame | undefined): unknown;
}

/** As much of a tsyringe container as is needed here, so that a container of another copy of tsyringe fits too. */
export interface TsyringeContainer {
  /** Whether something is registered under the token, with `recursive` also in its parents. */
  isRegistered(token: never, recursive?: boolean): boolean;
  /** The instance under the token. */
  resolve(token: never): unknown;
  /** Every instance under the token. */
  resolveAll(token: never): unknown[];
}

/** Whether `value` is a tsyringe container. */
export function isTsyringeContainer(value: unknown): value is TsyringeContainer {
  if (typeof value !== 'object' || value === null) return false;
  const container = value as Partial<Record<string, unknown>>;
  return ['isRegistered', 'resolve', 'resolveAll', 'createChildContainer'].every(
    (name) => typeof container[name] === 'function',
  );
}

/**
 * Takes what is registered in a tsyringe container (or in its parents) as singletons from outside. Unregistered classes,
 * which tsyringe would build silently, are not taken.
 */
export function fromTsyringe(container: TsyringeContainer): ExternalContainer<unknown> {
  return {
    has: (token) => container.isRegistered(token as never, true),
    lifetime: () => 'singleton',
    resolve: (token) => container.resolve(token as never),
    resolveAll: (token) => container.resolveAll(token as never),
  };
}
