import {
  CreateTaskResultSchema,
  ListPromptsResultSchema,
  ListResourcesResultSchema,
  ListResourceTemplatesResultSchema,
  ListTasksResultSchema,
  ListToolsResultSchema,
  ResultSchema,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import { messageOf } from '../base/errors.js';
import type { Transport } from '../protocol/transport.js';
import type {
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Task,
  Tool,
} from '../protocol/types.js';
import type { CallOptions, CallProgress, ClientOptions, TaskCallOptions, TaskHandlers } from './options.js';
import { callSafely, ProgressRouter } from './progress.js';
import { capabilitiesOf, QuestionRouter } from './question-router.js';
import { TaskBook } from './task-book.js';
import { immediately, type PromptTask, type ResourceTask, type ToolCallResult, type ToolTask } from './task-handle.js';
import { promptGet, resourceRead, toolCall, type Kind } from './task-kinds.js';
import type { KnownTools, ToolArguments, ToolCall, ToolName, ToolsOf, ToolStructured } from './tool-types.js';
import { connectionClosed, isUnknownTask } from './tracked-task.js';
import { Wire } from './wire.js';

/** A client of one server. Made by `connect`, which also says how far its tools are typed. */
export class Client {
  private readonly wire: Wire;
  private readonly tasks: TaskBook;
  private readonly questions: QuestionRouter;
  private readonly progress = new ProgressRouter();
  private readonly report: (error: unknown) => void;

  /** @internal */
  constructor(options: ClientOptions = {}) {
    const { name = 'errand-client', version = '0.0.0', onError = warn, onLog, onElicitComplete } = options;
    // What `onError` throws itself must not become the answer to anything.
    this.report = (error) => queueMicrotask(() => onError(error));
    const told = (run: () => unknown): void => callSafely(this.report, run);
    this.wire = new Wire({ name, version }, capabilitiesOf(options), {
      request: (request, signal) => this.questions.answer(request, signal),
      status: (task) => this.tasks.heard(task),
      progress: (token, taskId, progress) => {
        // Another client may have used the same token for a task that this one follows now.
        const isKnown = taskId !== undefined && this.tasks.progressed(taskId, progress);
        if (!isKnown) this.progress.route(token, progress);
      },
      log: (entry) => told(() => onLog?.(entry)),
      elicitComplete: (elicitationId) => told(() => onElicitComplete?.(elicitationId)),
      closed: () => this.tasks.fail(connectionClosed()),
    });
    this.tasks = new TaskBook(this.wire, this.progress, this.report);
    this.questions = new QuestionRouter(options, this.tasks, this.report);
  }

  /** @internal */
  async open(transport: Transport): Promise<this> {
    await this.wire.open(transport);
    return this;
  }

  /** Ends the connection, and over HTTP the session. Tasks go on; results that came are still there. */
  async close(): Promise<void> {
    await this.wire.close();
  }

  /** The tools of the server. */
  async listTools(): Promise<Tool[]> {
    return this.wire.allPages('tools/list', ListToolsResultSchema, ({ tools }) => tools);
  }

  /** The prompts of the server. */
  async listPrompts(): Promise<Prompt[]> {
    return this.wire.allPages('prompts/list', ListPromptsResultSchema, ({ prompts }) => prompts);
  }

  /** The resources of the server that have a URI of their own. */
  async listResources(): Promise<Resource[]> {
    return this.wire.allPages('resources/list', ListResourcesResultSchema, ({ resources }) => resources);
  }

  /** The templates of the server's other resources. */
  async listResourceTemplates(): Promise<ResourceTemplate[]> {
    return this.wire.allPages(
      'resources/templates/list',
      ListResourceTemplatesResultSchema,
      ({ resourceTemplates }) => resourceTemplates,
    );
  }

  /**
   * Calls a tool and waits for its result, or with `task: true` lets it run as a task and gives a handle at once.
   *
   * @throws McpError for what the server answers with an error of the protocol. A tool that failed is a result with
   * `isError`.
   * @throws {ErrandError} `OPTIONS_INVALID` for an `onElicit` that no server would ask, as the client declared none.
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
   * Gets a prompt, or with `task: true` lets it be made by a task and gives a handle at once.
   *
   * @throws McpError for what the server answers with an error of the protocol.
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
   * Reads a resource, or with `task: true` lets it be read by a task and gives a handle at once.
   *
   * @throws McpError for what the server answers with an error of the protocol.
   */
  readResource(uri: string, options: TaskCallOptions): Promise<ResourceTask>;
  readResource(uri: string, options?: CallOptions): Promise<ReadResourceResult>;
  readResource(uri: string, options: CallOptions | TaskCallOptions = {}): Promise<ReadResourceResult | ResourceTask> {
    return this.request(resourceRead, { uri }, options);
  }

  /**
   * A handle for the task of a tool call whose id is known, for example after a reconnect. Asks the server nothing yet. A
   * server may tell progress only to the client that made the task.
   *
   * @throws {ErrandError} `OPTIONS_INVALID` for an `onElicit` that no server would ask, as the client declared none.
   */
  toolTask(taskId: string, handlers: TaskHandlers = {}): ToolTask {
    return this.handleOf(toolCall, taskId, handlers);
  }

  /** The same for a prompt. */
  promptTask(taskId: string, handlers: TaskHandlers = {}): PromptTask {
    return this.handleOf(promptGet, taskId, handlers);
  }

  /** The same for a resource. */
  resourceTask(taskId: string, handlers: TaskHandlers = {}): ResourceTask {
    return this.handleOf(resourceRead, taskId, handlers);
  }

  /**
   * The tasks of this client's principal, as the server lists them. A server that lists none is asked one by one for the
   * tasks that may still run or whose handle is still held.
   */
  async *listTasks(): AsyncGenerator<Task, void, undefined> {
    if (this.wire.server.tasks?.list !== undefined) {
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
    if (options.task !== true) return this.ask(kind.method, params, options).then(kind.parse);
    if (kind.isDeclared(this.wire.server)) return this.startTask(kind, params, options);
    return this.ask(kind.method, params, options).then((answer) => this.answeredHandle(kind, answer));
  }

  /** Sends the request to be answered with its result. */
  private async ask(
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
    // Until the task is known by its id, its progress is known by the token.
    this.progress.listen(token, (progress) => {
      early = progress;
      if (onProgress) callSafely(this.report, () => onProgress(progress));
    });
    const augmented = { ...params, task: ttl === undefined ? {} : { ttl }, _meta: { progressToken: token } };
    const limits = { mayAsk: true, ...(timeout !== undefined && { timeout }), ...(signal && { signal }) };
    const making = this.wire.request(kind.method, augmented, ResultSchema, limits).then((answer) => {
      this.progress.forget(token);
      if (!('task' in answer)) return this.answeredHandle(kind, answer);
      const { task, _meta } = CreateTaskResultSchema.parse(answer);
      const tracked = this.tasks.track(task.taskId).begin(task, token, early).handle(handlers);
      this.progress.listen(token, (progress) => tracked.progressed(progress));
      const immediate = _meta?.['io.modelcontextprotocol/model-immediate-response'];
      return new kind.Handle({
        tracked,
        parse: kind.parse,
        returnedImmediately: false,
        ...(typeof immediate === 'string' && { immediateResponse: immediate }),
      });
    });
    try {
      return await this.tasks.duringCreation(making);
    } catch (error) {
      this.progress.forget(token);
      throw error;
    } finally {
      leave?.();
    }
  }

  private answeredHandle<R extends object, Handle>(kind: Kind<R, Handle>, answer: Result): Handle {
    const tracked = immediately(answer, this.report);
    return new kind.Handle({ tracked, parse: kind.parse, returnedImmediately: true });
  }

  private handleOf<R extends object, Handle>(kind: Kind<R, Handle>, taskId: string, handlers: TaskHandlers): Handle {
    this.questions.requireDeclared(handlers);
    const tracked = this.tasks.track(taskId).handle(handlers);
    return new kind.Handle({ tracked, parse: kind.parse, returnedImmediately: false });
  }
}

/** A client that knows the tools of its server. Every such client is a {@link Client}. */
export type ClientOf<Server> = Client & KnownTools<ToolsOf<Server>>;

const warn = (error: unknown): void => process.emitWarning(error instanceof Error ? error : messageOf(error));
