import { ErrandError } from '../../base/errors.js';
import { injectionOf, methodDescriptors, type Injection } from '../inject.js';
import { parametersOfConstructor, parametersOfMethod, type SourceParameter } from './source-parameters.js';
import { isClass, type Class } from '../tokens.js';
import { descriptorsOf, isDescriptor, type Descriptor } from '../tsyringe.js';

/**
 * Why the metadata of a parameter names no class: its type was erased, the class did not exist yet when the decorator ran,
 * its type is no class, or the compiler emitted nothing.
 */
export type Hole = 'erased' | 'undefined' | 'primitive' | 'no-metadata';

/** What is known of one parameter at run time. */
export interface Parameter {
  readonly index: number;
  /** What a decorator asks for. */
  readonly injection?: Injection;
  /** The class that `design:paramtypes` shows. */
  readonly type?: Class;
  /** Why there is no `type`. */
  readonly hole?: Hole;
  /** The name of the type of a `primitive` hole, for example `String`. */
  readonly primitive?: string;
  /** The name, where the source text still shows it. */
  readonly name?: string;
}

const typesKey = 'design:paramtypes';

/**
 * The parameters of a method as its own metadata shows them; what an overridden method of a base class declared does not
 * count.
 *
 * @param decorated - the indexes that carry a decorator of someone else, which may be more than `length` shows
 */
export function methodParameters(prototype: object, name: string | symbol, decorated: readonly number[]): Parameter[] {
  const method = Object.getOwnPropertyDescriptor(prototype, name)?.value as ((...args: never[]) => unknown) | undefined;
  const types = Reflect.getOwnMetadata(typesKey, prototype, name) as readonly unknown[] | undefined;
  const descriptors = methodDescriptors(prototype, name);
  const source = (method && parametersOfMethod(method)) ?? [];
  const count =
    types?.length ??
    Math.max(method?.length ?? 0, source.length, ...next(decorated), ...next(descriptors?.keys() ?? []));
  return parametersOf(count, types, descriptors, source);
}

/**
 * The constructor parameters of a class, or of the nearest base class that declares a constructor. What tsyringe noted is
 * read, never changed.
 *
 * @throws {ErrandError} `CLASS_NOT_INJECTABLE` for a parameter with a transform, `PARAMETER_UNBOUND` for what is no token.
 */
export function constructorParameters(target: Class): Parameter[] {
  for (let owner: unknown = target; typeof owner === 'function'; owner = Object.getPrototypeOf(owner)) {
    const source = parametersOfConstructor(owner);
    const types = Reflect.getOwnMetadata(typesKey, owner) as readonly unknown[] | undefined;
    const descriptors = descriptorsOf(owner);
    // A mixin's constructor(...args) hands everything on, and so does a class without a constructor.
    const handsOn = (source === undefined || source[0]?.rest === true) && isDerived(owner);
    if (descriptors === undefined && handsOn) continue;
    const count = Math.max(types?.length ?? needed(source), ...next(descriptors?.keys() ?? []));
    refuseTransforms(owner, types, descriptors);
    return parametersOf(count, types, descriptors, source ?? []);
  }
  return [];
}

/** Whether a class extends another one. Plain functions, which no compiler gives metadata, end the search. */
function isDerived(owner: object): boolean {
  return typeof Object.getPrototypeOf(owner) === 'function' && Object.getPrototypeOf(owner) !== Function.prototype;
}

/** How many parameters a constructor without metadata cannot do without. Functions such as EventEmitter are given none. */
function needed(source: readonly SourceParameter[] | undefined): number {
  if (source === undefined) return 0;
  return source.findLastIndex((parameter) => !parameter.hasDefault && !parameter.rest) + 1;
}

function next(indexes: Iterable<number>): number[] {
  return Array.from(indexes, (index) => index + 1);
}

function refuseTransforms(
  owner: object,
  types: readonly unknown[] = [],
  descriptors?: ReadonlyMap<number, Descriptor>,
): void {
  const places = [...(descriptors ?? []), ...types.entries()];
  const place = places.find(([, found]) => isDescriptor(found) && found.transform !== undefined);
  if (!place) return;
  throw new ErrandError(
    'CLASS_NOT_INJECTABLE',
    `${(owner as Class).name}, constructor parameter ${place[0] + 1}: injectWithTransform and injectAllWithTransform are not supported. Provide what the transform gives with useFactory and inject that.`,
  );
}

function parametersOf(
  count: number,
  types: readonly unknown[] | undefined,
  descriptors: ReadonlyMap<number, Descriptor> | undefined,
  source: readonly SourceParameter[],
): Parameter[] {
  return Array.from({ length: count }, (_, index) => {
    const type = types?.[index];
    const descriptor = descriptors?.get(index) ?? (isDescriptor(type) ? type : undefined);
    const name = source[index]?.name;
    const known = types && !isDescriptor(type) ? typeOrHole(type) : { hole: 'no-metadata' as const };
    return {
      index,
      ...(name === undefined ? {} : { name }),
      ...(descriptor ? { injection: injectionOf(descriptor) } : known),
    };
  });
}

const primitives: readonly unknown[] = [String, Number, Boolean, Symbol, BigInt, Array];

function typeOrHole(type: unknown): Pick<Parameter, 'type' | 'hole' | 'primitive'> {
  if (type === undefined || type === null) return { hole: 'undefined' };
  if (type === Object || type === Function) return { hole: 'erased' };
  if (primitives.includes(type)) return { hole: 'primitive', primitive: (type as Class).name };
  return isClass(type) ? { type } : { hole: 'erased' };
}

/**
 * The refusal of a parameter that nothing says how to fill.
 *
 * @param where - the class, method and position, for example `ReportTools.buildReport, parameter 2 (ctx)`
 */
export function refuseHole(
  where: string,
  parameter: Pick<Parameter, 'hole' | 'primitive'>,
  of: 'method' | 'constructor',
): ErrandError {
  const code = of === 'constructor' && parameter.hole === 'no-metadata' ? 'CLASS_NOT_INJECTABLE' : 'PARAMETER_UNBOUND';
  return new ErrandError(code, `${where}: ${sentence(parameter, of)}`);
}

function sentence({ hole, primitive = 'a primitive' }: Pick<Parameter, 'hole' | 'primitive'>, of: string): string {
  switch (hole) {
    case 'erased':
      return 'its type is not there at run time. Import the class as a value (not with `import type`, not in a circle), or, for an interface, a union or a default value, write @inject(Token).';
    case 'undefined':
      return 'its type is undefined at run time, from a circular import or a default value. Break the circle or leave the default out, or write @inject(Token).';
    case 'primitive':
      return `its type is ${primitive}, which is never injected by type. ${
        of === 'method' ? 'Did you mean @param(name, schema)? Else write @inject(Token).' : 'Write @inject(Token).'
      }`;
    default:
      return of === 'method'
        ? 'the compiler emitted no metadata for it. Write @inject(Token), or switch emitDecoratorMetadata on.'
        : 'there is no metadata that says what it is. Put @injectable() on the class, or, where the compiler emits no metadata, @inject(Token) before each parameter.';
  }
}

/** How a parameter is named in messages: `parameter 2 (ctx)`. */
export function parameterName(parameter: Pick<Parameter, 'index' | 'name'>): string {
  return `parameter ${parameter.index + 1}${parameter.name === undefined ? '' : ` (${parameter.name})`}`;
}

/** The refusal of a decorator that was called in the standard way, with a context object as its second argument. */
export function decoratorModeError(decorator: string): ErrandError {
  return new ErrandError(
    'DECORATOR_MODE',
    `${decorator} ran as a standard decorator. Set "experimentalDecorators": true in the tsconfig.json that covers the file.`,
  );
}
