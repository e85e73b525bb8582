import { ErrandError } from '../../base/errors.js';
import { injectionOf, methodDescriptors, type Injection } from '../inject.js';
import { parametersOfConstructor, parametersOfMethod, type SourceParameter } from './source-parameters.js';
import { isClass, type Class } from '../tokens.js';
import { descriptorsOf, isDescriptor, type Descriptor } from '../tsyringe.js';

/**
 * Why a parameter's metadata names no class: its type was erased, its class did not exist yet when the decorator ran,
 * its type is a primitive, or the compiler emitted nothing.
 */
export type Hole = 'erased' | 'undefined' | 'primitive' | 'no-metadata';

/** A parameter, as far as it is known at run time. */
export interface Parameter {
  readonly index: number;
  /** The request of a decorator. */
  readonly injection?: Injection;
  /** The class in `design:paramtypes`. */
  readonly type?: Class;
  /** Why there is no `type`. */
  readonly hole?: Hole;
  /** The type of a `primitive` hole, for example `String`. */
  readonly primitive?: string;
  /** The name, if the source text shows it. */
  readonly name?: string;
  /** Whether it takes all further arguments: `...names`. */
  readonly rest?: true;
  /** Whether it is taken apart: `{ name }`. */
  readonly destructured?: true;
}

const typesKey = 'design:paramtypes';

/**
 * The parameters of a method, from its own metadata. Declarations of an overridden base method do not count.
 *
 * @param decorated - indexes with other decorators, which may lie beyond the method's `length`
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
 * The constructor parameters of a class, or of the nearest base class that declares a constructor. Never changes
 * tsyringe's metadata.
 *
 * @throws {ErrandError} `CLASS_NOT_INJECTABLE` for a parameter with a transform, `PARAMETER_UNBOUND` for a request that
 * is not a token.
 */
export function constructorParameters(target: Class): Parameter[] {
  const owner = constructorOwner(target);
  const source = parametersOfConstructor(owner);
  const types = Reflect.getOwnMetadata(typesKey, owner) as readonly unknown[] | undefined;
  const descriptors = descriptorsOf(owner);
  const count = Math.max(types?.length ?? requiredCount(source), ...next(descriptors?.keys() ?? []));
  refuseTransforms(owner, types, descriptors);
  return parametersOf(count, types, descriptors, source ?? []);
}

/** The class whose constructor makes the instances of a class: itself, or the nearest base class that declares one. */
export function constructorOwner(target: Class): Class {
  let owner = target;
  while (passesOn(owner)) owner = Object.getPrototypeOf(owner) as Class;
  return owner;
}

/** Classes without a constructor pass all arguments on to their base, and so does a mixin's `constructor(...args)`. */
function passesOn(owner: Class): boolean {
  if (descriptorsOf(owner) !== undefined || !isDerived(owner)) return false;
  const source = parametersOfConstructor(owner);
  return source === undefined || source[0]?.rest === true;
}

/** Whether a class extends another one. Plain functions, which have no metadata, end the search. */
function isDerived(owner: object): boolean {
  return typeof Object.getPrototypeOf(owner) === 'function' && Object.getPrototypeOf(owner) !== Function.prototype;
}

/**
 * The number of required parameters of a constructor without metadata. Plain functions such as EventEmitter get none.
 */
function requiredCount(source: readonly SourceParameter[] | undefined): number {
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
  const parameters = [...(descriptors ?? []), ...types.entries()];
  const transformed = parameters.find(([, found]) => isDescriptor(found) && found.transform !== undefined);
  if (!transformed) return;
  throw new ErrandError(
    'CLASS_NOT_INJECTABLE',
    `${(owner as Class).name}, constructor parameter ${transformed[0] + 1}: injectWithTransform and injectAllWithTransform are not supported. Provide the transformed value with useFactory and inject that.`,
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
    const { name, rest } = source[index] ?? {};
    const known = types && !isDescriptor(type) ? typeOrHole(type) : { hole: 'no-metadata' as const };
    return {
      index,
      ...(rest === true && { rest }),
      ...(source[index] !== undefined && name === undefined && { destructured: true as const }),
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
 * The error for a parameter with a {@link Hole}.
 *
 * @param where - the class, method and position, for example `ReportTools.buildReport, parameter 2 (ctx)`
 */
export function holeError(
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
      return 'its type does not exist at run time. For a class, import it as a value (no `import type`, no circular import); for an interface, a union or a default value, write @inject(Token).';
    case 'undefined':
      return 'its type is undefined at run time, because of a circular import or a default value. Break the cycle or drop the default, or write @inject(Token).';
    case 'primitive':
      return `its type is ${primitive}, which is never injected by type. ${
        of === 'method' ? 'Did you mean @param(name, schema)? Otherwise write @inject(Token).' : 'Write @inject(Token).'
      }`;
    default:
      return of === 'method'
        ? 'the compiler emitted no metadata for it. Write @inject(Token), or enable emitDecoratorMetadata.'
        : 'no metadata describes it. Put @injectable() on the class, or @inject(Token) on each parameter if the compiler emits no metadata.';
  }
}

/** Names a parameter in messages: `parameter 2 (ctx)`. */
export function parameterName(parameter: Pick<Parameter, 'index' | 'name'>): string {
  return `parameter ${parameter.index + 1}${parameter.name === undefined ? '' : ` (${parameter.name})`}`;
}

/** The error for a decorator that ran as a standard one, with a context object as its second argument. */
export function decoratorModeError(decorator: string): ErrandError {
  return new ErrandError(
    'DECORATOR_MODE',
    `${decorator} ran as a standard decorator. Set "experimentalDecorators": true in the tsconfig.json that covers the file.`,
  );
}
