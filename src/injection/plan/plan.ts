import type { Injection } from '../inject.js';
import type { Lifetime } from '../providers.js';
import type { Class, InjectionToken } from '../tokens.js';

/** Where a call can run: inside the client's request, or in a worker. */
export type Mode = 'foreground' | 'background';

/** A token that comes with every call, for example its context. */
export interface BuiltIn<Frame = unknown> {
  readonly token: InjectionToken;
  /** The modes in which calls have it. */
  readonly modes: readonly Mode[];
  /** The value for one call; asked once per call that needs it. It may be `undefined` where the token may be absent. */
  readonly call?: (frame: Frame) => unknown;
  /** What a call ends with that needs the token where it is absent. Default: `PROVIDER_UNDEFINED`. */
  readonly absent?: () => Error;
  /** The value for what lives as long as the server. Without it, a singleton may not hold the token. */
  readonly singleton?: () => unknown;
}

/** What one component's calls need. */
export interface PlanRequest {
  /** Begins the paths in messages, for example `ReportTools.buildReport`. */
  readonly label: string;
  /** The class whose method is called. Its lifetime is `'call'` by default. */
  readonly component?: { readonly target: Class; readonly lifetime?: Lifetime };
  /** What is injected into the method, in order. */
  readonly injections: readonly Injection[];
  /** The modes in which the component runs. */
  readonly modes: readonly Mode[];
}

/** The instances of one call. */
export interface CallContainer {
  /** The instance of the component's class, if the plan has one. */
  readonly component: unknown;
  /** What is injected into the method, in the order of the request. */
  readonly args: readonly unknown[];
  /** Whether {@link CallContainer.dispose} has anything to do. */
  readonly disposable: boolean;
  /**
   * Disposes what was made for the call, newest first, all of it. What `lazy` gave fails afterwards.
   *
   * @throws AggregateError with what the disposers threw.
   */
  dispose(): Promise<void>;
}

/** How the calls of one component are put together. */
export interface Plan<Frame = unknown> {
  /** The built-in tokens that a call may ask for, also those behind `lazy`. */
  readonly needs: ReadonlySet<InjectionToken>;
  /**
   * Makes the instances of one call; synchronous unless something in it is asynchronous. When it fails, what had been made
   * is disposed first.
   */
  open(frame: Frame): CallContainer | Promise<CallContainer>;
}
