import type { LeaseResult } from '../../../docket/engine/sessions.js';
import type { Core } from '../../core.js';

/**
 * Whether a `tasks/result` waits on a connection: `waiting`; `gave up` when the client cancelled its last one and still
 * has the question; `none` otherwise.
 */
export type ReaderState = 'waiting' | 'gave up' | 'none';

/** The question leases of one connection. A connection shows a question only while it holds the lease. */
export interface ConnectionLeases {
  /** The session of the client. */
  readonly session: string;
  /** Acquires the lease of a question, or renews it with another reader state. */
  acquire(taskId: string, question: string, readers: ReaderState): Promise<LeaseResult>;
  /** Releases the lease, or stops waiting for it to become available. */
  release(taskId: string, question: string): void;
}

/** Leases from the engine. Without one there are no tasks, hence no questions to lease. */
export function leasesOf({ engine, logger }: Core, connectionId: string, session: string): ConnectionLeases {
  const leases = engine?.questionLeases;
  return {
    session,
    acquire: async (taskId, question, readers) => {
      if (leases === undefined) return { granted: true, again: false };
      try {
        return await leases.acquire(taskId, question, {
          connection: connectionId,
          session,
          waits: readers === 'waiting',
          rests: readers === 'gave up',
        });
      } catch (error) {
        logger.warning('The lease of a question could not be acquired and is tried again', {
          taskId,
          question,
          error,
        });
        throw error;
      }
    },
    release: (taskId, question) => {
      leases?.release(taskId, question, connectionId).catch((error: unknown) => {
        logger.debug('The lease of a question could not be released', { taskId, question, error });
      });
    },
  };
}
