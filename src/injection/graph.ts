import { ErrandError } from '../base/errors.js';
import { unfilled, type Container, type LazyRoot, type Step } from './container.js';
import type { ExternalContainer } from './external.js';
import type { Injection } from './inject.js';
import type { Ownership } from './ownership.js';
import { constructorParameters, parameterName, refuseHole } from './parameters.js';
import type { BuiltIn, Mode } from './plan-request.js';
import type { Lifetime, Registration } from './providers.js';
import { tokenName, type Class, type InjectionToken } from './tokens.js';
import type { Trail } from './trail.js';
import { isRegisteredGlobally, standIn } from './tsyringe.js';

/** Where instances come from. */
export interface Sources<Frame> {
  readonly registrations: ReadonlyMap<InjectionToken, readonly Registration[]>;
  readonly builtIns: ReadonlyMap<InjectionToken, BuiltIn<Frame>>;
  readonly external: ExternalContainer<Frame> | undefined;
  readonly ownership: Ownership;
  /** How component classes are made that no provider makes, so that all plans of a singleton share it. */
  readonly components: Map<Class, Registration>;
}

/** The steps of everything that lives equally long: of the server, or of the calls of one plan. */
export class Scope<Frame> {
  readonly steps: Step<Frame>[] = [];
  readonly lazyRoots: LazyRoot<Frame>[] = [];
  readonly needs = new Set<InjectionToken>();
  private readonly shared = new Map<unknown, Step<Frame>>();

  constructor(
    /** The modes of the calls; `undefined` for the server. */
    readonly modes?: readonly Mode[],
  ) {}

  add(step: Partial<Step<Frame>> & Pick<Step<Frame>, 'path'>): Step<Frame> {
    const nothing = (): undefined => undefined;
    const added = {
      needs: [],
      after: [],
      make: nothing,
      awaits: false,
      optional: false,
      ...step,
      slot: this.steps.length,
    };
    this.steps.push(added);
    return added;
  }

  /** The step that was added for `key` before, else the one that `add` adds. */
  share(key: unknown, add: () => Step<Frame>): Step<Frame> {
    const known = this.shared.get(key);
    if (known) return known;
    const step = add();
    this.shared.set(key, step);
    return step;
  }

  get sharedSteps(): Iterable<Step<Frame>> {
    return this.shared.values();
  }

  /** Forgets what was added since there were `count` steps. */
  rollBack(count: number, lazyRoots: number): void {
    this.steps.length = count;
    this.lazyRoots.length = lazyRoots;
    for (const [key, step] of this.shared) if (step.slot >= count) this.shared.delete(key);
  }
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
  component(target: Class, lifetime: Lifetime, trail: Trail): Step<Frame> {
    const provider = this.sources.registrations.get(target)?.at(-1);
    const saysHow = provider && !(provider.form === 'class' && provider.bare && provider.lifetime !== lifetime);
    if (saysHow) return this.registered(provider, this.call, trail);
    if (!provider && this.sources.external?.has(target)) return this.external(target, false, this.call, trail);
    let own = this.sources.components.get(target);
    if (!own) {
      own = { token: target, form: 'class', target, bare: false, lifetime, dispose: undefined };
      this.sources.components.set(target, own);
    }
    return this.registered(own, this.call, trail);
  }

  /** The step that gives what one parameter asks for. */
  request(injection: Injection, scope: Scope<Frame>, trail: Trail): Step<Frame> {
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

  private lazy(injection: Injection, scope: Scope<Frame>, trail: Trail): Step<Frame> {
    const path = trail.to(`lazy(${tokenName(injection.token)})`);
    const root: LazyRoot<Frame> = { target: undefined, steps: [], path };
    scope.lazyRoots.push(root);
    this.deferred.push(() => (root.target = this.behind(injection, scope, trail, 'lazy')));
    return scope.add({ path, make: (container) => container.lazily(root) });
  }

  private delayed(injection: Injection, scope: Scope<Frame>, trail: Trail): Step<Frame> {
    const path = trail.to(`delay(${tokenName(injection.token)})`);
    const step = scope.add({ path, make: (container) => standIn(() => delayedValue(container, step)) });
    this.deferred.push(() => step.after.push(this.behind(injection, scope, trail, 'delay')));
    return step;
  }

  private behind(injection: Injection, scope: Scope<Frame>, trail: Trail, word: string): Step<Frame> {
    const here = trail.to(`${word}(${tokenName(injection.token)})`, true);
    return injection.all
      ? this.all(injection.token, scope, here)
      : this.one(injection.token, injection.optional, scope, here);
  }

  private all(token: InjectionToken, scope: Scope<Frame>, trail: Trail): Step<Frame> {
    const registrations = this.sources.registrations.get(token);
    if (!registrations && !this.sources.builtIns.has(token) && this.sources.external?.has(token)) {
      return this.external(token, true, scope, trail);
    }
    const needs = registrations?.map((registration) => this.registered(registration, scope, trail)) ?? [
      this.one(token, false, scope, trail),
    ];
    const slots = needs.map((step) => step.slot);
    return scope.add({ path: trail, needs, make: ({ slots: values }) => slots.map((slot) => values[slot]) });
  }

  private one(token: InjectionToken, optional: boolean, scope: Scope<Frame>, trail: Trail): Step<Frame> {
    const registration = this.sources.registrations.get(token)?.at(-1);
    if (registration) return this.registered(registration, scope, trail);
    const builtIn = this.sources.builtIns.get(token);
    if (builtIn) return this.builtIn(builtIn, optional, scope, trail);
    if (this.sources.external?.has(token)) return this.external(token, false, scope, trail);
    throw notRegistered(token, trail);
  }

  private registered(registration: Registration, scope: Scope<Frame>, trail: Trail): Step<Frame> {
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
    trail: Trail,
    add: (scope: Scope<Frame>) => Step<Frame>,
  ): Step<Frame> {
    if (lifetime === 'call' || scope === this.server) return scope.share(key, () => add(scope));
    const step = this.server.share(key, () => add(this.server));
    return scope.share(key, () => scope.add({ path: trail, given: () => this.serverValue(step) }));
  }

  private made(
    registration: Registration & { form: 'class' | 'factory' },
    scope: Scope<Frame>,
    trail: Trail,
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

  private constructorNeeds(target: Class, scope: Scope<Frame>, trail: Trail): Step<Frame>[] {
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

  private builtIn(builtIn: BuiltIn<Frame>, optional: boolean, scope: Scope<Frame>, trail: Trail): Step<Frame> {
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
      scope.add({ path: trail, optional: true, make: ({ frame }) => builtIn.call?.(frame) }),
    );
    if (!optional && trail.isDeferred) {
      // Its absence must not fail those for whom it is optional, and who are served before.
      return scope.add({ path: trail, needs: [step], make: ({ slots }) => slots[step.slot] });
    }
    if (!optional) step.optional = false;
    return step;
  }

  private external(token: InjectionToken, all: boolean, scope: Scope<Frame>, trail: Trail): Step<Frame> {
    const external = this.sources.external as ExternalContainer<Frame>;
    const lifetime = external.lifetime(token);
    if (lifetime === 'call' && scope === this.server) throw captive(trail);
    const resolve = (frame: Frame | undefined): unknown => {
      if (!all) return external.resolve(token, frame);
      return external.resolveAll ? external.resolveAll(token, frame) : [external.resolve(token, frame)];
    };
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

type Make = (container: { readonly slots: readonly unknown[] }) => unknown;

/** Makes an instance without an array for the arguments, which most classes can do without. */
function constructing(target: Class, slots: readonly number[]): Make {
  const Target = target as new (...args: unknown[]) => unknown;
  const [a = 0, b = 0, c = 0, d = 0] = slots;
  switch (slots.length) {
    case 0:
      return () => new Target();
    case 1:
      return ({ slots: s }) => new Target(s[a]);
    case 2:
      return ({ slots: s }) => new Target(s[a], s[b]);
    case 3:
      return ({ slots: s }) => new Target(s[a], s[b], s[c]);
    case 4:
      return ({ slots: s }) => new Target(s[a], s[b], s[c], s[d]);
    default:
      return ({ slots: s }) => new Target(...slots.map((slot) => s[slot]));
  }
}

function calling(make: (...args: unknown[]) => unknown, slots: readonly number[]): Make {
  const [a = 0, b = 0] = slots;
  switch (slots.length) {
    case 0:
      return () => make();
    case 1:
      return ({ slots: s }) => make(s[a]);
    case 2:
      return ({ slots: s }) => make(s[a], s[b]);
    default:
      return ({ slots: s }) => make(...slots.map((slot) => s[slot]));
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

function notRegistered(token: InjectionToken, trail: Trail): ErrandError {
  const name = tokenName(token);
  if (isRegisteredGlobally(token)) {
    return new ErrandError(
      'TOKEN_ONLY_GLOBAL',
      `${trail.toString()}: registered only in tsyringe's global container, which is not read. Add ${name} to providers, or hand over the container it is registered in with the option container.`,
    );
  }
  return new ErrandError(
    'TOKEN_NOT_REGISTERED',
    `${trail.toString()}: not registered. Add ${name} to providers, or, where it may be absent, write @inject(${name}, { optional: true }).`,
  );
}

function circle(registration: Registration, trail: Trail): ErrandError {
  const transient = 'lifetime' in registration && registration.lifetime === 'transient';
  const wayOut = transient
    ? `Give one of them the lifetime 'call' or 'singleton': transients would be made without end.`
    : 'Inject one of them with lazy() or delay().';
  return new ErrandError('DEPENDENCY_CYCLE', `${trail.toString()}: these need each other in a circle. ${wayOut}`);
}

function captive(trail: Trail): ErrandError {
  return new ErrandError(
    'CAPTIVE_DEPENDENCY',
    `${trail.toString()}: lives as long as one call, but ${trail.holder} is a singleton and would keep it. Give ${trail.holder} the lifetime 'call', or hand it over as an argument of a method.`,
  );
}

function notInMode(token: InjectionToken, mode: Mode, trail: Trail): ErrandError {
  return new ErrandError(
    'TOKEN_NOT_IN_MODE',
    `${trail.toString()}: does not exist in the ${mode}, where this component runs too. Write @inject(${tokenName(token)}, { optional: true }).`,
  );
}
