import { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { AnySchema, SchemaOutput } from '@modelcontextprotocol/sdk/server/zod-compat.js';
import {
  ElicitationCompleteNotificationSchema,
  EmptyResultSchema,
  ErrorCode,
  LoggingMessageNotificationSchema,
  McpError,
  ProgressNotificationSchema,
  ResultSchema,
  TaskSchema,
  TaskStatusNotificationSchema,
  ToolListChangedNotificationSchema,
  type InitializeResult,
  type JSONRPCRequest,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import { longestTimer, systemClock } from '../base/clock.js';
import type { ErrandError } from '../base/errors.js';
import type { ClientCapabilities, Implementation, LoggingLevel, Task } from '../protocol/types.js';
import { clientClosed, connectionEnded, requestTimedOut, toClientError } from './connection/client-errors.js';
import type { Target } from './connection/link.js';
import type { ToolLookup } from './connection/repeatable.js';
import { SessionTransport } from './connection/session-transport.js';
import type { CallOptions, CallProgress, ServerLog } from './options.js';
import { PromptTransport } from './prompt-transport.js';
import { relatedTaskOf } from './question-router.js';
import { ResultWait, type ResultRequests } from './tasks/result-wait.js';
import { PausableTimeouts } from './pausable-timeouts.js';
import type { TaskRequests } from './tasks/tracked-task.js';

/** Receives the messages that the server sends unprompted. */
export interface WireListener {
  request(request: JSONRPCRequest, signal: AbortSignal): Promise<Result>;
  progress(token: string | number, taskId: string | undefined, progress: CallProgress): void;
  status(task: Task): Promise<void>;
  log(entry: ServerLog): void;
  elicitComplete(elicitationId: string): void;
  toolsChanged(): void;
  /** A new session has taken the place of a lost one. `isAsked` tells whether a question of a task is open here. */
  renewed(isAsked: (taskId: string) => boolean): void;
  closed(error: ErrandError): void;
  readonly isHarmless: ToolLookup;
}

/** Default timeout of a request, in milliseconds: one hour. */
const defaultTimeout = 3_600_000;
/** Timeout of `tasks/get`, in milliseconds. */
const statusTimeout = 60_000;
/** How long closing waits for the server to end the session, in milliseconds. */
const terminationTimeout = 1_000;

/** Options of one request. */
interface RequestOptions extends Pick<CallOptions, 'timeout' | 'signal'> {
  /** Whether the server may ask this client before it answers, which pauses the timeout. */
  readonly mayAsk?: boolean;
}

/** How the SDK reports a broken stream. */
const streamBroke = /^SSE stream disconnected/;

/**
 * A client's connection, built on the SDK's client. The SDK gets no task store: with one, it would put the answers to a
 * task's questions there.
 */
export class Wire implements TaskRequests, ResultRequests {
  private readonly sdk: SdkClient;
  private readonly timeouts = new PausableTimeouts(systemClock);
  private readonly waits = new Map<string, ResultWait>();
  private readonly sessions: SessionTransport;
  private readonly prompts: PromptTransport;
  private level: LoggingLevel | undefined;
  private isClosed = false;

  constructor(
    private readonly target: Target,
    identity: Implementation,
    capabilities: ClientCapabilities,
    listener: WireListener,
  ) {
    this.sessions = new SessionTransport(target, systemClock, {
      isHarmless: (name) => listener.isHarmless(name),
      renewed: () => {
        this.prompts.sessionRenewed();
        for (const wait of this.waits.values()) wait.sessionRenewed();
        listener.renewed((taskId) => this.hasPrompt(taskId));
        if (this.level !== undefined) this.setLevel(this.level).catch(() => undefined);
      },
    });
    this.prompts = new PromptTransport(this.sessions, systemClock, (isOpen) => this.timeouts.setPaused(isOpen));
    this.sdk = new SdkClient(identity, { capabilities });
    // The SDK's own handlers of questions refuse requests where they could ignore a field.
    this.sdk.fallbackRequestHandler = (request, { signal }) => listener.request(request, signal);
    // The progress token of a task lives as long as the task; the SDK's tokens end with the request.
    this.sdk.setNotificationHandler(ProgressNotificationSchema, ({ params }) => {
      const { progressToken, progress, total, message } = params;
      listener.progress(progressToken, relatedTaskOf(params), {
        progress,
        ...(total !== undefined && { total }),
        ...(message !== undefined && { message }),
      });
    });
    this.sdk.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) =>
      listener.status(TaskSchema.parse(params)),
    );
    this.sdk.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => listener.log(params));
    this.sdk.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) =>
      listener.elicitComplete(params.elicitationId),
    );
    this.sdk.setNotificationHandler(ToolListChangedNotificationSchema, () => listener.toolsChanged());
    this.sdk.onclose = () => listener.closed(this.ended());
    this.sdk.onerror = ({ message }) => {
      if (streamBroke.test(message)) for (const wait of this.waits.values()) wait.streamBroke();
    };
  }

  /** How the server introduced itself; undefined for a transport that came with a session. */
  get server(): InitializeResult | undefined {
    return this.sessions.server;
  }

  /** What the server still has to do before the session begins. */
  get missing(): string {
    if (!this.sessions.isStarted) return 'start';
    return this.server === undefined ? 'answer initialize' : 'accept notifications/initialized';
  }

  get isOpen(): boolean {
    return this.sdk.transport !== undefined;
  }

  /** Connects. The signal ends the attempt, and whatever was started for it. */
  async open(signal: AbortSignal): Promise<void> {
    const ended = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    try {
      signal.throwIfAborted();
      await Promise.race([this.sdk.connect(this.prompts, { timeout: longestTimer }), ended]);
    } catch (error) {
      // Not awaited: a process may take seconds to end.
      this.sessions.close().catch(() => undefined);
      throw error;
    }
  }

  /** Closes the connection and, over HTTP, ends the session. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.isOpen) await withinTerminationTimeout(this.sessions.endSession());
    await this.sdk.close();
  }

  /**
   * Sends a request and waits for its answer, at most `timeout` milliseconds or until the signal aborts.
   *
   * @throws {ErrandError} whatever happens, unless the signal has another reason
   */
  async request<T extends AnySchema>(
    method: string,
    params: Record<string, unknown>,
    schema: T,
    { timeout = defaultTimeout, signal, mayAsk = false }: RequestOptions = {},
  ): Promise<SchemaOutput<T>> {
    if (!this.isOpen) throw this.ended();
    signal?.throwIfAborted();
    // The SDK never removes its listener from the signal it receives, so it gets one of its own.
    const abortion = new AbortController();
    const abort = (): void => abortion.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const patience = Math.min(timeout, longestTimer);
    const giveUp = (): void => {
      const error = requestTimedOut(this.target, method, patience);
      abortion.abort(new McpError(ErrorCode.RequestTimeout, error.message, error));
    };
    const stopTimeout = mayAsk ? this.timeouts.start(patience, giveUp) : systemClock.schedule(patience, giveUp);
    try {
      return await this.sdk.request({ method, params }, schema, { timeout: longestTimer, signal: abortion.signal });
    } catch (error) {
      signal?.throwIfAborted(); // the SDK would hide the signal's reason
      const isAnswered = error instanceof McpError && error.code !== (ErrorCode.ConnectionClosed as number);
      throw this.sdk.transport !== undefined || isAnswered ? toClientError(error, method, this.target) : this.ended();
    } finally {
      stopTimeout();
      signal?.removeEventListener('abort', abort);
    }
  }

  async ping(options: RequestOptions): Promise<void> {
    await this.request('ping', {}, EmptyResultSchema, options);
  }

  /** Sets the level of the log lines that the server sends, in this session and in those that follow. */
  async setLevel(level: LoggingLevel): Promise<void> {
    this.level = level;
    await this.request('logging/setLevel', { level }, EmptyResultSchema, { timeout: statusTimeout });
  }

  /** All items of a paged list. */
  async allPages<S extends AnySchema, T>(
    method: string,
    schema: S,
    itemsOf: (page: SchemaOutput<S>) => T[],
  ): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.pages(method, schema)) items.push(...itemsOf(page));
    return items;
  }

  /** The pages of a list, fetched one by one. */
  async *pages<S extends AnySchema>(method: string, schema: S): AsyncGenerator<SchemaOutput<S>> {
    let cursor: string | undefined;
    do {
      const page = await this.request(method, cursor === undefined ? {} : { cursor }, schema);
      yield page;
      cursor = (page as { nextCursor?: string }).nextCursor;
    } while (cursor !== undefined);
  }

  get(taskId: string): Promise<Task> {
    return this.request('tasks/get', { taskId }, TaskSchema, { timeout: statusTimeout });
  }

  cancel(taskId: string): Promise<Task> {
    return this.request('tasks/cancel', { taskId }, TaskSchema);
  }

  result(taskId: string): Promise<Result> {
    const known = this.waits.get(taskId);
    if (known !== undefined) return known.outcome;
    const wait = new ResultWait(taskId, this, systemClock);
    this.waits.set(taskId, wait);
    return wait.outcome.finally(() => {
      if (this.waits.get(taskId) === wait) this.waits.delete(taskId);
    });
  }

  abandonResult(taskId: string): void {
    const wait = this.waits.get(taskId);
    this.waits.delete(taskId);
    wait?.abandon();
  }

  taskEnded(taskId: string): void {
    this.waits.get(taskId)?.taskEnded();
    this.prompts.taskEnded(taskId);
  }

  requestResult(taskId: string, signal: AbortSignal): Promise<Result> {
    return this.request('tasks/result', { taskId }, ResultSchema, { timeout: longestTimer, signal });
  }

  hasPrompt(taskId: string): boolean {
    return this.prompts.hasPrompt(taskId);
  }

  private ended(): ErrandError {
    return this.isClosed ? clientClosed() : connectionEnded(this.target);
  }
}

/** Waits for the server to end the session, and ignores one that does not answer. */
async function withinTerminationTimeout(terminated: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, terminationTimeout)));
  await Promise.race([terminated, tooLong]);
  clearTimeout(timer);
}
