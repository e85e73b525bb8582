import { ErrandError } from '../base/errors.js';
import { CompiledPlan, inOrder, orderLazyRoots } from './plan/compiled-plan.js';
import { InstanceContainer } from './plan/instance-container.js';
import type { ExternalContainer } from './external.js';
import { Graph, type Sources } from './plan/graph.js';
import { Ownership } from './plan/ownership.js';
import type { BuiltIn, Plan, PlanRequest } from './plan/plan.js';
import { registrationOf, type Lifetime, type Provider, type Registration } from './providers.js';
import { Scope } from './plan/scope.js';
import { unfilled, type Step } from './plan/step.js';
import { tokenName, type Class, type InjectionToken } from './tokens.js';
import { ResolutionPath } from './plan/resolution-path.js';

export type { BuiltIn, CallContainer, Mode, Plan, PlanRequest } from './plan/plan.js';
export type { Lifetime } from './providers.js';

/** Options of {@link Injector}. */
export interface InjectorOptions<Frame = unknown> {
  readonly providers: readonly Provider[];
  readonly builtIns: readonly BuiltIn<Frame>[];
  /** Resolves tokens that neither `providers` nor `builtIns` know. */
  readonly external?: ExternalContainer<Frame> | undefined;
  /**
   * Whether an error of a provider says all that there is to say. Any other is wrapped in one that names the provider.
   * Default: errors of Errand.
   */
  readonly isPlain?: (thrown: unknown) => boolean;
}

/**
 * Compiles plans and owns the singletons. A provider for a built-in token replaces it. When a token has several
 * providers, `inject` takes the last and `injectAll` takes them all.
 */
export class Injector<Frame = unknown> {
  private readonly sources: Sources<Frame>;
  private readonly scope = new Scope<Frame>();
  private readonly singletons: InstanceContainer<Frame>;
  /** The registrations of singleton component classes, so that all plans of a class share one instance. */
  private readonly components = new Map<Class, Registration>();
  /** The component classes of all plans. They need no provider. */
  private readonly componentClasses = new Set<InjectionToken>();
  private starting: Promise<void> = Promise.resolve();

  /**
   * Checks the shape of the providers, and what the eager ones depend on. Builds nothing.
   *
   * @throws {ErrandError} `PROVIDER_INVALID` or `PROVIDER_UNDEFINED`, naming the entry; for eager ones as {@link Injector.plan}.
   */
  constructor(private readonly options: InjectorOptions<Frame>) {
    const ownership = new Ownership();
    this.sources = {
      registrations: byToken(
        options.providers.map((provider, index) => registrationOf(provider, `providers[${index}]`)),
      ),
      builtIns: new Map(options.builtIns.map((builtIn) => [builtIn.token, builtIn])),
      external: options.external,
      ownership,
      isPlain: options.isPlain ?? ((thrown) => ErrandError.is(thrown)),
      ownComponent: (target, lifetime) => this.ownComponent(target, lifetime),
    };
    for (const registration of [...this.sources.registrations.values()].flat()) {
      if (registration.form === 'value') ownership.exclude(registration.value);
    }
    // Singletons never see a frame: the graph refuses any that would need one.
    this.singletons = new InstanceContainer<Frame>([], undefined as Frame);
    this.planEager();
  }

  private planEager(): void {
    const eager = [...this.sources.registrations.values()]
      .flat()
      .filter((registration) => 'eager' in registration && registration.eager);
    if (eager.length === 0) return;
    const call = new Scope<Frame>([]);
    const graph = new Graph(this.sources, this.scope, call, (step) => this.valueOf(step));
    for (const registration of eager) graph.eager(registration);
    graph.finish();
    orderLazyRoots(this.scope);
  }

  /**
   * Checks everything that a component depends on and puts it in order.
   *
   * @throws {ErrandError} with the path: `TOKEN_NOT_REGISTERED`, `TOKEN_ONLY_GLOBAL`, `TOKEN_NOT_IN_MODE`,
   * `DEPENDENCY_CYCLE`, `CAPTIVE_DEPENDENCY`, `CLASS_NOT_INJECTABLE` or `PARAMETER_UNBOUND`.
   */
  plan(request: PlanRequest): Plan<Frame> {
    const steps = this.scope.steps.length;
    const lazyRoots = this.scope.lazyRoots.length;
    const call = new Scope<Frame>(request.modes);
    const graph = new Graph(this.sources, this.scope, call, (step) => this.valueOf(step));
    const path = ResolutionPath.from(request.label);
    try {
      const { component } = request;
      if (component) this.componentClasses.add(component.target);
      const instance = component && graph.component(component.target, component.lifetime ?? 'call', path);
      const args = request.injections.map((injection, index) =>
        graph.request(injection, call, path.asking(request.parameters?.[index])),
      );
      graph.finish();
      orderLazyRoots(this.scope);
      return new CompiledPlan(call, instance, args, () => this.refuseWhenClosed());
    } catch (error) {
      this.scope.rollBack(steps, lazyRoots);
      throw error;
    }
  }

  /**
   * Builds the missing singletons that the plans need, one after the other, and awaits their factories. When one fails,
   * disposes those that this start built; a later start tries again.
   */
  start(): Promise<void> {
    const started = this.starting.then(
      () => this.build(),
      () => this.build(),
    );
    this.starting = started;
    return started;
  }

  /**
   * Disposes all singletons, newest first. Plans cannot be opened afterwards.
   *
   * @throws AggregateError with the errors of the disposers.
   */
  async close(): Promise<void> {
    this.singletons.end();
    await this.starting.catch(() => undefined); // the caller of start() gets the error
    await this.singletons.dispose();
  }

  /** Whether something can be injected for the token. */
  has(token: InjectionToken): boolean {
    const { registrations, builtIns, external } = this.sources;
    return registrations.has(token) || builtIns.has(token) || (external?.has(token) ?? false);
  }

  /**
   * Returns an injector with the same options in which `overrides` replace all providers of their tokens. It builds its
   * own singletons, and takes the built-in tokens of the server that it serves.
   *
   * @throws {ErrandError} `OVERRIDE_UNKNOWN` for a token that is neither provided nor a component class.
   */
  with(overrides: readonly Provider[], builtIns = this.options.builtIns): Injector<Frame> {
    const { registrations } = this.sources;
    const overridden = new Set(
      overrides.map((override, index) => registrationOf(override, `override[${index}]`).token),
    );
    for (const token of overridden) {
      if (this.has(token) || this.componentClasses.has(token)) continue;
      throw new ErrandError(
        'OVERRIDE_UNKNOWN',
        `override names ${tokenName(token)}, which is not provided. Override what is in providers or components: ${[...registrations.keys(), ...this.componentClasses].map(tokenName).join(', ') || 'nothing'}.`,
      );
    }
    const kept = this.options.providers.filter((provider) => !overridden.has(tokenOf(provider)));
    return new Injector({ ...this.options, builtIns, providers: [...kept, ...overrides] });
  }

  private ownComponent(target: Class, lifetime: Lifetime): Registration {
    const own: Registration = { token: target, form: 'class', target, bare: false, lifetime, dispose: undefined };
    if (lifetime !== 'singleton') return own;
    const known = this.components.get(target) ?? own;
    this.components.set(target, known);
    return known;
  }

  private async build(): Promise<void> {
    this.refuseWhenClosed();
    const { slots } = this.singletons;
    for (const step of this.scope.steps.slice(slots.length)) slots.push(step.given ? step.given() : unfilled);
    const before = slots.slice();
    const { mark } = this.singletons;
    try {
      await this.singletons.ensureAll(inOrder(this.scope.sharedSteps));
    } catch (error) {
      try {
        await this.singletons.abandon(error, mark);
      } finally {
        slots.splice(0, before.length, ...before);
      }
    }
  }

  private valueOf(step: Step<Frame>): unknown {
    const { slots } = this.singletons;
    const value = slots[step.slot];
    if (step.slot < slots.length && value !== unfilled) return value;
    throw new ErrandError(
      'CONTAINER_DISPOSED',
      `${step.path.toString()}: the singletons have not been built yet. Await start() first.`,
    );
  }

  private refuseWhenClosed(): void {
    if (!this.singletons.isEnded) return;
    throw new ErrandError('CONTAINER_DISPOSED', 'The server has been closed, and its instances have been disposed.');
  }
}

function tokenOf(provider: Provider): InjectionToken {
  return typeof provider === 'function' ? provider : provider.provide;
}

function byToken(registrations: readonly Registration[]): Map<InjectionToken, Registration[]> {
  const found = new Map<InjectionToken, Registration[]>();
  for (const registration of registrations) {
    const others = found.get(registration.token);
    if (others) others.push(registration);
    else found.set(registration.token, [registration]);
  }
  return found;
}
