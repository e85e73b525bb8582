import type {
  CreateMessageRequestParams,
  CreateMessageResult,
  CreateMessageResultWithTools,
} from '../protocol/types.js';

/** Who asks, and until when. */
interface Asked {
  /** The task that asks, unless a foreground call does. */
  readonly taskId?: string;
  /** Aborted when the question needs no answer any more: take the prompt away. */
  readonly signal: AbortSignal;
}

/** A question of the server to the user: a form to fill in. */
export interface UserQuestion extends Asked {
  /** What the user reads. */
  readonly message: string;
  /** The form: a flat JSON schema. */
  readonly schema: Record<string, unknown>;
}

/** What the user did. */
export type UserAnswer =
  | {
      /** The form was filled in. */
      readonly action: 'accept';
      /** Its fields; `value` for a question after one scalar. */
      readonly content: Record<string, string | number | boolean | string[]>;
    }
  | {
      /** The user said no, or closed the form. */
      readonly action: 'decline' | 'cancel';
    };

/** Asks the user. */
export type ElicitHandler = (question: UserQuestion) => UserAnswer | Promise<UserAnswer>;

/** A question that the user answers at a URL, for what the client must not see. */
export interface UrlQuestion extends Asked {
  /** What the user reads, and agrees to or not, before anything is opened. */
  readonly message: string;
  /** Where to answer. Show it to the user; never fetch it. */
  readonly url: string;
  /** What `onElicitComplete` is told when the user has answered there. */
  readonly elicitationId: string;
}

/** Whether the user goes there. */
export interface UrlAnswer {
  /** `accept` when the user agreed to open the URL, which says nothing yet of what is done there. */
  readonly action: 'accept' | 'decline' | 'cancel';
}

/** Sends the user to a URL. */
export type ElicitUrlHandler = (question: UrlQuestion) => UrlAnswer | Promise<UrlAnswer>;

/** A question of the server to a model, as MCP's `sampling/createMessage` puts it. */
export interface SampleRequest extends Asked, Omit<CreateMessageRequestParams, '_meta' | 'task'> {}

/** What the model said; several pieces of content only where tools were given. */
export type SampleAnswer = CreateMessageResult | CreateMessageResultWithTools;

/** Asks a model, after the user has agreed. */
export type SampleHandler = (request: SampleRequest) => SampleAnswer | Promise<SampleAnswer>;
