import type { Clock } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';
import type { LogFields } from '../base/logger.js';
import type { ResolvedOptions } from './options.js';

/**
 * The key of a server's {@link ProcessContract}. The command `errand` may be another copy of the package than
 * the one that a server file imports, so the symbol is the same in all of them. An incompatible change needs a new symbol.
 */
export const processContract: unique symbol = Symbol.for('errand.process:1');

/** The parts of a server that its process (the crash guard, the command `errand`) needs beyond the public methods. */
export interface ProcessContract {
  /** How long calls may take to end when the server closes, in milliseconds. */
  readonly grace: number;
  /** The clock that measures the grace. */
  readonly clock: Clock;
  /** Writes to the log of the server. */
  logError(message: string, fields: LogFields): void;
  /** Watches background calls from now on, so that stray errors can be charged to them. */
  watchStrays(): void;
  /** Fails the background call that a stray error belongs to, if that is certain. */
  chargeStray(error: unknown): { readonly component: string; readonly key: string } | undefined;
}

/** A server of any copy of the package. */
export interface HasProcess {
  readonly [processContract]: ProcessContract;
}

/** Whether `value` is a server, even one made by another copy of the package. */
export function hasProcess(value: unknown): value is HasProcess {
  return typeof value === 'object' && value !== null && processContract in value;
}

/** @throws {ErrandError} `OPTIONS_INVALID` if `server` was not made by `createServer` */
export function processOf(server: unknown, where: string): ProcessContract {
  if (hasProcess(server)) return server[processContract];
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${where}: that is not a server. Pass the one that createServer() returned.`,
  );
}

/** The contract of a server with these options. */
export function contractOf({ grace, clock, logger, strays }: ResolvedOptions): ProcessContract {
  return {
    grace,
    clock,
    logError: (message, fields) => logger.error(message, fields),
    watchStrays: () => strays.switchOn(),
    chargeStray: (error) => {
      const call = strays.charge(error);
      return call && { component: call.component, key: call.key };
    },
  };
}
