import { settlesWithin } from '../base/disposal.js';
import { flushed } from '../base/flushed.js';
import type { ErrandServer } from './create-server.js';
import { processOf } from './process-contract.js';

/** The exit code after an uncaught exception: EX_SOFTWARE of sysexits.h. */
const crashed = 70;

/** A crash guard that is installed. */
export interface CrashGuard {
  /** Takes the handlers off the process again. */
  uninstall(): void;
}

/**
 * Keeps a stray error of one call from ending everybody's. Without it Node.js ends the process, and every call in it is
 * lost. `errand run` and `errand worker` install it; a program that embeds a server decides for itself, as the handlers are
 * the process's (`unhandledRejection` and `uncaughtException`).
 *
 * - A promise that is rejected and that nobody handles fails the background call that made it, if it still runs
 *   (`STRAY_ERROR`). Otherwise it is logged. The process goes on.
 * - An uncaught exception fails its background call as well. Then the server closes, so that calls under way are answered
 *   or handed back within its grace, and the process exits with code 70 for its supervisor to start it again: what was
 *   interrupted in the middle may have left anything behind.
 *
 * Calls in the foreground are not charged: to know which one an error belongs to would slow down all of them.
 *
 * @param server - the server of this process, from before it serves or works
 * @throws {ErrandError} `OPTIONS_INVALID` for what is no server
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
    return { error, ...contract.chargeStray(error) };
  };

  const onRejection = (reason: unknown): void => {
    contract.logError('A promise was rejected and nobody handles that', describe(reason));
  };

  const onException = (error: unknown): void => {
    contract.logError('An exception was thrown and nobody caught it', describe(error));
    if (crashing) return;
    crashing = true;
    process.exitCode = crashed;
    void drain().finally(() => process.exit(crashed));
  };

  const drain = async (): Promise<void> => {
    try {
      // The server has its grace for calls, and once more for its singletons.
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
