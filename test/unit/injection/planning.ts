import { injectionOf } from '../../../src/injection/inject.js';
import { Injector, type CallContainer, type Plan, type PlanRequest } from '../../../src/injection/injector.js';
import type { Provider } from '../../../src/injection/providers.js';
import type { InjectionRequest } from '../../../src/injection/tokens.js';

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
): Promise<{ injector: Injector<undefined>; open: () => Promise<CallContainer> }> {
  const injector = new Injector<undefined>({ providers, builtIns: [] });
  const plan = planOf(injector, requests, rest);
  await injector.start();
  return { injector, open: async () => plan.open(undefined) };
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
