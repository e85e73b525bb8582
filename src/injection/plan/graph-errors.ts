import { ErrandError } from '../../base/errors.js';
import type { Mode } from './plan.js';
import type { Registration } from '../providers.js';
import { tokenName, type InjectionToken } from '../tokens.js';
import type { ResolutionPath } from './resolution-path.js';
import { isRegisteredGlobally } from '../tsyringe.js';

export function notRegistered(token: InjectionToken, path: ResolutionPath): ErrandError {
  const name = tokenName(token);
  if (isRegisteredGlobally(token)) {
    return new ErrandError(
      'TOKEN_ONLY_GLOBAL',
      `${path.toString()}: registered only in tsyringe's global container, which Errand does not read. Add ${name} to providers, or pass the container that it is registered in as the option container.`,
    );
  }
  return new ErrandError(
    'TOKEN_NOT_REGISTERED',
    `${path.toString()}: not registered. Add ${name} to providers, or write @inject(${name}, { optional: true }) if it may be absent.`,
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
