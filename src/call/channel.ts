import { ErrandError } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { WireError } from '../protocol/errors.js';
import type { LoggingLevel } from '../protocol/types.js';
import type { CallScope } from './call-scope.js';

/** The progress of a call. */
export interface ProgressState {
  /** How much is done; never goes back. */
  readonly current: number;
  /** How much there is to do, if the call has said so. */
  readonly total?: number;
  /** The current step, for people. */
  readonly message?: string;
}

/** A one-way message from a call to its client. */
export type ClientNotice =
  /** A log message. */
  | { readonly type: 'log'; readonly level: LoggingLevel; readonly logger?: string; readonly data: Json }
  /** The user finished at the URL of an elicitation. */
  | { readonly type: 'elicitationComplete'; readonly elicitationId: string };

/** The kinds of question: to the user (a form or a URL), to the client's model, or for the client's roots. */
export type QuestionKind = 'elicitation' | 'sampling' | 'roots';

/** The MCP request of each kind of question. */
export const questionMethods: Readonly<Record<QuestionKind, string>> = {
  elicitation: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
};

/** The parameters of a question, as in the protocol. */
export interface QuestionParams {
  readonly [name: string]: Json;
}

/** A question from a call to its client. */
export interface ClientQuestion {
  readonly kind: QuestionKind;
  readonly params: QuestionParams;
  /** Its name in the call's journal, of `[A-Za-z0-9_-]`. Every run of an execution uses the same. */
  readonly key: string;
  /** How long it may stay open, in milliseconds. */
  readonly deadline: number;
  /** The answer that the deadline gives in the client's stead. */
  readonly onDeadline: Answer;
}

/** An answer to a question: the client's result, or its error. */
export type Answer = { readonly result: Json } | { readonly error: WireError };

/** How a call reaches its client. The call cannot tell a session, a task and a job apart. */
export interface ClientChannel {
  /** Resolves with the client's answer, or with `onDeadline`. */
  ask(question: ClientQuestion, scope: CallScope): Promise<Answer>;
  progress(progress: ProgressState): Promise<void>;
  notify(notice: ClientNotice): Promise<void>;
}

/** The channel of a job, which has no client: questions fail at once; progress and log stay with the execution. */
export function channelWithoutClient(own: Pick<ClientChannel, 'progress' | 'notify'>): ClientChannel {
  return {
    ask: () => Promise.reject(noClient()),
    progress: (progress) => own.progress(progress),
    notify: (notice) => (notice.type === 'log' ? own.notify(notice) : Promise.reject(noClient())),
  };
}

const noClient = (): ErrandError =>
  new ErrandError(
    'NO_CLIENT',
    'A job has no client to ask. Ask in the tool that adds the job, and pass the answer on as input.',
  );
