import { injectionOf, type Injection } from '../../../src/injection/inject.js';
import { Injector, type CallContainer, type Plan, type PlanRequest } from '../../../src/injection/injector.js';
import type { Provider } from '../../../src/injection/providers.js';
import type { InjectionRequest, InjectionToken } from '../../../src/injection/tokens.js';

/** An injector without built-in tokens. */
export function injectorOf(providers: readonly Provider[]): Injector {
  return new Injector({ providers, builtIns: [] });
}

/** A plan labelled `Tools.run` that injects `requests`. */
export function planOf<Frame>(
  injector: Injector<Frame>,
  requests: readonly InjectionRequest[],
  rest: Partial<PlanRequest> = {},
): Plan<Frame> {
  return injector.plan({ label: 'Tools.run', modes: ['foreground'], injections: requests.map(injectionOf), ...rest });
}

/** A started injector with one plan. */
export async function started(
  providers: readonly Provider[],
  requests: readonly InjectionRequest[],
  rest: Partial<PlanRequest> = {},
): Promise<{ injector: Injector; open: () => Promise<CallContainer> }> {
  const injector = injectorOf(providers);
  const plan = planOf(injector, requests, rest);
  await injector.start();
  return { injector, open: async () => plan.open(undefined) };
}

/** A plain request for a token, with some of its flags changed. */
export function requestFor(token: InjectionToken, flags: Partial<Omit<Injection, 'token'>> = {}): Injection {
  return { token, all: false, lazy: false, delayed: false, optional: false, ...flags };
}

/** A gate for factories to wait at until the test opens it. */
export function makeGate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

/** What `run` throws. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

/** What a promise is rejected with. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}
