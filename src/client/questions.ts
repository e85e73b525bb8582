import type {
  CreateMessageRequestParams,
  CreateMessageResult,
  CreateMessageResultWithTools,
} from '../protocol/sampling.js';

/** Where a question comes from, and whether it is still open. */
interface Asked {
  /** The task that asks. Absent for a foreground call. */
  readonly taskId?: string;
  /** Aborted when the question no longer needs an answer: close the prompt. */
  readonly signal: AbortSignal;
}

/** A question to the user, answered by filling in a form. */
export interface UserQuestion extends Asked {
  /** Text to show to the user. */
  readonly message: string;
  /** The form, as a flat JSON schema. */
  readonly schema: Record<string, unknown>;
}

/** The user's answer. */
export type UserAnswer =
  | {
      /** The user filled in the form. */
      readonly action: 'accept';
      /** Fields of the form. A question about a single scalar has the field `value`. */
      readonly content: Record<string, string | number | boolean | string[]>;
    }
  | {
      /** The user declined, or closed the form. */
      readonly action: 'decline' | 'cancel';
    };

/** Asks the user. */
export type ElicitHandler = (question: UserQuestion) => UserAnswer | Promise<UserAnswer>;

/** A question that the user answers at a URL, so that the client never sees the answer. */
export interface UrlQuestion extends Asked {
  /** Text to show to the user, who must agree before the URL is opened. */
  readonly message: string;
  /** Where the user answers. Show it to the user; never fetch it. */
  readonly url: string;
  /** The id that `onElicitComplete` receives once the user has answered there. */
  readonly elicitationId: string;
}

/** Whether the user agreed to open a URL. */
export interface UrlAnswer {
  /** `accept` means that the user agreed to open the URL, not that anything was done there. */
  readonly action: 'accept' | 'decline' | 'cancel';
}

/** Sends the user to a URL. */
export type ElicitUrlHandler = (question: UrlQuestion) => UrlAnswer | Promise<UrlAnswer>;

/** A request to a model, with the parameters of MCP's `sampling/createMessage`. */
export interface SampleRequest extends Asked, Omit<CreateMessageRequestParams, '_meta' | 'task'> {}

/** The model's reply. It has several content blocks only if the request offered tools. */
export type SampleAnswer = CreateMessageResult | CreateMessageResultWithTools;

/** Asks a model, with the user's consent. */
export type SampleHandler = (request: SampleRequest) => SampleAnswer | Promise<SampleAnswer>;
