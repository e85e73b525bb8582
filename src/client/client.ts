import { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CallToolResultSchema,
  CancelTaskResultSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  GetTaskResultSchema,
  LoggingMessageNotificationSchema,
  ProgressNotificationSchema,
  ResultSchema,
  TaskStatusNotificationSchema,
  type CallToolResult,
  type Task,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js';
import { ErrandError, messageOf } from '../base/errors.js';
import type { LoggingLevel, Transport } from '../protocol/types.js';
import { QuestionRouter, type ElicitHandler } from './questions.js';
import { isTerminal, ToolTask, type TaskPort } from './tool-task.js';

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

/** What a client is and does for all its calls. */
export interface ClientOptions {
  /** What the client calls itself. Default `'errand-client'`. */
  readonly name?: string;
  /** The version that servers are told. Default `'0.0.0'`. */
  readonly version?: string;
  /** Asks the user when a call has no handler of its own. Without any handler questions are answered with `cancel`. */
  readonly onElicit?: ElicitHandler;
  /** Told what an `onElicit` threw; the server only learns that its question failed. Default: a warning of the process. */
  readonly onError?: (error: unknown) => void;
  /** Receives the server's log. */
  readonly onLog?: (entry: ServerLog) => void;
}

/** What belongs to one call. */
export interface CallOptions {
  /** Told how far the call is. */
  readonly onProgress?: (progress: CallProgress) => void;
  /** Not as a task. */
  readonly task?: false;
  /**
   * Asks the user of this call. While several foreground calls have handlers, the client's own is asked instead; without
   * one their questions fail.
   */
  readonly onElicit?: ElicitHandler;
  /** How long to wait for the answer, in milliseconds. Default: one hour. */
  readonly timeout?: number;
  /** Cancels the request, which then rejects with the signal's reason; a task that was made goes on. */
  readonly signal?: AbortSignal;
}

/** Makes a call a task. */
export interface TaskCallOptions extends Omit<CallOptions, 'task'> {
  /** Always `true`. */
  readonly task: true;
  /** How long the server shall keep the result, in milliseconds. Default: the server's. */
  readonly ttl?: number;
}

const hour = 3_600_000;
/** How long one `tasks/result` waits before it is repeated, in milliseconds. */
const resultWait = 300_000;

/** A client of one server. Made by `connect`. */
export class Client {
  private readonly sdk: SdkClient;
  private readonly questions: QuestionRouter;
  private readonly progress = new Map<string, (progress: CallProgress) => void>();
  /** The progress token of each task that has a handler. */
  private readonly taskTokens = new Map<string, string>();
  private readonly statusListeners = new Map<string, Set<(task: Task) => void>>();
  private nextToken = 1;

  /** @internal */
  constructor(options: ClientOptions = {}) {
    const { name = 'errand-client', version = '0.0.0', onElicit, onError = warn, onLog } = options;
    this.questions = new QuestionRouter(onElicit, onError);
    this.sdk = new SdkClient({ name, version }, { capabilities: { elicitation: { form: {} } } });
    this.sdk.setRequestHandler(ElicitRequestSchema, (request, { signal }) => this.questions.answer(request, signal));
    // Our own tokens live as long as their task; the SDK's end with the request.
    this.sdk.setNotificationHandler(ProgressNotificationSchema, ({ params }) => {
      const { progressToken, progress, total, message } = params;
      this.progress.get(String(progressToken))?.({
        progress,
        ...(total !== undefined && { total }),
        ...(message !== undefined && { message }),
      });
    });
    this.sdk.setNotificationHandler(TaskStatusNotificationSchema, ({ params }) => {
      for (const listener of this.statusListeners.get(params.taskId) ?? []) listener(params);
      if (isTerminal(params)) this.port.release(params.taskId);
    });
    this.sdk.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => onLog?.(params));
  }

  /** @internal */
  async open(transport: Transport): Promise<this> {
    await this.sdk.connect(transport);
    return this;
  }

  /** The tools of the server. */
  async listTools(): Promise<Tool[]> {
    const tools: Tool[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.sdk.listTools(cursor === undefined ? {} : { cursor });
      tools.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return tools;
  }

  /**
   * Calls a tool and waits for its result, or with `task: true` lets it run as a task and gives a handle at once.
   *
   * @throws McpError for what the server answers with an error of the protocol. A tool that failed is a result with
   * `isError`.
   * @throws {ErrandError} `TASK_REFUSED` when the server makes no tasks; the tool is not called then.
   */
  callTool(name: string, args: Record<string, unknown> | undefined, options: TaskCallOptions): Promise<ToolTask>;
  callTool(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<CallToolResult>;
  callTool(
    name: string,
    args: Record<string, unknown> = {},
    options: CallOptions | TaskCallOptions = {},
  ): Promise<CallToolResult | ToolTask> {
    return options.task === true ? this.startTask(name, args, options) : this.callNow(name, args, options);
  }

  /** Ends the connection. Tasks go on. */
  async close(): Promise<void> {
    await this.sdk.close();
  }

  private async callNow(name: string, args: Record<string, unknown>, options: CallOptions): Promise<CallToolResult> {
    const token = this.listen(options.onProgress);
    const leave = options.onElicit && this.questions.enterCall(options.onElicit);
    try {
      const params = { name, arguments: args, ...metaOf(token) };
      return await untilAborted(options.signal, () =>
        this.sdk.request({ method: 'tools/call', params }, CallToolResultSchema, requestOptions(options)),
      );
    } finally {
      leave?.();
      if (token !== undefined) this.progress.delete(token);
    }
  }

  private async startTask(name: string, args: Record<string, unknown>, options: TaskCallOptions): Promise<ToolTask> {
    if (this.sdk.getServerCapabilities()?.tasks?.requests?.tools?.call === undefined) {
      throw new ErrandError(
        'TASK_REFUSED',
        `The server makes no tasks, so '${name}' was not called. Call it without task.`,
      );
    }
    const { ttl } = options;
    const token = this.listen(options.onProgress);
    const params = { name, arguments: args, task: ttl === undefined ? {} : { ttl }, ...metaOf(token) };
    try {
      const answered = untilAborted(options.signal, () =>
        this.sdk.request({ method: 'tools/call', params }, ResultSchema, requestOptions(options)),
      );
      const { taskId } = await this.questions.create(
        options.onElicit,
        answered.then((result) => taskOf(result, name)),
      );
      if (token !== undefined) this.taskTokens.set(taskId, token);
      return new ToolTask(taskId, this.port);
    } catch (error) {
      if (token !== undefined) this.progress.delete(token);
      throw error;
    }
  }

  private readonly port: TaskPort = {
    get: (taskId) => this.sdk.request({ method: 'tasks/get', params: { taskId } }, GetTaskResultSchema),
    cancel: (taskId) => this.sdk.request({ method: 'tasks/cancel', params: { taskId } }, CancelTaskResultSchema),
    result: (taskId) =>
      this.sdk.request({ method: 'tasks/result', params: { taskId } }, CallToolResultSchema, { timeout: resultWait }),
    onStatus: (taskId, listener) => {
      const listeners = this.statusListeners.get(taskId) ?? new Set();
      this.statusListeners.set(taskId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.statusListeners.delete(taskId);
      };
    },
    release: (taskId) => {
      this.questions.forget(taskId);
      const token = this.taskTokens.get(taskId);
      if (token !== undefined) this.progress.delete(token);
      this.taskTokens.delete(taskId);
    },
  };

  private listen(onProgress: ((progress: CallProgress) => void) | undefined): string | undefined {
    if (onProgress === undefined) return undefined;
    const token = `p${this.nextToken++}`;
    this.progress.set(token, onProgress);
    return token;
  }
}

const metaOf = (progressToken: string | undefined): { _meta?: { progressToken: string } } =>
  progressToken === undefined ? {} : { _meta: { progressToken } };

function taskOf(result: unknown, name: string): Task {
  const made = CreateTaskResultSchema.safeParse(result);
  if (made.success) return made.data.task;
  throw new ErrandError(
    'TASK_REFUSED',
    `The server called '${name}' and answered without a task. Call it without task.`,
  );
}

/** The SDK rejects what is aborted with an error of its own. */
async function untilAborted<T>(signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

const warn = (error: unknown): void => process.emitWarning(error instanceof Error ? error : messageOf(error));

const requestOptions = ({
  timeout = hour,
  signal,
}: Pick<CallOptions, 'timeout' | 'signal'>): { timeout: number; signal?: AbortSignal } => ({
  timeout,
  ...(signal !== undefined && { signal }),
});
