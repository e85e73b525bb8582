import type { Mode } from './plan/plan.js';
import type { InjectionToken } from './tokens.js';

/** The call that an {@link ExternalContainer} resolves for. The same object throughout a call. */
export interface ExternalFrame {
  /** Where the call runs: in the client's request, or in a worker. */
  readonly mode: Mode;
}

/**
 * A container of the host program that builds and owns some of the instances: an outer tsyringe container, or a
 * framework's. Errand never disposes its instances.
 */
export interface ExternalContainer<Frame = ExternalFrame> {
  /** Whether it provides the token. Called when a plan is compiled. */
  has(token: InjectionToken): boolean;
  /** Whether it has one instance for the server, or one for each call. */
  lifetime(token: InjectionToken): 'singleton' | 'call';
  /** Returns the instance, or a promise of it. `frame` is absent for singletons. */
  resolve(token: InjectionToken, frame: Frame | undefined): unknown;
  /**
   * Whether it would build a class that nobody registered, as tsyringe does. Errand never asks it to, and says why when a
   * class is missing. Default: `false`.
   */
  readonly buildsUnregistered?: boolean;
  /** Returns everything under the token, for `injectAll`. Without it, `injectAll` injects an array of one. */
  resolveAll?(token: InjectionToken, frame: Frame | undefined): unknown;
}

/** The part of a tsyringe container that Errand uses. Containers of other copies of tsyringe fit too. */
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
 * Takes everything registered in a tsyringe container or its parents as external singletons. Unregistered classes,
 * which tsyringe would silently build, do not count: a forgotten provider would go unnoticed, and nobody would know how long
 * such an instance lives.
 */
export function fromTsyringe(container: TsyringeContainer): ExternalContainer<unknown> {
  return {
    buildsUnregistered: true,
    has: (token) => container.isRegistered(token as never, true),
    lifetime: () => 'singleton',
    resolve: (token) => container.resolve(token as never),
    resolveAll: (token) => container.resolveAll(token as never),
  };
}

/** The container as a port, whichever of the two it is. */
export function toExternalContainer<Frame>(
  container: TsyringeContainer | ExternalContainer<Frame> | undefined,
): ExternalContainer<Frame> | undefined {
  return isTsyringeContainer(container) ? fromTsyringe(container) : container;
}
