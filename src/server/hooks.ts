import { settlesWithin } from '../base/disposal.js';
import { ErrandError, messageOf } from '../base/errors.js';
import type { CurrentServer } from './built-ins.js';
import type { ResolvedOptions } from './options.js';

/**
 * Runs `onStart`.
 *
 * @throws {ErrandError} `HOOK_FAILED`
 */
export async function runOnStart({ onStart }: ResolvedOptions, server: CurrentServer): Promise<void> {
  await run('onStart', () => onStart?.(server));
}

/**
 * Runs `onClose`, for no longer than the grace.
 *
 * @throws {ErrandError} `HOOK_FAILED`
 */
export async function runOnClose(options: ResolvedOptions, server: CurrentServer): Promise<void> {
  const { onClose, grace, clock, logger } = options;
  if (onClose === undefined) return;
  const closed = run('onClose', () => onClose(server));
  if (await settlesWithin(closed, grace, clock)) return;
  logger.warning('onClose did not end within the grace and is left alone', { grace });
  closed.catch((error: unknown) => logger.error('onClose failed after its grace', { error }));
}

async function run(hook: string, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (cause) {
    throw new ErrandError('HOOK_FAILED', `${hook} of createServer failed: ${messageOf(cause)}`, { cause });
  }
}
