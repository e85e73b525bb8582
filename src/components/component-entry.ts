import { ErrandError } from '../base/errors.js';
import { didYouMean } from '../base/near-name.js';
import type { Lifetime } from '../injection/injector.js';
import { isClass, type Class } from '../injection/tokens.js';
import type { DefinedComponent } from './define.js';

/** An entry of `components`: a class, a definition, or a class with options of its own. */
export type ComponentEntry =
  | Class<object>
  | DefinedComponent
  | {
      /** The class. */
      readonly component: Class<object>;
      /** Default: `'call'`, a new instance for each call. */
      readonly lifetime?: Lifetime;
      /**
       * Precedes the names of the class's tools, prompts and resources, and those of jobs with a `name`, so that two classes
       * may inherit the same methods: with `'users_'`, `list` becomes `users_list`. URIs stay as they are. Default: none.
       */
      readonly prefix?: string;
    };

const lifetimes: readonly unknown[] = ['singleton', 'call', 'transient'];

/** The class of an entry, with its options. */
export interface ClassEntry {
  readonly target: Class;
  readonly lifetime: Lifetime;
  readonly prefix: string;
}

/** @throws {ErrandError} `COMPONENT_INVALID` */
export function toClassEntry(entry: unknown, where: string): ClassEntry {
  if (isClass(entry)) return { target: entry, lifetime: 'call', prefix: '' };
  if (typeof entry !== 'object' || entry === null) throw invalidEntry(where, `is ${describeEntry(entry)}`);
  refuseForeignObject(entry, where);
  const { component, lifetime = 'call', prefix = '' } = entry as Record<string, unknown>;
  if (!isClass(component)) throw invalidEntry(where, `has component: ${describeEntry(component)}`);
  if (!lifetimes.includes(lifetime)) throw invalidEntry(where, `has lifetime: ${JSON.stringify(lifetime)}`);
  if (typeof prefix !== 'string') {
    throw invalidEntry(where, `has prefix: ${JSON.stringify(prefix)}`, " Give text: 'users_'.");
  }
  return { target: component, lifetime: lifetime as Lifetime, prefix };
}

const entryOptions = ['component', 'lifetime', 'prefix'];

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

/** The error for a class without components. */
export function withoutMethods(target: Class, where: string): ErrandError {
  // A decorator of a class that lacks its parentheses puts the function that it returns in place of the class.
  const isReplaced = !Function.prototype.toString.call(target).startsWith('class');
  const wayOut = isReplaced ? ' If its class has a decorator without parentheses, add them: @injectable().' : '';
  return new ErrandError(
    'COMPONENT_INVALID',
    `${target.name || where} has no method with @tool, @prompt, @resource or @job. Decorate one, or list it under providers.${wayOut}`,
  );
}

const wayOut =
  "Give a class, the result of defineTool or defineJob, or { component: Class, lifetime: 'singleton' | 'call' | 'transient', prefix }.";

function invalidEntry(where: string, got: string, hint = ''): ErrandError {
  return new ErrandError('COMPONENT_INVALID', `${where} ${got}.${hint === '' ? ` ${wayOut}` : hint}`);
}

/**
 * Whether a minifier seems to have changed the name of a class: it is short, and the source has no space before its
 * brace, where every compiler and formatter puts one.
 */
export function looksMinified(target: Class): boolean {
  return target.name.length <= 3 && /^class\b[^{]*[^\s{]\{/.test(Function.prototype.toString.call(target));
}
