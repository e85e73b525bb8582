import { ErrandError, messageOf } from '../../base/errors.js';
import { nearName } from '../../base/near-name.js';
import type { Mode } from './plan.js';
import type { Registration } from '../providers.js';
import { constructorOwner, holeError, parameterName, type Parameter } from '../reflection/parameters.js';
import { isClass, tokenName, type Class, type InjectionToken } from '../tokens.js';
import type { ResolutionPath } from './resolution-path.js';
import type { ExternalContainer } from '../external.js';
import { isRegisteredGlobally } from '../tsyringe.js';

/** @param known - all tokens that can be injected */
export function notRegistered(
  token: InjectionToken,
  path: ResolutionPath,
  known: Iterable<InjectionToken>,
  external: Pick<ExternalContainer, 'buildsUnregistered'> | undefined,
): ErrandError {
  const name = tokenName(token);
  if (isRegisteredGlobally(token)) {
    return new ErrandError(
      'TOKEN_ONLY_GLOBAL',
      `${path.toString()}: registered only in tsyringe's global container, which Errand does not read. Add ${name} to providers, or pass the container that it is registered in as the option container.`,
    );
  }
  const habit =
    isClass(token) && external?.buildsUnregistered === true
      ? ' tsyringe would build it all the same; Errand does not, since a forgotten provider would go unnoticed and nobody would know how long such an instance lives.'
      : '';
  const add = isClass(token) ? `${name} (if it is abstract: { provide: ${name}, useClass: … })` : name;
  return new ErrandError(
    'TOKEN_NOT_REGISTERED',
    `${path.toString()}: not registered.${habit}${similar(token, [...known])} Add ${add} to providers, or write @inject(${name}, { optional: true }) if it may be absent.`,
  );
}

/** A sentence about the known token that may be meant: one of the same name, a subclass, or one of a similar name. */
function similar(token: InjectionToken, known: readonly InjectionToken[]): string {
  const name = plainName(token);
  const namesake = known.find((other) => plainName(other) === name && name !== '');
  if (namesake !== undefined) return aboutNamesake(token, namesake);
  const subclass = isClass(token) && known.find((other) => isClass(other) && other.prototype instanceof token);
  if (subclass) {
    return ` Its subclass ${tokenName(subclass)} is provided: add { provide: ${name}, useExisting: ${tokenName(subclass)} }.`;
  }
  const near = nearName(name, known.map(plainName));
  const meant = known.find((other) => plainName(other) === near);
  return meant === undefined ? '' : ` Did you mean ${tokenName(meant)}?`;
}

function aboutNamesake(token: InjectionToken, other: InjectionToken): string {
  if (typeof other !== typeof token) return ` Did you mean the ${kindOf(other)} ${plainName(other)}?`;
  const why = isClass(token) ? 'its file may have been loaded twice' : 'each call of token() makes a new one';
  return ` Another ${kindOf(token)} of that name is provided: ${why}. Import the one that is provided.`;
}

const plainName = (token: InjectionToken): string => (typeof token === 'string' ? token : tokenName(token));

const kindOf = (token: InjectionToken): string =>
  typeof token === 'string' ? 'string' : typeof token === 'symbol' ? 'token' : 'class';

/**
 * @param path - to the instance that could not be built
 * @param what - what failed, for example `its factory`
 */
export function providerFailed(path: ResolutionPath, what: string, cause: unknown): ErrandError {
  const asking = path.parameter === undefined ? '' : `, for ${path.parameter}`;
  return new ErrandError('PROVIDER_FAILED', `${path.toString()}${asking}: ${what} failed: ${messageOf(cause)}`, {
    cause,
  });
}

/** For a parameter of a constructor that nothing can be injected into. */
export function unbound(target: Class, parameter: Parameter, path: ResolutionPath): ErrandError {
  const where = `${path.toString()}: ${target.name}, constructor ${parameterName(parameter)}`;
  if (parameter.rest === true) {
    return new ErrandError(
      'PARAMETER_UNBOUND',
      `${where}: it is a rest parameter, which cannot be injected. Take an array: @injectAll(Token).`,
    );
  }
  const owner = constructorOwner(target);
  if (owner === target || parameter.hole !== 'no-metadata') return holeError(where, parameter, 'constructor');
  const { name = 'it' } = parameter;
  return new ErrandError(
    'CLASS_NOT_INJECTABLE',
    `${where}: it belongs to the constructor of ${owner.name}, which no metadata describes. Write @inject(Token) on it there (an abstract class cannot have @injectable()), or give ${target.name} a constructor of its own that passes ${name} to super().`,
  );
}

export function cycle(registration: Registration, path: ResolutionPath): ErrandError {
  const transient = 'lifetime' in registration && registration.lifetime === 'transient';
  const wayOut = transient
    ? `Give one of them the lifetime 'call' or 'singleton': transients would be built endlessly.`
    : 'Inject one of them with lazy() or delay().';
  return new ErrandError('DEPENDENCY_CYCLE', `${path.toString()}: these depend on each other in a cycle. ${wayOut}`);
}

export function captive(path: ResolutionPath): ErrandError {
  return new ErrandError(
    'CAPTIVE_DEPENDENCY',
    `${path.toString()}: lives for one call, but ${path.holder} is a singleton and would keep it. Give ${path.holder} the lifetime 'call', or pass the instance as a method argument.`,
  );
}

export function notInMode(token: InjectionToken, mode: Mode, path: ResolutionPath): ErrandError {
  return new ErrandError(
    'TOKEN_NOT_IN_MODE',
    `${path.toString()}: does not exist in the ${mode}, where this component also runs. Write @inject(${tokenName(token)}, { optional: true }).`,
  );
}
