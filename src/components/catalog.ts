import { ErrandError } from '../base/errors.js';
import { didYouMean } from '../base/near-name.js';
import type { Injector, Lifetime } from '../injection/injector.js';
import { isClass, type Class } from '../injection/tokens.js';
import {
  compileDefinition,
  compileMethod,
  componentKey,
  type Component,
  type ComponentDefaults,
  type ComponentKind,
  type ComponentOf,
} from './component.js';
import { declaredMethods } from './decorators/declarations.js';
import { isDefinedComponent, type DefinedComponent } from './define.js';
import type { ComponentLimits } from './options.js';

/** An entry of `components`: a class, a definition, or a class with the lifetime of its instances. */
export type ComponentEntry =
  | Class<object>
  | DefinedComponent
  | {
      /** The class. */
      readonly component: Class<object>;
      /** Default: `'call'`, a new instance for each call. */
      readonly lifetime?: Lifetime;
    };

/** All components of one server. */
export class Catalog<Frame> {
  /** By key. Tools and jobs share one set of names. */
  private readonly byKey = new Map<string, Component<Frame>>();
  private readonly byMethod = new Map<Class, Map<string, Component<Frame>>>();
  private readonly byDefinition = new Map<DefinedComponent, Component<Frame>>();

  /** @throws {ErrandError} for the first entry that cannot be served as declared. */
  constructor(entries: readonly ComponentEntry[], injector: Injector<Frame>, defaults: ComponentDefaults) {
    for (const [index, entry] of entries.entries()) {
      if (isDefinedComponent(entry)) {
        this.byDefinition.set(entry, this.add(compileDefinition(entry, injector, defaults)));
      } else {
        const where = `components[${index}]`;
        const { component, lifetime } = toClassEntry(entry, where);
        this.addClass(component, lifetime, injector, defaults, where);
      }
    }
  }

  /** The components of one kind, in the order of `components`. */
  of<Kind extends ComponentKind>(kind: Kind): ComponentOf<Kind, Frame>[] {
    return [...this.byKey.values()].filter(
      (component): component is ComponentOf<Kind, Frame> => component.kind === kind,
    );
  }

  /** Whether any component can run in the background. */
  get hasBackground(): boolean {
    return this.background.length > 0;
  }

  /** The keys of the components that can run in the background. */
  get background(): string[] {
    return [...this.byKey].filter(([, { task }]) => task !== 'forbidden').map(([key]) => key);
  }

  /** The limits of the background components that have any, by key. */
  get limits(): ReadonlyMap<string, ComponentLimits> {
    const limited = new Map<string, ComponentLimits>();
    for (const [key, { task, limits }] of this.byKey) {
      if (task !== 'forbidden' && limits !== undefined) limited.set(key, limits);
    }
    return limited;
  }

  /** Whether a client may ask for a task of this kind. */
  hasTasks(kind: 'tool' | 'prompt' | 'resource'): boolean {
    return this.of(kind).some(({ task }) => task !== 'forbidden');
  }

  /** Finds a component by its key in the docket. */
  find(key: string): Component<Frame> | undefined {
    return this.byKey.get(key);
  }

  /** Finds a component by the name that clients know. */
  named<Kind extends 'tool' | 'prompt'>(kind: Kind, name: string): ComponentOf<Kind, Frame> | undefined {
    const found = this.byKey.get(componentKey(kind, name));
    return found?.kind === kind ? (found as ComponentOf<Kind, Frame>) : undefined;
  }

  /** The resource at a URI. A fixed URI takes precedence over a template. */
  at(uri: string): ComponentOf<'resource', Frame> | undefined {
    const matches = this.of('resource').filter(({ address }) => address?.match(uri) !== undefined);
    return matches.find(({ address }) => address?.template === undefined) ?? matches[0];
  }

  /**
   * The component behind the arguments of `docket.add`.
   *
   * @throws {ErrandError} `COMPONENT_UNKNOWN`
   */
  resolve(component: Class | DefinedComponent, method?: string): Component<Frame> {
    const isDefined = isDefinedComponent(component);
    const found = isDefined ? this.byDefinition.get(component) : this.byMethod.get(component)?.get(method ?? '');
    if (found !== undefined) return found;
    const name = isDefined ? component.name : `${component.name}.${method}`;
    throw new ErrandError(
      'COMPONENT_UNKNOWN',
      `${name} is not a component of this server. Add ${isDefined ? 'it' : component.name} to components, and @job or @tool to the method.`,
    );
  }

  private addClass(
    target: Class,
    lifetime: Lifetime,
    injector: Injector<Frame>,
    defaults: ComponentDefaults,
    where: string,
  ): void {
    const methods = declaredMethods(target);
    if (methods.length === 0) throw withoutMethods(target, where);
    const compiled = new Map<string, Component<Frame>>();
    for (const method of methods) {
      compiled.set(method.name, this.add(compileMethod(target, lifetime, method, injector, defaults)));
    }
    this.byMethod.set(target, compiled);
  }

  private add(component: Component<Frame>): Component<Frame> {
    const other = this.byKey.get(component.key);
    if (other !== undefined) {
      throw new ErrandError(
        'COMPONENT_DUPLICATE',
        `${other.label} and ${component.label} are both named '${component.name}'. Set \`name\` on one of them.`,
      );
    }
    const { address } = component;
    const sameUri = this.of('resource').find((each) => address !== undefined && each.address?.uri === address.uri);
    if (sameUri !== undefined) {
      throw new ErrandError(
        'COMPONENT_DUPLICATE',
        `${sameUri.label} and ${component.label} are both at '${address?.uri}'. Give one of them another URI.`,
      );
    }
    this.byKey.set(component.key, component);
    return component;
  }
}

const lifetimes: readonly unknown[] = ['singleton', 'call', 'transient'];

function toClassEntry(entry: unknown, where: string): { component: Class; lifetime: Lifetime } {
  if (isClass(entry)) return { component: entry, lifetime: 'call' };
  if (typeof entry !== 'object' || entry === null) throw invalidEntry(where, `is ${describeEntry(entry)}`);
  refuseForeignObject(entry, where);
  const { component, lifetime = 'call' } = entry as Record<string, unknown>;
  if (!isClass(component)) throw invalidEntry(where, `has component: ${describeEntry(component)}`);
  if (!lifetimes.includes(lifetime)) throw invalidEntry(where, `has lifetime: ${JSON.stringify(lifetime)}`);
  return { component, lifetime: lifetime as Lifetime };
}

const entryOptions = ['component', 'lifetime'];

/** Refuses objects that are no entry: an instance, a list, or an entry with an option that does not exist. */
function refuseForeignObject(entry: object, where: string): void {
  if (Array.isArray(entry)) throw invalidEntry(where, 'is an array', ' Spread it: components: [...classes].');
  if (entry instanceof Promise) throw invalidEntry(where, 'is a promise', ' Await it first.');
  const { constructor } = entry;
  if (typeof constructor === 'function' && constructor !== Object) {
    const { name } = constructor;
    throw invalidEntry(where, `is an instance of ${name}`, ` List the class: components: [${name}].`);
  }
  const stray = Object.keys(entry).find((key) => !entryOptions.includes(key));
  if (stray === undefined) return;
  throw invalidEntry(where, `has ${stray}, which is not an option`, didYouMean(stray, entryOptions));
}

function describeEntry(entry: unknown): string {
  if (entry === undefined) return 'undefined (a circular import?)';
  if (entry === null) return 'null';
  return typeof entry === 'function' ? 'a function that is not a class' : `a value of type ${typeof entry}`;
}

function withoutMethods(target: Class, where: string): ErrandError {
  // A decorator of a class that lacks its parentheses puts the function that it returns in place of the class.
  const isReplaced = !Function.prototype.toString.call(target).startsWith('class');
  const wayOut = isReplaced ? ' If its class has a decorator without parentheses, add them: @injectable().' : '';
  return new ErrandError(
    'COMPONENT_INVALID',
    `${target.name || where} has no method with @tool, @prompt, @resource or @job. Decorate one, or list it under providers.${wayOut}`,
  );
}

const wayOut =
  "Give a class, the result of defineTool or defineJob, or { component: Class, lifetime: 'singleton' | 'call' | 'transient' }.";

function invalidEntry(where: string, got: string, hint = ''): ErrandError {
  return new ErrandError('COMPONENT_INVALID', `${where} ${got}.${hint === '' ? ` ${wayOut}` : hint}`);
}
