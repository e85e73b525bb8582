import { ErrandError } from '../../base/errors.js';
import { unfilled, type Container, type LazyRoot, type Step } from './instance-container.js';
import { captive, circle, notInMode, notRegistered } from './graph-errors.js';
import { calling, constructing } from './construct.js';
import type { Scope } from './scope.js';
import type { ExternalContainer } from '../external.js';
import type { Injection } from '../inject.js';
import type { Ownership } from './ownership.js';
import { constructorParameters, parameterName, refuseHole } from '../reflection/parameters.js';
import type { BuiltIn } from './plan.js';
import type { Lifetime, Registration } from '../providers.js';
import { tokenName, type Class, type InjectionToken } from '../tokens.js';
import type { ResolutionPath } from './resolution-path.js';
import { standIn } from '../tsyringe.js';

/** Where instances come from. */
export interface Sources<Frame> {
  readonly registrations: ReadonlyMap<InjectionToken, readonly Registration[]>;
  readonly builtIns: ReadonlyMap<InjectionToken, BuiltIn<Frame>>;
  readonly external: ExternalContainer<Frame> | undefined;
  readonly ownership: Ownership;
  /** How a component's class is made that no provider makes. */
  readonly ownComponent: (target: Class, lifetime: Lifetime) => Registration;
}

/** Walks from one component to everything it needs, refuses what cannot work, and adds the steps that make it. */
export class Graph<Frame> {
  /** What stands behind `lazy` and `delay` is walked last, so that circles through it end. */
  private readonly deferred: (() => void)[] = [];

  constructor(
    private readonly sources: Sources<Frame>,
    private readonly server: Scope<Frame>,
    private readonly call: Scope<Frame>,
    /** What the server's container holds for a step of its scope. */
    private readonly serverValue: (step: Step<Frame>) => unknown,
  ) {}

  /** Walks what was put off; to be called once, after everything was requested. */
  finish(): void {
    for (let next = this.deferred.shift(); next; next = this.deferred.shift()) next();
  }

  /** The step that makes the instance of a component's class. */
  component(target: Class, lifetime: Lifetime, trail: ResolutionPath): Step<Frame> {
    const provider = this.sources.registrations.get(target)?.at(-1);
    const saysHow = provider && !(provider.form === 'class' && provider.bare && provider.lifetime !== lifetime);
    if (saysHow) return this.registered(provider, this.call, trail);
    if (!provider && this.sources.external?.has(target)) return this.external(target, false, this.call, trail);
    return this.registered(this.sources.ownComponent(target, lifetime), this.call, trail);
  }

  /** The step that gives what one parameter asks for. */
  request(injection: Injection, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    const { token } = injection;
    const name = tokenName(token);
    if (injection.optional && !this.has(token)) {
      return scope.add({
        path: trail.to(name),
        optional: true,
        ...(injection.all ? { make: () => [] } : { given: () => undefined }),
      });
    }
    if (injection.lazy) return this.lazy({ ...injection, token, lazy: false }, scope, trail);
    if (injection.delayed) return this.delayed({ ...injection, token, delayed: false }, scope, trail);
    const here = trail.to(name);
    return injection.all ? this.all(token, scope, here) : this.one(token, injection.optional, scope, here);
  }

  private has(token: InjectionToken): boolean {
    const { registrations, builtIns, external } = this.sources;
    return registrations.has(token) || builtIns.has(token) || (external?.has(token) ?? false);
  }

  private lazy(injection: Injection, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    const path = trail.to(`lazy(${tokenName(injection.token)})`);
    const root: LazyRoot<Frame> = { target: undefined, steps: [], path };
    scope.lazyRoots.push(root);
    this.deferred.push(() => (root.target = this.behind(injection, scope, trail, 'lazy')));
    return scope.add({ path, root, make: (container) => container.lazily(root) });
  }

  private delayed(injection: Injection, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    const path = trail.to(`delay(${tokenName(injection.token)})`);
    const step = scope.add({ path, make: (container) => standIn(() => delayedValue(container, step)) });
    this.deferred.push(() => step.after.push(this.behind(injection, scope, trail, 'delay')));
    return step;
  }

  private behind(injection: Injection, scope: Scope<Frame>, trail: ResolutionPath, word: string): Step<Frame> {
    const here = trail.to(`${word}(${tokenName(injection.token)})`, true);
    return injection.all
      ? this.all(injection.token, scope, here)
      : this.one(injection.token, injection.optional, scope, here);
  }

  private all(token: InjectionToken, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    const registrations = this.sources.registrations.get(token);
    const elsewhere = !registrations && !this.sources.builtIns.has(token) && this.sources.external;
    if (elsewhere && elsewhere.resolveAll && elsewhere.has(token)) return this.external(token, true, scope, trail);
    const needs = registrations?.map((registration) => this.registered(registration, scope, trail)) ?? [
      this.one(token, false, scope, trail),
    ];
    const slots = needs.map((step) => step.slot);
    return scope.add({ path: trail, needs, make: ({ slots: values }) => slots.map((slot) => values[slot]) });
  }

  private one(token: InjectionToken, optional: boolean, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    const registration = this.sources.registrations.get(token)?.at(-1);
    if (registration) return this.registered(registration, scope, trail);
    const builtIn = this.sources.builtIns.get(token);
    if (builtIn) return this.builtIn(builtIn, optional, scope, trail);
    if (this.sources.external?.has(token)) return this.external(token, false, scope, trail);
    throw notRegistered(token, trail);
  }

  private registered(registration: Registration, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    if (trail.closesCircle(registration)) throw circle(registration, trail);
    const here = trail.as(registration);
    switch (registration.form) {
      case 'value':
        return scope.share(registration, () => scope.add({ path: here, given: () => registration.value }));
      case 'existing':
        return this.one(registration.existing, false, scope, here.to(tokenName(registration.existing)));
      default:
        if (registration.lifetime === 'transient') return this.made(registration, scope, here);
        if (registration.lifetime === 'call' && scope === this.server) throw captive(here);
        return this.shared(registration.lifetime, registration, scope, here, (at) => this.made(registration, at, here));
    }
  }

  /** One step for everyone who needs it; what lives as long as the server is made there and only read in a call. */
  private shared(
    lifetime: 'singleton' | 'call',
    key: unknown,
    scope: Scope<Frame>,
    trail: ResolutionPath,
    add: (scope: Scope<Frame>) => Step<Frame>,
  ): Step<Frame> {
    if (lifetime === 'call' || scope === this.server) return scope.share(key, () => add(scope));
    const step = this.server.share(key, () => add(this.server));
    return scope.share(key, () => scope.add({ path: trail, given: () => this.serverValue(step) }));
  }

  private made(
    registration: Registration & { form: 'class' | 'factory' },
    scope: Scope<Frame>,
    trail: ResolutionPath,
  ): Step<Frame> {
    const isClass = registration.form === 'class';
    const needs = isClass
      ? this.constructorNeeds(registration.target, scope, trail)
      : registration.injections.map((injection) => this.request(injection, scope, trail));
    const slots = needs.map((step) => step.slot);
    return scope.add({
      path: trail,
      needs,
      make: isClass ? constructing(registration.target, slots) : calling(registration.make, slots),
      awaits: !isClass,
      disposal: (instance) => this.sources.ownership.claim(instance, registration.dispose, isClass),
    });
  }

  private constructorNeeds(target: Class, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame>[] {
    return constructorParameters(target).map((parameter) => {
      if (parameter.injection) return this.request(parameter.injection, scope, trail);
      if (parameter.type) return this.one(parameter.type, false, scope, trail.to(tokenName(parameter.type)));
      throw refuseHole(
        `${trail.toString()}: ${target.name}, constructor ${parameterName(parameter)}`,
        parameter,
        'constructor',
      );
    });
  }

  private builtIn(builtIn: BuiltIn<Frame>, optional: boolean, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    if (scope === this.server && !builtIn.singleton) throw captive(trail);
    if (scope === this.server || !builtIn.call) {
      if (scope !== this.server) scope.needs.add(builtIn.token);
      return this.shared('singleton', builtIn, scope, trail, (at) =>
        at.add({ path: trail, optional, make: () => builtIn.singleton?.() }),
      );
    }
    const missing = scope.modes?.find((mode) => !builtIn.modes.includes(mode));
    if (missing && !optional) throw notInMode(builtIn.token, missing, trail);
    scope.needs.add(builtIn.token);
    const step = scope.share(builtIn, () =>
      scope.add({ path: trail, optional: true, absent: builtIn.absent, make: ({ frame }) => builtIn.call?.(frame) }),
    );
    if (!optional && trail.isDeferred) {
      // Its absence must not fail those for whom it is optional, and who are served before.
      return scope.add({ path: trail, needs: [step], absent: builtIn.absent, make: ({ slots }) => slots[step.slot] });
    }
    if (!optional) step.optional = false;
    return step;
  }

  private external(token: InjectionToken, all: boolean, scope: Scope<Frame>, trail: ResolutionPath): Step<Frame> {
    const external = this.sources.external as ExternalContainer<Frame>;
    const lifetime = external.lifetime(token);
    if (lifetime === 'call' && scope === this.server) throw captive(trail);
    const resolve = (frame: Frame | undefined): unknown =>
      all ? external.resolveAll?.(token, frame) : external.resolve(token, frame);
    return this.shared(lifetime, all ? {} : token, scope, trail, (at) =>
      at.add({
        path: trail,
        awaits: true,
        make: ({ frame }) => resolve(at === this.server ? undefined : frame),
        disposal: (instance) => this.sources.ownership.leave(instance),
      }),
    );
  }
}

function delayedValue<Frame>(container: Container<Frame>, step: Step<Frame>): object {
  const value = container.slots[step.after[0]?.slot ?? -1];
  if (value !== unfilled) return value as object;
  throw new ErrandError(
    'DEPENDENCY_CYCLE',
    `${step.path.toString()} was used before it was made. A constructor may keep what delay() gives, but not use it yet.`,
  );
}
