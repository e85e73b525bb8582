import { ErrandError } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { WireError } from '../protocol/errors.js';
import type { LoggingLevel } from '../protocol/types.js';
import type { CallLife } from './life.js';

/** How far a call is. */
export interface ProgressState {
  readonly current: number;
  readonly total?: number;
  readonly message?: string;
}

/** A line of the log for the client. */
export interface LogEntry {
  readonly level: LoggingLevel;
  readonly logger?: string;
  readonly data: Json;
}

/** What a call asks its client. */
export interface ClientQuestion {
  readonly kind: 'elicitation';
  /** The protocol's parameters. */
  readonly params: { readonly [name: string]: Json };
  /** Names the question for the life of an execution; made from its text when the author gives none. */
  readonly key?: string;
  /** How long it may stay open, in milliseconds. */
  readonly deadline: number;
}

/** What came back: a result, or the error that the client answered. */
export type Answer = { readonly result: Json } | { readonly error: WireError };

/** How a call reaches its client. The session channel, the task channel and none are alike to the call. */
export interface ClientChannel {
  /** Resolves with the answer; with the answer `cancel` when the deadline passes. */
  ask(question: ClientQuestion, life: CallLife): Promise<Answer>;
  progress(progress: ProgressState): Promise<void>;
  log(entry: LogEntry): Promise<void>;
}

/** What the deadline of a question answers in the user's place. */
export const deadlineAnswer: Answer = { result: { action: 'cancel' } };

/** The channel of a job, which has no client: questions fail at once, the rest is the execution's own. */
export function channelWithoutClient(own: Pick<ClientChannel, 'progress' | 'log'>): ClientChannel {
  return {
    progress: (progress) => own.progress(progress),
    log: (entry) => own.log(entry),
    ask: () =>
      Promise.reject(
        new ErrandError(
          'NO_CLIENT',
          'A job has no client to ask. Ask in the tool that adds the job and hand the answer on as input.',
        ),
      ),
  };
}
