import type { LoggingLevel, Root } from '../protocol/types.js';
import type { ElicitHandler, ElicitUrlHandler, SampleHandler } from './questions.js';

/** Progress of a call. */
export interface CallProgress {
  /** Amount done so far. */
  readonly progress: number;
  /** Total amount, if known. */
  readonly total?: number;
  /** The current activity. */
  readonly message?: string;
}

/** One line of the server's log. */
export interface ServerLog {
  /** Severity of the line. */
  readonly level: LoggingLevel;
  /** The part of the server that wrote it. */
  readonly logger?: string;
  /** The message, alone or together with its fields. */
  readonly data: unknown;
}

/** Options of a client. Its handlers answer the questions of foreground calls and of tasks alike. */
export interface ClientOptions {
  /** Name that the client sends to servers. Default `'errand-client'`. */
  readonly name?: string;
  /** Version that the client sends to servers. Default `'0.0.0'`. */
  readonly version?: string;
  /** Asks the user, unless the call has a handler of its own. */
  readonly onElicit?: ElicitHandler;
  /**
   * Whether the client declares elicitation. Set it if only individual calls have handlers, since the server must know
   * when the client connects. A question that then finds no handler is answered with `cancel`. Default: whether this
   * has `onElicit`.
   */
  readonly elicitation?: boolean;
  /** Sends the user to a URL. The client declares URL elicitation only if this is set. */
  readonly onElicitUrl?: ElicitUrlHandler;
  /** Called when the server confirms that the user finished at a URL, with the `elicitationId` of the question. */
  readonly onElicitComplete?: (elicitationId: string) => void;
  /** Asks a model. The client declares sampling only if this is set. */
  readonly onSample?: SampleHandler;
  /** Whether `onSample` lets the model use tools. Default `false`. */
  readonly sampleTools?: boolean;
  /** The folders that servers may access, or a function that lists them on request. The client declares roots only if this is set. */
  readonly roots?: readonly Root[] | (() => readonly Root[] | Promise<readonly Root[]>);
  /** Receives errors thrown by handlers and listeners; the server learns only that its question failed. Default: a process warning. */
  readonly onError?: (error: unknown) => void;
  /** Receives the server's log. */
  readonly onLog?: (entry: ServerLog) => void;
}

/** Options of `connect`. */
export interface ConnectOptions extends ClientOptions {
  /**
   * How long to wait until the session has begun, in milliseconds: for the transport or process to start, and for the
   * answer to `initialize`. `Infinity` waits for ever. Default: 60 seconds.
   */
  readonly timeout?: number;
  /** Ends the attempt to connect, and a process started for it. `connect` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Handlers of one call or task. */
export interface TaskHandlers {
  /**
   * Receives the call's progress. If the server has no stream of its own for it, a task's progress arrives only while
   * `result()` waits. Progress is tied to the token of the request that created the task (2025-11-25, basic/utilities/tasks),
   * so a server may send it only in that session; in others, `status()` has its message as `statusMessage`.
   */
  readonly onProgress?: (progress: CallProgress) => void;
  /**
   * Asks the user on behalf of this call. Requires that the client has `onElicit` or declares `elicitation`. While several
   * foreground calls have handlers, the client's own is used instead; if it has none, their questions fail.
   */
  readonly onElicit?: ElicitHandler;
}

/** Options of one call. */
export interface CallOptions extends TaskHandlers {
  /** Runs in the foreground. See {@link TaskCallOptions} for tasks. */
  readonly task?: false;
  /**
   * How long to wait for the answer, in milliseconds, at most 24.8 days. Default: one hour. The time pauses while a foreground
   * question to this client is open. It pauses for all calls, since a question does not say which call it belongs to.
   */
  readonly timeout?: number;
  /** Cancels the request, which then rejects with the signal's reason. A task that was already created keeps running. */
  readonly signal?: AbortSignal;
}

/** Options of a call that runs as a task. */
export interface TaskCallOptions extends Omit<CallOptions, 'task'> {
  /** Always `true`. */
  readonly task: true;
  /** How long the server is asked to keep the result, in milliseconds. Default: the server's. */
  readonly ttl?: number;
}
