import type { Injection } from '../inject.js';
import type { Lifetime } from '../providers.js';
import type { Class, InjectionToken } from '../tokens.js';

/** Where a call runs: in the client's request, or in a worker. */
export type Mode = 'foreground' | 'background';

/** A token that every call supplies, for example its context. */
export interface BuiltIn<Frame = unknown> {
  readonly token: InjectionToken;
  /** The modes in which calls have it. */
  readonly modes: readonly Mode[];
  /** Returns the value for a call, at most once per call. May return `undefined` where the token may be absent. */
  readonly call?: (frame: Frame) => unknown;
  /** Makes the error of a call that needs the token when it is absent. Default: `PROVIDER_UNDEFINED`. */
  readonly absent?: () => Error;
  /** Returns the value for singletons. Without it, a singleton may not hold the token. */
  readonly singleton?: () => unknown;
}

/** A request to compile a component's plan. */
export interface PlanRequest {
  /** The start of paths in messages, for example `ReportTools.buildReport`. */
  readonly label: string;
  /** The class whose method is called. Default lifetime: `'call'`. */
  readonly component?: { readonly target: Class; readonly lifetime?: Lifetime };
  /** The method's injections, in order. */
  readonly injections: readonly Injection[];
  /** What asks for each injection, in messages: `parameter 2 (pool)`. */
  readonly parameters?: readonly string[];
  /** The modes in which the component runs. */
  readonly modes: readonly Mode[];
}

/** The instances of one call. */
export interface CallContainer {
  /** The instance of the component's class, if the plan has one. */
  readonly component: unknown;
  /** The method's injected arguments, in the order of the request. */
  readonly args: readonly unknown[];
  /** Whether {@link CallContainer.dispose} has anything to do. */
  readonly disposable: boolean;
  /**
   * Disposes everything that was built for the call, newest first. Its `lazy` functions fail from now on.
   *
   * @throws AggregateError with the errors of the disposers.
   */
  dispose(): Promise<void>;
}

/** Puts together the calls of one component. */
export interface Plan<Frame = unknown> {
  /** The built-in tokens that a call may use, including those behind `lazy`. */
  readonly needs: ReadonlySet<InjectionToken>;
  /**
   * Builds the instances of one call, synchronously if all its factories are. On failure, disposes those that exist
   * before throwing.
   */
  open(frame: Frame): CallContainer | Promise<CallContainer>;
}
