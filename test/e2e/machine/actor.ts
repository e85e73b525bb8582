import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import {
  CreateTaskResultSchema,
  McpError,
  ResultSchema,
  type JSONRPCMessage,
  type Result,
  type Task,
} from '@modelcontextprotocol/sdk/types.js';
import type { ErrandServer } from '../../../src/server/create-server.js';

/** How a request ended for the client. */
export type Ended = { readonly result: Result } | { readonly error: { code: number; message: string; data?: unknown } };

/** What a client sends as the answer to a question. */
export type Reply = { readonly result: Result } | { readonly error: { code: number; message: string } };

/** A message with a method. */
type Told = JSONRPCMessage & { id?: string; method: string; params: Record<string, unknown> };

const legal: Record<Task['status'], readonly Task['status'][]> = {
  working: ['working', 'input_required', 'completed', 'failed', 'cancelled'],
  input_required: ['input_required', 'working', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

const relatedTaskKey = 'io.modelcontextprotocol/related-task';

/**
 * A stock client and the person in front of it, over one connection. Prompts stay open until the test answers them. What
 * no client should ever be sent is kept as a fault.
 */
export class Actor {
  /** Ids of the prompts that the person sees. */
  readonly prompts = new Set<string>();
  /** Ids of all that it ever saw. */
  readonly wasShown = new Set<string>();
  /** The last status that this client was told of each task that it follows; none when it began to follow it by its id. */
  readonly statuses = new Map<string, Task['status'] | undefined>();
  readonly faults: string[] = [];
  /** Whether its connection is closed. */
  closed = false;
  private readonly tokens = new Map<string | number, { taskId: string; progress: number }>();
  private readonly client = new Client({ name: 'actor', version: '1.0.0' }, { capabilities: { elicitation: {} } });

  private constructor(
    readonly name: string,
    readonly principal: string,
    private readonly transport: InMemoryTransport,
  ) {}

  static async connect(server: ErrandServer, name: string, principal: string): Promise<Actor> {
    const [near, far] = InMemoryTransport.createLinkedPair();
    const authInfo: AuthInfo = { token: 'secret', clientId: 'machine', scopes: [], extra: { sub: principal } };
    const send = near.send.bind(near);
    near.send = (message, options) => send(message, { ...options, authInfo });
    const actor = new Actor(name, principal, near);
    await server.connect(far);
    await actor.client.connect(near);
    const receive = near.onmessage!;
    near.onmessage = (message, extra) => {
      if ('method' in message && message.method !== 'ping') actor.told(message as Told);
      else receive(message, extra);
    };
    return actor;
  }

  /** Starts a task, and expects what it says from then on. With a token it says its progress too. */
  async submit(tool: string, args: Record<string, unknown>, ttl: number, token: string | undefined): Promise<Task> {
    const _meta = token === undefined ? {} : { progressToken: token };
    const request = { method: 'tools/call', params: { name: tool, arguments: args, task: { ttl }, _meta } };
    const { task } = await this.client.request(request, CreateTaskResultSchema);
    this.statuses.set(task.taskId, task.status);
    if (token !== undefined) this.tokens.set(token, { taskId: task.taskId, progress: -Infinity });
    return task;
  }

  /** Expects news of a task that another client made. */
  follow(taskId: string): void {
    if (!this.statuses.has(taskId)) this.statuses.set(taskId, undefined);
  }

  /** A request about a task, or any other, to its end. */
  async ended(method: string, params: Record<string, unknown> = {}, signal?: AbortSignal): Promise<Ended> {
    try {
      return { result: await this.client.request({ method, params }, ResultSchema, { ...(signal && { signal }) }) };
    } catch (error) {
      if (!(error instanceof McpError)) return { error: { code: 0, message: 'aborted' } };
      const { code, message, data } = error;
      const text = message.replace(`MCP error ${code}: `, '');
      return { error: { code, message: text, ...(data !== undefined && { data }) } };
    }
  }

  /** Answers a question, shown here or not. */
  answer(id: string, reply: Reply): void {
    this.prompts.delete(id);
    void this.transport.send({ jsonrpc: '2.0', id, ...reply });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client.close();
  }

  private told({ id, method, params }: Told): void {
    if (this.closed) this.faults.push(`${method} after the end of the connection`);
    switch (method) {
      case 'elicitation/create':
        return this.prompted(id!, params);
      case 'notifications/cancelled':
        if (!this.prompts.delete(String(params.requestId))) this.faults.push(`no prompt ${String(params.requestId)}`);
        return;
      case 'notifications/tasks/status':
        return this.toldStatus(params as unknown as Task);
      case 'notifications/progress':
        return this.toldProgress(params as unknown as { progressToken: string; progress: number });
      default:
        this.faults.push(`${method} was not expected`);
    }
  }

  private prompted(id: string, params: Record<string, unknown>): void {
    const { taskId } = (params._meta as Record<string, { taskId: string }>)[relatedTaskKey]!;
    if (!id.includes(taskId)) this.faults.push(`${id} is related to ${taskId}`);
    if (this.prompts.has(id)) this.faults.push(`${id} is shown twice`);
    this.prompts.add(id);
    this.wasShown.add(id);
  }

  private toldStatus({ taskId, status }: Task): void {
    const before = this.statuses.get(taskId);
    if (!this.statuses.has(taskId)) {
      this.faults.push(`news of ${taskId}, which this client does not follow`);
    } else if (before !== undefined && !legal[before].includes(status)) {
      this.faults.push(`${taskId} went from ${before} to ${status}`);
    }
    this.statuses.set(taskId, status);
  }

  private toldProgress({ progressToken, progress }: { progressToken: string; progress: number }): void {
    const known = this.tokens.get(progressToken);
    if (known === undefined) this.faults.push(`progress under the unknown token ${progressToken}`);
    else if (progress <= known.progress) this.faults.push(`progress went from ${known.progress} to ${progress}`);
    else if (legal[this.statuses.get(known.taskId)!].length === 0) this.faults.push('progress after the end');
    else known.progress = progress;
  }
}
