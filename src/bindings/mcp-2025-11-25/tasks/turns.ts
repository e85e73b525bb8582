import type { LeaseResult } from '../../../docket/engine/sessions.js';
import type { Core } from '../../core.js';

/** Who waits for the result of a task on a connection: somebody; nobody any more, while the client has the question; or nobody. */
export type Waiting = 'somebody' | 'gave up' | 'nobody';

/** Each question is shown at one place at a time; this is one of them. */
export interface Turns {
  /** The session of the client. */
  readonly session: string;
  /** Asks to show a question, or says again who waits here for its task. */
  ask(taskId: string, question: string, waiting: Waiting): Promise<LeaseResult>;
  /** It is not shown here any more, or not wanted. */
  giveUp(taskId: string, question: string): void;
}

/** Without an engine there are no tasks, and so no questions of theirs. */
export function turnsOf({ engine, logger }: Core, place: string, session: string): Turns {
  const showings = engine?.questionLeases;
  return {
    session,
    ask: async (taskId, question, waiting) => {
      if (showings === undefined) return { granted: true, again: false };
      try {
        return await showings.acquire(taskId, question, {
          connection: place,
          session,
          waits: waiting === 'somebody',
          rests: waiting === 'gave up',
        });
      } catch (error) {
        logger.warning('A question could not be shown and is tried again', { taskId, question, error });
        throw error;
      }
    },
    giveUp: (taskId, question) => {
      showings?.release(taskId, question, place).catch((error: unknown) => {
        logger.debug('A question could not be given up', { taskId, question, error });
      });
    },
  };
}
