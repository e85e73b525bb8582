import { ErrandError } from '../base/errors.js';
import type { Injector } from '../injection/injector.js';
import type { Class } from '../injection/tokens.js';
import {
  compileDefinition,
  compileMethod,
  componentKey,
  type Component,
  type ComponentDefaults,
  type ComponentKind,
  type ComponentOf,
} from './component.js';
import {
  looksMinified,
  toClassEntry,
  withoutMethods,
  type ClassEntry,
  type ComponentEntry,
} from './component-entry.js';
import { declaredMethods } from './decorators/declarations.js';
import { isDefinedComponent, type DefinedComponent } from './define.js';
import type { ComponentLimits } from './options.js';

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
        this.addClass(toClassEntry(entry, where), injector, defaults, where);
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

  /** The jobs that are named after a class whose name a minifier seems to have changed. */
  get minifiedJobs(): string[] {
    return [...this.byMethod]
      .filter(([target]) => looksMinified(target))
      .flatMap(([, methods]) => [...methods.values()])
      .filter(({ kind, declaration }) => kind === 'job' && declaration.options.name === undefined)
      .map(({ name }) => name);
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

  private addClass(entry: ClassEntry, injector: Injector<Frame>, defaults: ComponentDefaults, where: string): void {
    const { target } = entry;
    const methods = declaredMethods(target);
    if (methods.length === 0) throw withoutMethods(target, where);
    const compiled = new Map<string, Component<Frame>>();
    for (const method of methods) {
      compiled.set(method.name, this.add(compileMethod(entry, method, injector, defaults)));
    }
    this.byMethod.set(target, compiled);
  }

  private add(component: Component<Frame>): Component<Frame> {
    const other = this.byKey.get(component.key);
    if (other !== undefined) throw sameName(other, component);
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

function sameName<Frame>(one: Component<Frame>, other: Component<Frame>): ErrandError {
  const classes = [one, other].map(({ label }) => label.slice(0, label.lastIndexOf('.')));
  const isInherited = one.declaration === other.declaration;
  const what =
    one.label === other.label
      ? `${one.label} is listed twice. Remove one of the entries.`
      : `${one.label} and ${other.label} are both named '${other.name}'. ${
          isInherited
            ? `Both inherit it: list each class with a prefix of its own, { component: ${classes[1]}, prefix: '${classes[1]?.toLowerCase()}_' }.`
            : 'Set \`name\` on one of them.'
        }`;
  return new ErrandError('COMPONENT_DUPLICATE', what);
}
