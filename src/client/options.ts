import type { LoggingLevel, Root } from '../protocol/types.js';
import type { ElicitHandler, ElicitUrlHandler, SampleHandler } from './questions.js';

/** How far a call is. */
export interface CallProgress {
  /** What has been done. */
  readonly progress: number;
  /** What there is to do, where that is known. */
  readonly total?: number;
  /** What is being done. */
  readonly message?: string;
}

/** A line of the server's log. */
export interface ServerLog {
  /** How urgent it is. */
  readonly level: LoggingLevel;
  /** Which part of the server speaks. */
  readonly logger?: string;
  /** The message, or the message with its fields. */
  readonly data: unknown;
}

/** What a client is and does for all its calls. What it answers, it answers for calls and for tasks alike. */
export interface ClientOptions {
  /** What the client calls itself. Default `'errand-client'`. */
  readonly name?: string;
  /** The version that servers are told. Default `'0.0.0'`. */
  readonly version?: string;
  /** Asks the user when a call has no handler of its own. */
  readonly onElicit?: ElicitHandler;
  /**
   * Whether the client declares that its user can be asked: needed where only calls have handlers, of which no server knows
   * when the client connects. A question that then finds none is answered with `cancel`. Default: whether there is an
   * `onElicit` here.
   */
  readonly elicitation?: boolean;
  /** Sends the user to a URL. Only a client with this handler declares that it can. */
  readonly onElicitUrl?: ElicitUrlHandler;
  /** Told that what the user did at a URL has come through, by the id that its question had. */
  readonly onElicitComplete?: (elicitationId: string) => void;
  /** Asks a model. Only a client with this handler declares that it can. */
  readonly onSample?: SampleHandler;
  /** Whether `onSample` lets the model use tools. Default false. */
  readonly sampleTools?: boolean;
  /** The folders that servers may look at, or what finds them when a server asks. Only a client with roots declares them. */
  readonly roots?: readonly Root[] | (() => readonly Root[] | Promise<readonly Root[]>);
  /** Told what a handler or listener threw; the server only learns that its question failed. Default: a warning of the process. */
  readonly onError?: (error: unknown) => void;
  /** Receives the server's log. */
  readonly onLog?: (entry: ServerLog) => void;
}

/** What a task tells, wherever its handle comes from. */
export interface TaskHandlers {
  /**
   * Told how far the call is; by a server without a stream for that, of a task only while `result()` waits. Progress of a
   * task goes by the token of the request that made it (2025-11-25, basic/utilities/tasks), so that a server may tell it only
   * in the session of that request; elsewhere `status()` has its message as `statusMessage`.
   */
  readonly onProgress?: (progress: CallProgress) => void;
  /**
   * Asks the user of this call, where the client has an `onElicit` too or declares `elicitation`. While several foreground calls have handlers, the client's own is asked instead; without
   * one their questions fail.
   */
  readonly onElicit?: ElicitHandler;
}

/** What belongs to one request. */
export interface CallOptions extends TaskHandlers {
  /** Not as a task. */
  readonly task?: false;
  /**
   * How long to wait for the answer, in milliseconds, at most 24.8 days. Default: one hour. While the server asks this client
   * in the foreground, the time stands still: of all calls, since a question does not say which of them asks.
   */
  readonly timeout?: number;
  /** Cancels the request, which then rejects with the signal's reason; a task that was made goes on. */
  readonly signal?: AbortSignal;
}

/** Makes a request a task. */
export interface TaskCallOptions extends Omit<CallOptions, 'task'> {
  /** Always `true`. */
  readonly task: true;
  /** How long the server shall keep the result, in milliseconds. Default: the server's. */
  readonly ttl?: number;
}
