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
import { longestTimer } from '../base/clock.js';
import type { ClientCapabilities, Implementation, Task, Transport } from '../protocol/types.js';
import type { CallOptions, CallProgress, ServerLog } from './options.js';
import { relatedTaskOf } from './question-router.js';
import { connectionClosed, type TaskRequests } from './tracked-task.js';

/** What the server does unasked. */
export interface WireListener {
  request(request: JSONRPCRequest, signal: AbortSignal): Promise<Result>;
  progress(token: string | number, taskId: string | undefined, progress: CallProgress): void;
  status(task: Task): Promise<void>;
  log(entry: ServerLog): void;
  elicitComplete(elicitationId: string): void;
  closed(): void;
}

const hour = 3_600_000;
/** How long one `tasks/result` waits before it is repeated, in milliseconds: its stream may be gone unnoticed. */
const resultWait = 60_000;
/** How long closing waits for the server to forget the session, in milliseconds. */
const farewell = 1_000;

/**
 * The connection of a client, by the SDK's client. That is given no store for tasks: with one it would answer what a task
 * asks into that store.
 */
export class Wire implements TaskRequests {
  private readonly sdk: SdkClient;

  constructor(identity: Implementation, capabilities: ClientCapabilities, listener: WireListener) {
    this.sdk = new SdkClient(identity, { capabilities });
    // The SDK's own handlers of questions refuse what they could ignore.
    this.sdk.fallbackRequestHandler = (request, { signal }) => listener.request(request, signal);
    // Tokens of tasks live as long as their task; the SDK's end with the request.
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
  }

  /** What the server declared. */
  get server(): ServerCapabilities {
    return this.sdk.getServerCapabilities() ?? {};
  }

  get isOpen(): boolean {
    return this.sdk.transport !== undefined;
  }

  async open(transport: Transport): Promise<void> {
    // The SDK calls what it finds here first.
    const theirs = transport.onmessage?.bind(transport);
    transport.onmessage = (message, extra) => {
      ignoreTask(message);
      theirs?.(message, extra);
    };
    await this.sdk.connect(transport);
  }

  /** Ends the connection, and over HTTP the session. */
  async close(): Promise<void> {
    const { transport } = this.sdk;
    if (transport !== undefined && 'terminateSession' in transport) await bidFarewell(transport);
    await this.sdk.close();
  }

  /** Sends a request and waits for its answer; until `timeout` in milliseconds or the signal. */
  async request<T extends AnySchema>(
    method: string,
    params: Record<string, unknown>,
    schema: T,
    { timeout = hour, signal }: Pick<CallOptions, 'timeout' | 'signal'> = {},
  ): Promise<SchemaOutput<T>> {
    if (!this.isOpen) throw connectionClosed();
    signal?.throwIfAborted();
    // The SDK never takes its listener off the signal that it is given.
    const abortion = new AbortController();
    const abort = (): void => abortion.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const limits = { timeout: Math.min(timeout, longestTimer), signal: abortion.signal };
    try {
      return await this.sdk.request({ method, params }, schema, limits);
    } catch (error) {
      signal?.throwIfAborted(); // the SDK has an error of its own for that
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** What all pages of a list have. */
  async allPages<S extends AnySchema, T>(
    method: string,
    schema: S,
    itemsOf: (page: SchemaOutput<S>) => T[],
  ): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.pages(method, schema)) items.push(...itemsOf(page));
    return items;
  }

  /** The pages of a list, one by one. */
  async *pages<S extends AnySchema>(method: string, schema: S): AsyncGenerator<SchemaOutput<S>> {
    let cursor: string | undefined;
    do {
      const page = await this.request(method, cursor === undefined ? {} : { cursor }, schema);
      yield page;
      cursor = (page as { nextCursor?: string }).nextCursor;
    } while (cursor !== undefined);
  }

  get(taskId: string): Promise<Task> {
    return this.request('tasks/get', { taskId }, TaskSchema, { timeout: resultWait });
  }

  cancel(taskId: string): Promise<Task> {
    return this.request('tasks/cancel', { taskId }, TaskSchema);
  }

  async result(taskId: string): Promise<Result> {
    for (;;) {
      const askedAt = performance.now();
      try {
        return await this.request('tasks/result', { taskId }, ResultSchema, { timeout: resultWait });
      } catch (error) {
        // The request gave up waiting, the task goes on. A task may also have failed with this very code.
        const gaveUp = error instanceof McpError && error.code === (ErrorCode.RequestTimeout as number);
        if (!gaveUp || performance.now() - askedAt < resultWait - 100) throw error;
      }
    }
  }
}

/** A client that declares no tasks ignores a wish for one (2025-11-25, basic/utilities/tasks); the SDK would refuse it. */
function ignoreTask(message: object): void {
  if ('params' in message && typeof message.params === 'object' && message.params !== null && 'method' in message) {
    delete (message.params as Record<string, unknown>).task;
  }
}

/** A server that cannot be reached is left without a word. */
async function bidFarewell(transport: { terminateSession?: unknown }): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, farewell)));
  const said = (transport.terminateSession as () => Promise<void>)().catch(() => undefined);
  await Promise.race([said, tooLong]);
  clearTimeout(timer);
}
