import { ErrandError } from '../../base/errors.js';
import type { Mode } from './plan.js';
import type { Registration } from '../providers.js';
import { tokenName, type InjectionToken } from '../tokens.js';
import type { ResolutionPath } from './resolution-path.js';
import { isRegisteredGlobally } from '../tsyringe.js';

export function notRegistered(token: InjectionToken, trail: ResolutionPath): ErrandError {
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

export function circle(registration: Registration, trail: ResolutionPath): ErrandError {
  const transient = 'lifetime' in registration && registration.lifetime === 'transient';
  const wayOut = transient
    ? `Give one of them the lifetime 'call' or 'singleton': transients would be made without end.`
    : 'Inject one of them with lazy() or delay().';
  return new ErrandError('DEPENDENCY_CYCLE', `${trail.toString()}: these need each other in a circle. ${wayOut}`);
}

export function captive(trail: ResolutionPath): ErrandError {
  return new ErrandError(
    'CAPTIVE_DEPENDENCY',
    `${trail.toString()}: lives as long as one call, but ${trail.holder} is a singleton and would keep it. Give ${trail.holder} the lifetime 'call', or hand it over as an argument of a method.`,
  );
}

export function notInMode(token: InjectionToken, mode: Mode, trail: ResolutionPath): ErrandError {
  return new ErrandError(
    'TOKEN_NOT_IN_MODE',
    `${trail.toString()}: does not exist in the ${mode}, where this component runs too. Write @inject(${tokenName(token)}, { optional: true }).`,
  );
}
