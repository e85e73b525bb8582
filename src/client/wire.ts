import { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import type { AnySchema, SchemaOutput } from '@modelcontextprotocol/sdk/server/zod-compat.js';
import {
  ElicitationCompleteNotificationSchema,
  ErrorCode,
  LoggingMessageNotificationSchema,
  McpError,
  ProgressNotificationSchema,
  ResultSchema,
  TaskSchema,
  TaskStatusNotificationSchema,
  type JSONRPCRequest,
  type Result,
  type ServerCapabilities,
} from '@modelcontextprotocol/sdk/types.js';
import { longestTimer, systemClock } from '../base/clock.js';
import type { Transport } from '../protocol/transport.js';
import type { ClientCapabilities, Implementation, Task } from '../protocol/types.js';
import type { CallOptions, CallProgress, ServerLog } from './options.js';
import { PromptTransport } from './prompt-transport.js';
import { relatedTaskOf } from './question-router.js';
import { ResultWait, type ResultRequests } from './tasks/result-wait.js';
import { PausableTimeouts } from './pausable-timeouts.js';
import { connectionClosed, type TaskRequests } from './tasks/tracked-task.js';

/** Receives the messages that the server sends unprompted. */
export interface WireListener {
  request(request: JSONRPCRequest, signal: AbortSignal): Promise<Result>;
  progress(token: string | number, taskId: string | undefined, progress: CallProgress): void;
  status(task: Task): Promise<void>;
  log(entry: ServerLog): void;
  elicitComplete(elicitationId: string): void;
  closed(): void;
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
  private transport: Transport | undefined;
  private prompts: PromptTransport | undefined;

  constructor(identity: Implementation, capabilities: ClientCapabilities, listener: WireListener) {
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
    this.sdk.onclose = () => listener.closed();
    this.sdk.onerror = ({ message }) => {
      if (streamBroke.test(message)) for (const wait of this.waits.values()) wait.streamBroke();
    };
  }

  /** The capabilities that the server declared. */
  get server(): ServerCapabilities {
    return this.sdk.getServerCapabilities() ?? {};
  }

  get isOpen(): boolean {
    return this.sdk.transport !== undefined;
  }

  async open(transport: Transport): Promise<void> {
    this.transport = transport;
    this.prompts = new PromptTransport(transport, systemClock, (isOpen) => this.timeouts.setPaused(isOpen));
    await this.sdk.connect(this.prompts);
  }

  /** Closes the connection and, over HTTP, ends the session. */
  async close(): Promise<void> {
    const { transport } = this;
    if (this.isOpen && transport !== undefined && 'terminateSession' in transport) await terminateSession(transport);
    await this.sdk.close();
  }

  /** Sends a request and waits for its answer, at most `timeout` milliseconds or until the signal aborts. */
  async request<T extends AnySchema>(
    method: string,
    params: Record<string, unknown>,
    schema: T,
    { timeout = defaultTimeout, signal, mayAsk = false }: RequestOptions = {},
  ): Promise<SchemaOutput<T>> {
    if (!this.isOpen) throw connectionClosed();
    signal?.throwIfAborted();
    // The SDK never removes its listener from the signal it receives, so it gets one of its own.
    const abortion = new AbortController();
    const abort = (): void => abortion.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const giveUp = (): void =>
      abortion.abort(McpError.fromError(ErrorCode.RequestTimeout, 'Request timed out', { timeout }));
    const stopTimeout = mayAsk ? this.timeouts.start(Math.min(timeout, longestTimer), giveUp) : undefined;
    const limits = { timeout: mayAsk ? longestTimer : Math.min(timeout, longestTimer), signal: abortion.signal };
    try {
      return await this.sdk.request({ method, params }, schema, limits);
    } catch (error) {
      signal?.throwIfAborted(); // the SDK would hide the signal's reason
      throw error;
    } finally {
      stopTimeout?.();
      signal?.removeEventListener('abort', abort);
    }
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
    return wait.outcome.finally(() => this.waits.delete(taskId));
  }

  taskEnded(taskId: string): void {
    this.waits.get(taskId)?.taskEnded();
  }

  requestResult(taskId: string, signal: AbortSignal): Promise<Result> {
    return this.request('tasks/result', { taskId }, ResultSchema, { timeout: longestTimer, signal });
  }

  hasPrompt(taskId: string): boolean {
    return this.prompts?.hasPrompt(taskId) === true;
  }
}

/** Asks the server to end the session, and ignores a server that does not answer. */
async function terminateSession(transport: { terminateSession?: unknown }): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, terminationTimeout)));
  const terminated = (transport.terminateSession as () => Promise<void>)().catch(() => undefined);
  await Promise.race([terminated, tooLong]);
  clearTimeout(timer);
}
