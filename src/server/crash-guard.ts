import { inspect, types } from 'node:util';
import { settlesWithin } from '../base/disposal.js';
import { flushed } from '../base/flushed.js';
import type { ErrandServer } from './create-server.js';
import { processOf } from './process-contract.js';

/** The exit code after an uncaught exception: EX_SOFTWARE of sysexits.h. */
const crashed = 70;

/** An installed crash guard. */
export interface CrashGuard {
  /** Removes the handlers from the process. */
  uninstall(): void;
}

/**
 * Keeps a stray error of one call from ending all others. Without the guard, Node.js ends the process and every call in it is
 * lost. `errand run` and `errand worker` install it. A program that embeds a server decides for itself, since the handlers
 * (`unhandledRejection` and `uncaughtException`) belong to the process.
 *
 * - An unhandled rejection fails the background call that caused it, if that still runs (`STRAY_ERROR`). Otherwise it is
 *   logged. The process continues.
 * - An uncaught exception also fails its background call. Then the server closes, so that running calls are answered or
 *   released within its grace, and the process exits with code 70. Its supervisor should restart it, because the interrupted
 *   code may have left inconsistent state behind.
 *
 * Foreground calls are not charged with errors: tracking which call an error belongs to would slow down all of them.
 *
 * @param server - the server of this process, before it starts to serve or work
 * @throws {ErrandError} `OPTIONS_INVALID` if `server` was not made by `createServer`
 *
 * @example
 * ```ts
 * import { createServer, installCrashGuard } from 'errand';
 *
 * const server = createServer({ name: 'reports', version: '1.0.0', components: [] });
 * installCrashGuard(server);
 * await server.listen({ port: 3000 });
 * ```
 */
export function installCrashGuard(server: ErrandServer): CrashGuard {
  const contract = processOf(server, 'installCrashGuard');
  const { clock, grace } = contract;
  contract.watchStrays();
  let crashing = false;

  const describe = (error: unknown): Record<string, unknown> => {
    // Anything can be thrown, even `undefined` or an object that no logger can serialize.
    const known = types.isNativeError(error) ? error : inspect(error);
    return { error: known, ...contract.chargeStray(error) };
  };

  const onRejection = (reason: unknown): void => {
    contract.logError('A promise was rejected and not handled', describe(reason));
  };

  const onException = (error: unknown): void => {
    contract.logError('An exception was thrown and not caught', describe(error));
    if (crashing) return;
    crashing = true;
    process.exitCode = crashed;
    void drain().finally(() => process.exit(crashed));
  };

  const drain = async (): Promise<void> => {
    try {
      // The server uses its grace once for calls and once for singletons.
      await settlesWithin(server.close(), 2 * grace, clock);
    } catch (error) {
      contract.logError('The server could not be closed', { error });
    }
    const written = Promise.all([process.stdout, process.stderr].map(flushed));
    await settlesWithin(written, grace / 2, clock);
  };

  process.on('unhandledRejection', onRejection).on('uncaughtException', onException);
  return {
    uninstall: () => {
      process.off('unhandledRejection', onRejection).off('uncaughtException', onException);
    },
  };
}
