import { ErrandError } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { WireError } from '../protocol/errors.js';
import type { LoggingLevel } from '../protocol/types.js';
import type { CallScope } from './call-scope.js';

/** How far a call is. */
export interface ProgressState {
  /** How much is done; never goes back. */
  readonly current: number;
  /** How much there is to do, where the call has said so. */
  readonly total?: number;
  /** What it is doing, for people. */
  readonly message?: string;
}

/** What a call tells its client and expects no answer to. */
export type ClientNotice =
  /** A line of the log. */
  | { readonly type: 'log'; readonly level: LoggingLevel; readonly logger?: string; readonly data: Json }
  /** What was to be done at a URL is done. */
  | { readonly type: 'elicitationComplete'; readonly elicitationId: string };

/** What can be asked: the user (with a form or at a URL), the client's model, or the client's roots. */
export type QuestionKind = 'elicitation' | 'sampling' | 'roots';

/** How MCP calls the request of each kind. */
export const questionMethods: Readonly<Record<QuestionKind, string>> = {
  elicitation: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
};

/** The parameters of a question, as the protocol has them. */
export interface QuestionParams {
  readonly [name: string]: Json;
}

/** What a call asks its client. */
export interface ClientQuestion {
  readonly kind: QuestionKind;
  readonly params: QuestionParams;
  /** Its name in the journal of the call, of `[A-Za-z0-9_-]`; the same in every run of an execution. */
  readonly key: string;
  /** How long it may stay open, in milliseconds. */
  readonly deadline: number;
  /** What is answered then in the client's place. */
  readonly onDeadline: Answer;
}

/** What came back: a result, or the error that the client answered. */
export type Answer = { readonly result: Json } | { readonly error: WireError };

/** How a call reaches its client. The session channel, the task channel and none are alike to the call. */
export interface ClientChannel {
  /** Resolves with the answer, or with that of the deadline. */
  ask(question: ClientQuestion, life: CallScope): Promise<Answer>;
  progress(progress: ProgressState): Promise<void>;
  notify(notice: ClientNotice): Promise<void>;
}

/** The channel of a job, which has no client: what only a client can do fails at once, the rest is the execution's own. */
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
    'A job has no client to ask. Ask in the tool that adds the job and hand the answer on as input.',
  );
