import { settlesWithin } from '../base/disposal.js';
import type { ResolvedOptions } from './options.js';

/** A connection or endpoint that clients use. */
export interface Closable {
  /** Refuses new calls. Resolves once no foreground call is running. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

type Settings = Pick<ResolvedOptions, 'grace' | 'clock' | 'logger'>;

/**
 * Ends the calls of a server within the grace; `drained` resolves once all have ended. Foreground calls cannot be released
 * to another process, so they get half of the grace to finish. The other half is for them to stop, and for slow clients
 * to read their answers.
 */
export async function endCalls(
  drained: Promise<unknown>,
  open: ReadonlySet<Closable>,
  { grace, clock, logger }: Settings,
): Promise<void> {
  await settlesWithin(drained, grace / 2, clock);
  const disconnected = Promise.all([...open].map((each) => each.close()));
  const [callsStopped] = await Promise.all([
    settlesWithin(drained, grace / 2, clock),
    settlesWithin(disconnected, grace / 2, clock),
  ]);
  // The transports log answers that were not read.
  if (!callsStopped) logger.warning('Calls did not stop within the grace and are left alone', { grace });
}

/** Disposes the singletons of a server within the grace. */
export async function closeSingletons(
  injector: { close(): Promise<void> },
  { grace, clock, logger }: Settings,
): Promise<void> {
  if (await settlesWithin(injector.close(), grace, clock)) return;
  logger.warning('Singletons were not disposed within the grace and are left alone', { grace });
}
