import { ErrandError } from '../../base/errors.js';
import { refuseOtherCopy } from '../../base/package-copy.js';
import { captive, cycle, notInMode, notRegistered, providerFailed, unbound } from './graph-errors.js';
import { calling, constructing } from './construct.js';
import type { Scope } from './scope.js';
import { unfilled, type LazyRoot, type Step, type StepContext } from './step.js';
import type { ExternalContainer } from '../external.js';
import type { Injection } from '../inject.js';
import type { Ownership } from './ownership.js';
import { constructorParameters, parameterName } from '../reflection/parameters.js';
import type { BuiltIn } from './plan.js';
import type { Lifetime, Registration } from '../providers.js';
import { tokenName, type Class, type InjectionToken } from '../tokens.js';
import { ResolutionPath } from './resolution-path.js';
import { delayedProxy } from '../tsyringe.js';

/** Where instances come from. */
export interface Sources<Frame> {
  readonly registrations: ReadonlyMap<InjectionToken, readonly Registration[]>;
  readonly builtIns: ReadonlyMap<InjectionToken, BuiltIn<Frame>>;
  readonly external: ExternalContainer<Frame> | undefined;
  readonly ownership: Ownership;
  /** Whether an error of a provider says all that there is to say, so that it is thrown as it is. */
  readonly isPlain: (thrown: unknown) => boolean;
  /** Registers a component class that no provider provides. */
  readonly ownComponent: (target: Class, lifetime: Lifetime) => Registration;
}

/** Walks from a component to everything it needs, refuses what cannot work, and adds the steps that build the rest. */
export class Graph<Frame> {
  /** Targets of `lazy` and `delay` are walked last, so that cycles through them end. */
  private readonly deferred: (() => void)[] = [];

  constructor(
    private readonly sources: Sources<Frame>,
    private readonly server: Scope<Frame>,
    private readonly call: Scope<Frame>,
    /** Reads the server's instance for a step of its scope. */
    private readonly serverValue: (step: Step<Frame>) => unknown,
  ) {}

  /** Walks the deferred targets. To be called once, after the last request. */
  finish(): void {
    for (let next = this.deferred.shift(); next; next = this.deferred.shift()) next();
  }

  /** Returns the step that builds the component's instance. */
  component(target: Class, lifetime: Lifetime, path: ResolutionPath): Step<Frame> {
    const provider = this.sources.registrations.get(target)?.at(-1);
    const isExplicit = provider && !(provider.form === 'class' && provider.bare && provider.lifetime !== lifetime);
    if (isExplicit) return this.registered(provider, this.call, path);
    if (!provider && this.sources.external?.has(target)) return this.external(target, false, this.call, path);
    return this.registered(this.sources.ownComponent(target, lifetime), this.call, path);
  }

  /** Adds a singleton that is built whether or not a component needs it. */
  eager(registration: Registration): void {
    this.registered(registration, this.server, ResolutionPath.from(tokenName(registration.token)));
  }

  /** Returns the step that supplies what one parameter asks for. */
  request(injection: Injection, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    const { token } = injection;
    const name = tokenName(token);
    refuseOtherCopy(token, () => `${path.to(name).toString()}: the class ${name}`);
    if (injection.optional && !this.has(token)) {
      return scope.add({
        path: path.to(name),
        optional: true,
        ...(injection.all ? { make: () => [] } : { given: () => undefined }),
      });
    }
    if (injection.lazy) return this.lazy({ ...injection, token, lazy: false }, scope, path);
    if (injection.delayed) return this.delayed({ ...injection, token, delayed: false }, scope, path);
    const here = path.to(name);
    return injection.all ? this.all(token, scope, here) : this.one(token, injection.optional, scope, here);
  }

  private has(token: InjectionToken): boolean {
    const { registrations, builtIns, external } = this.sources;
    return registrations.has(token) || builtIns.has(token) || (external?.has(token) ?? false);
  }

  private lazy(injection: Injection, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    const here = path.to(`lazy(${tokenName(injection.token)})`);
    const root: LazyRoot<Frame> = { target: undefined, steps: [], path: here };
    scope.lazyRoots.push(root);
    this.deferred.push(() => (root.target = this.deferredTarget(injection, scope, path, 'lazy')));
    return scope.add({ path: here, root, make: (context) => context.lazily(root) });
  }

  private delayed(injection: Injection, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    const here = path.to(`delay(${tokenName(injection.token)})`);
    const step = scope.add({ path: here, make: (context) => delayedProxy(() => delayedValue(context, step)) });
    this.deferred.push(() => step.after.push(this.deferredTarget(injection, scope, path, 'delay')));
    return step;
  }

  private deferredTarget(injection: Injection, scope: Scope<Frame>, path: ResolutionPath, by: string): Step<Frame> {
    const here = path.to(`${by}(${tokenName(injection.token)})`, true);
    return injection.all
      ? this.all(injection.token, scope, here)
      : this.one(injection.token, injection.optional, scope, here);
  }

  private all(token: InjectionToken, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    const registrations = this.sources.registrations.get(token);
    const elsewhere = !registrations && !this.sources.builtIns.has(token) && this.sources.external;
    if (elsewhere && elsewhere.resolveAll && elsewhere.has(token)) return this.external(token, true, scope, path);
    const needs = registrations?.map((registration) => this.registered(registration, scope, path)) ?? [
      this.one(token, false, scope, path),
    ];
    const slots = needs.map((step) => step.slot);
    return scope.add({ path, needs, make: ({ slots: values }) => slots.map((slot) => values[slot]) });
  }

  private one(token: InjectionToken, optional: boolean, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    const registration = this.sources.registrations.get(token)?.at(-1);
    if (registration) return this.registered(registration, scope, path);
    const builtIn = this.sources.builtIns.get(token);
    if (builtIn) return this.builtIn(builtIn, optional, scope, path);
    if (this.sources.external?.has(token)) return this.external(token, false, scope, path);
    const { registrations, builtIns, external } = this.sources;
    throw notRegistered(token, path, [...registrations.keys(), ...builtIns.keys()], external);
  }

  private registered(registration: Registration, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    if (path.closesCycle(registration)) throw cycle(registration, path);
    const here = path.as(registration);
    switch (registration.form) {
      case 'value':
        return scope.share(registration, () => scope.add({ path: here, given: () => registration.value }));
      case 'existing':
        return this.one(
          registration.existing,
          false,
          scope,
          here.asking(path.parameter).to(tokenName(registration.existing)),
        );
      default:
        if (registration.lifetime === 'transient') return this.built(registration, scope, here);
        if (registration.lifetime === 'call' && scope === this.server) throw captive(here);
        return this.shared(registration.lifetime, registration, scope, here, (at) =>
          this.built(registration, at, here),
        );
    }
  }

  /** Adds one step for all that need it. Singletons are built in the server's scope and only read in a call's. */
  private shared(
    lifetime: 'singleton' | 'call',
    key: unknown,
    scope: Scope<Frame>,
    path: ResolutionPath,
    add: (scope: Scope<Frame>) => Step<Frame>,
  ): Step<Frame> {
    if (lifetime === 'call' || scope === this.server) return scope.share(key, () => add(scope));
    const step = this.server.share(key, () => add(this.server));
    return scope.share(key, () => scope.add({ path, given: () => this.serverValue(step) }));
  }

  private built(
    registration: Registration & { form: 'class' | 'factory' },
    scope: Scope<Frame>,
    path: ResolutionPath,
  ): Step<Frame> {
    const isClass = registration.form === 'class';
    const needs = isClass
      ? this.constructorNeeds(registration.target, scope, path)
      : registration.injections.map((injection) => this.request(injection, scope, path));
    const slots = needs.map((step) => step.slot);
    return scope.add({
      path,
      needs,
      make: isClass ? constructing(registration.target, slots) : calling(registration.make, slots),
      awaits: !isClass,
      disposal: (instance) => this.sources.ownership.take(instance, registration.dispose, isClass),
      blame: this.blameFor(path, isClass ? `the constructor of ${tokenName(registration.target)}` : 'its factory'),
    });
  }

  private blameFor(path: ResolutionPath, what: string): (thrown: unknown) => unknown {
    const { isPlain } = this.sources;
    return (thrown) => (isPlain(thrown) ? thrown : providerFailed(path, what, thrown));
  }

  private constructorNeeds(target: Class, scope: Scope<Frame>, path: ResolutionPath): Step<Frame>[] {
    return constructorParameters(target).map((parameter) => {
      if (parameter.rest === true) throw unbound(target, parameter, path);
      const here = path.asking(`constructor ${parameterName(parameter)} of ${target.name}`);
      if (parameter.injection) return this.request(parameter.injection, scope, here);
      if (parameter.type) return this.one(parameter.type, false, scope, here.to(tokenName(parameter.type)));
      throw unbound(target, parameter, path);
    });
  }

  private builtIn(builtIn: BuiltIn<Frame>, optional: boolean, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    if (scope === this.server && !builtIn.singleton) throw captive(path);
    if (scope === this.server || !builtIn.call) {
      if (scope !== this.server) scope.needs.add(builtIn.token);
      return this.shared('singleton', builtIn, scope, path, (at) =>
        at.add({ path, optional, make: () => builtIn.singleton?.() }),
      );
    }
    const missing = scope.modes?.find((mode) => !builtIn.modes.includes(mode));
    if (missing && !optional) throw notInMode(builtIn.token, missing, path);
    scope.needs.add(builtIn.token);
    const step = scope.share(builtIn, () =>
      scope.add({ path, optional: true, absent: builtIn.absent, make: ({ frame }) => builtIn.call?.(frame) }),
    );
    if (!optional && path.isDeferred) {
      // Fail only this request when it is absent: others, for which it is optional, come first.
      return scope.add({ path, needs: [step], absent: builtIn.absent, make: ({ slots }) => slots[step.slot] });
    }
    if (!optional) step.optional = false;
    return step;
  }

  private external(token: InjectionToken, all: boolean, scope: Scope<Frame>, path: ResolutionPath): Step<Frame> {
    const external = this.sources.external as ExternalContainer<Frame>;
    const lifetime = external.lifetime(token);
    if (lifetime === 'call' && scope === this.server) throw captive(path);
    const resolve = (frame: Frame | undefined): unknown =>
      all ? external.resolveAll?.(token, frame) : external.resolve(token, frame);
    return this.shared(lifetime, all ? {} : token, scope, path, (at) =>
      at.add({
        path,
        awaits: true,
        make: ({ frame }) => resolve(at === this.server ? undefined : frame),
        disposal: (instance) => this.sources.ownership.exclude(instance),
        blame: this.blameFor(path, 'the outer container'),
      }),
    );
  }
}

function delayedValue<Frame>({ slots }: StepContext<Frame>, step: Step<Frame>): object {
  const value = slots[step.after[0]?.slot ?? -1];
  if (value !== unfilled) return value as object;
  throw new ErrandError(
    'DEPENDENCY_CYCLE',
    `${step.path.toString()} was used before it was built. A constructor may keep what delay() injects, but not use it yet.`,
  );
}
