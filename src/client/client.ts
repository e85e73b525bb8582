import {
  CreateTaskResultSchema,
  ErrorCode,
  ListPromptsResultSchema,
  ListResourcesResultSchema,
  ListResourceTemplatesResultSchema,
  ListTasksResultSchema,
  ListToolsResultSchema,
  ResultSchema,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import { messageOf } from '../base/errors.js';
import type {
  GetPromptResult,
  Implementation,
  LoggingLevel,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  ServerCapabilities,
  Task,
  Tool,
} from '../protocol/types.js';
import { isUnknownTask, parseResponse, rpcCodeOf } from './connection/client-errors.js';
import type { Target } from './connection/link.js';
import type { CallOptions, CallProgress, ClientOptions, TaskCallOptions, TaskHandlers } from './options.js';
import { callSafely, ProgressRouter } from './progress.js';
import { clientCapabilities, QuestionRouter } from './question-router.js';
import { TaskBook } from './tasks/task-book.js';
import {
  immediately,
  type PromptTask,
  type ResourceTask,
  type ToolCallResult,
  type ToolTask,
} from './tasks/task-handle.js';
import { promptGet, resourceRead, toolCall, type Kind } from './tasks/task-kinds.js';
import type { KnownTools, ToolArguments, ToolCall, ToolName, ToolsOf, ToolStructured } from './tool-types.js';
import { ToolBook } from './tool-book.js';
import { Wire } from './wire.js';

/** A client of one server, created by `connect`, which also determines how much of its tools is typed. */
export class Client {
  private readonly wire: Wire;
  private readonly tasks: TaskBook;
  private readonly questions: QuestionRouter;
  private readonly progress = new ProgressRouter();
  private readonly tools: ToolBook;
  private readonly report: (error: unknown) => void;

  /** @internal */
  constructor(target: Target, options: ClientOptions = {}) {
    const { name = 'errand-client', version = '0.0.0', onError = warn, onLog, onElicitComplete } = options;
    // An error thrown by `onError` itself must not become the answer to a question.
    this.report = (error) => queueMicrotask(() => onError(error));
    const safely = (run: () => unknown): void => callSafely(this.report, run);
    this.tools = new ToolBook(() => this.listTools());
    this.wire = new Wire(target, { name, version }, clientCapabilities(options), {
      request: (request, signal) => this.questions.answer(request, signal),
      status: (task) => this.tasks.receiveStatus(task),
      progress: (token, taskId, progress) => {
        // Another client may have used the same token for a task that this one now follows.
        const isKnown = taskId !== undefined && this.tasks.receiveProgress(taskId, progress);
        if (!isKnown) this.progress.route(token, progress);
      },
      log: (entry) => safely(() => onLog?.(entry)),
      elicitComplete: (elicitationId) => safely(() => onElicitComplete?.(elicitationId)),
      toolsChanged: () => this.tools.forget(),
      renewed: (isAsked) => {
        this.tools.forget();
        this.tasks.sessionRenewed(isAsked);
      },
      closed: (error) => this.tasks.fail(error),
      isHarmless: (name) => this.tools.isHarmless(name),
    });
    this.tasks = new TaskBook(this.wire, this.progress, this.report);
    this.questions = new QuestionRouter(options, this.tasks, this.report);
  }

  /** @internal */
  async open(signal: AbortSignal): Promise<this> {
    await this.wire.open(signal);
    return this;
  }

  /** @internal What the server still has to do before the session begins. */
  get missing(): string {
    return this.wire.missing;
  }

  /** Name, version and the like of the server. Undefined if the client was given a transport that had a session. */
  get serverInfo(): Implementation | undefined {
    return this.wire.server?.serverInfo;
  }

  /** What the server can do. Empty if the client was given a transport that had a session. */
  get serverCapabilities(): ServerCapabilities {
    return this.wire.server?.capabilities ?? {};
  }

  /** How to use the server, for people or a model, if it says so. */
  get instructions(): string | undefined {
    return this.wire.server?.instructions;
  }

  /**
   * Asks the server for a sign of life. Over HTTP this also finds out whether it still has the session, and begins a new
   * one if not.
   *
   * @param options - `timeout` in milliseconds (default: 60 seconds); `signal` ends the wait
   * @throws {ErrandError} `CONNECTION_LOST` if the server cannot be reached, `WAIT_TIMED_OUT` after `timeout`
   */
  async ping({ timeout = 60_000, signal }: Pick<CallOptions, 'timeout' | 'signal'> = {}): Promise<void> {
    await this.wire.ping({ timeout, ...(signal && { signal }) });
  }

  /**
   * Sets the least severe level of the log lines that the server sends to `onLog`. It holds for new sessions, too.
   *
   * @throws {ErrandError} `REQUEST_FAILED` if the server sends no log.
   */
  async setLoggingLevel(level: LoggingLevel): Promise<void> {
    await this.wire.setLevel(level);
  }

  /** Closes the connection and, over HTTP, ends the session. Tasks keep running; results already received stay available. */
  async close(): Promise<void> {
    await this.wire.close();
  }

  /** Lists the server's tools, all pages. */
  async listTools(): Promise<Tool[]> {
    const listed = await this.wire.allPages('tools/list', ListToolsResultSchema, ({ tools }) => tools);
    this.tools.learn(listed);
    return listed;
  }

  /** Lists the server's prompts, all pages. */
  async listPrompts(): Promise<Prompt[]> {
    return this.wire.allPages('prompts/list', ListPromptsResultSchema, ({ prompts }) => prompts);
  }

  /** Lists the server's resources that have a fixed URI, all pages. */
  async listResources(): Promise<Resource[]> {
    return this.wire.allPages('resources/list', ListResourcesResultSchema, ({ resources }) => resources);
  }

  /** Lists the templates of the server's other resources, all pages. */
  async listResourceTemplates(): Promise<ResourceTemplate[]> {
    return this.wire.allPages(
      'resources/templates/list',
      ListResourceTemplatesResultSchema,
      ({ resourceTemplates }) => resourceTemplates,
    );
  }

  /**
   * Calls a tool and waits for its result. With `task: true` the tool runs as a task and the call returns a handle as soon
   * as the task exists. A tool that does not run as a task (`execution.taskSupport`) is called in the foreground instead,
   * and the handle has its answer.
   *
   * @throws {ErrandError} `REQUEST_FAILED` when the server answers with a protocol error. A tool that fails returns a
   * result with `isError`. `CONNECTION_LOST` when the answer is lost, and a call could do harm if it were repeated.
   * @throws {ErrandError} `OPTIONS_INVALID` for an `onElicit` that would never be called, because the client did not
   * declare elicitation.
   */
  callTool<This extends Client, Name extends ToolName<This>>(
    this: This,
    name: Name,
    args: ToolArguments<This, Name>,
    options: TaskCallOptions,
  ): Promise<ToolTask<ToolStructured<This, Name>>>;
  callTool<This extends Client, Name extends ToolName<This>>(
    this: This,
    name: Name,
    ...rest: ToolCall<This, Name>
  ): Promise<ToolCallResult<ToolStructured<This, Name>>>;
  callTool(
    name: string,
    args: object = {},
    options: CallOptions | TaskCallOptions = {},
  ): Promise<ToolCallResult | ToolTask> {
    return this.request(toolCall, { name, arguments: args }, options);
  }

  /**
   * Gets a prompt. With `task: true` a task renders it and the call returns a handle as soon as the task exists.
   *
   * @throws {ErrandError} `REQUEST_FAILED` when the server answers with a protocol error.
   */
  getPrompt(name: string, args: Record<string, string> | undefined, options: TaskCallOptions): Promise<PromptTask>;
  getPrompt(name: string, args?: Record<string, string>, options?: CallOptions): Promise<GetPromptResult>;
  getPrompt(
    name: string,
    args: Record<string, string> = {},
    options: CallOptions | TaskCallOptions = {},
  ): Promise<GetPromptResult | PromptTask> {
    return this.request(promptGet, { name, arguments: args }, options);
  }

  /**
   * Reads a resource. With `task: true` a task reads it and the call returns a handle as soon as the task exists.
   *
   * @throws {ErrandError} `REQUEST_FAILED` when the server answers with a protocol error.
   */
  readResource(uri: string, options: TaskCallOptions): Promise<ResourceTask>;
  readResource(uri: string, options?: CallOptions): Promise<ReadResourceResult>;
  readResource(uri: string, options: CallOptions | TaskCallOptions = {}): Promise<ReadResourceResult | ResourceTask> {
    return this.request(resourceRead, { uri }, options);
  }

  /**
   * Returns a handle for a tool call's task by its id, for example after a reconnect. Sends no request yet. A server may
   * report progress only to the client that created the task.
   *
   * @throws {ErrandError} `OPTIONS_INVALID` for an `onElicit` that would never be called, because the client did not
   * declare elicitation.
   */
  toolTask(taskId: string, handlers: TaskHandlers = {}): ToolTask {
    return this.handleOf(toolCall, taskId, handlers);
  }

  /** Same as {@link Client.toolTask}, for a prompt. */
  promptTask(taskId: string, handlers: TaskHandlers = {}): PromptTask {
    return this.handleOf(promptGet, taskId, handlers);
  }

  /** Same as {@link Client.toolTask}, for a resource. */
  resourceTask(taskId: string, handlers: TaskHandlers = {}): ResourceTask {
    return this.handleOf(resourceRead, taskId, handlers);
  }

  /**
   * Lists the tasks of this client's principal. If the server does not support `tasks/list`, the client asks for each task
   * that may still be running or whose handle is still in use.
   */
  async *listTasks(): AsyncGenerator<Task, void, undefined> {
    if (this.serverCapabilities.tasks?.list !== undefined) {
      for await (const { tasks } of this.wire.pages('tasks/list', ListTasksResultSchema)) yield* tasks;
      return;
    }
    for (const tracked of this.tasks.all) {
      try {
        yield await tracked.status();
      } catch (error) {
        if (!isUnknownTask(error)) throw error;
      }
    }
  }

  private async request<R extends object, Handle>(
    kind: Kind<R, Handle>,
    params: Record<string, unknown>,
    options: CallOptions | TaskCallOptions,
  ): Promise<R | Handle> {
    this.questions.requireDeclared(options);
    if (options.task !== true) {
      return parseResponse(kind.result, await this.callInForeground(kind.method, params, options), kind.method);
    }
    if (await this.mayBeTask(kind, params)) {
      try {
        return await this.startTask(kind, params, options);
      } catch (error) {
        // It does not run as a task, which not every list says.
        if (rpcCodeOf(error) !== ErrorCode.MethodNotFound) throw error;
      }
    }
    return this.answeredHandle(kind, await this.callInForeground(kind.method, params, options));
  }

  private async mayBeTask<R extends object, Handle>(
    kind: Kind<R, Handle>,
    { name }: Record<string, unknown>,
  ): Promise<boolean> {
    if (!kind.isDeclared(this.serverCapabilities)) return false;
    return kind.method !== toolCall.method || (await this.tools.allowsTask(name as string)) !== false;
  }

  /** Sends the request in the foreground, so the answer is its result. */
  private async callInForeground(
    method: string,
    params: Record<string, unknown>,
    { onProgress, onElicit, ...options }: CallOptions | TaskCallOptions,
  ): Promise<Result> {
    const token = onProgress && this.progress.newToken();
    if (onProgress && token !== undefined) {
      this.progress.listen(token, (progress) => callSafely(this.report, () => onProgress(progress)));
    }
    const leave = onElicit && this.questions.enterCall(onElicit);
    try {
      const meta = token === undefined ? {} : { _meta: { progressToken: token } };
      return await this.wire.request(method, { ...params, ...meta }, ResultSchema, { ...options, mayAsk: true });
    } finally {
      leave?.();
      if (token !== undefined) this.progress.forget(token);
    }
  }

  private async startTask<R extends object, Handle>(
    kind: Kind<R, Handle>,
    params: Record<string, unknown>,
    { ttl, timeout, signal, ...handlers }: TaskCallOptions,
  ): Promise<Handle> {
    const { onProgress, onElicit } = handlers;
    const token = this.progress.newToken();
    const leave = onElicit && this.questions.enterCall(onElicit, true);
    let early: CallProgress | undefined;
    // Progress may arrive before the task's id does; only the token identifies it then.
    this.progress.listen(token, (progress) => {
      early = progress;
      if (onProgress) callSafely(this.report, () => onProgress(progress));
    });
    const augmented = { ...params, task: ttl === undefined ? {} : { ttl }, _meta: { progressToken: token } };
    const limits = { mayAsk: true, ...(timeout !== undefined && { timeout }), ...(signal && { signal }) };
    const creation = this.wire.request(kind.method, augmented, ResultSchema, limits).then((answer) => {
      this.progress.forget(token);
      if (!('task' in answer)) return this.answeredHandle(kind, answer);
      const { task, _meta } = parseResponse(CreateTaskResultSchema, answer, kind.method);
      const tracked = this.tasks.track(task.taskId).begin(task, token, early).addHandlers(handlers);
      this.progress.listen(token, (progress) => tracked.receiveProgress(progress));
      const immediate = _meta?.['io.modelcontextprotocol/model-immediate-response'];
      return new kind.Handle({
        tracked,
        parse: (result) => parseResponse(kind.result, result, kind.method),
        returnedImmediately: false,
        ...(typeof immediate === 'string' && { immediateResponse: immediate }),
      });
    });
    try {
      return await this.tasks.duringCreation(creation);
    } catch (error) {
      this.progress.forget(token);
      throw error;
    } finally {
      leave?.();
    }
  }

  private answeredHandle<R extends object, Handle>(kind: Kind<R, Handle>, answer: Result): Handle {
    const tracked = immediately(answer, this.report);
    return new kind.Handle({
      tracked,
      parse: (result) => parseResponse(kind.result, result, kind.method),
      returnedImmediately: true,
    });
  }

  private handleOf<R extends object, Handle>(kind: Kind<R, Handle>, taskId: string, handlers: TaskHandlers): Handle {
    this.questions.requireDeclared(handlers);
    const tracked = this.tasks.track(taskId).addHandlers(handlers);
    return new kind.Handle({
      tracked,
      parse: (result) => parseResponse(kind.result, result, kind.method),
      returnedImmediately: false,
    });
  }
}

/** A {@link Client} whose type includes the tools of its server. */
export type ClientOf<Server> = Client & KnownTools<ToolsOf<Server>>;

/** As text: to Node.js, an error that comes from the sandbox of a test runner is none. */
const warn = (error: unknown): void =>
  process.emitWarning(messageOf(error), error instanceof Error ? error.name : 'Warning');
