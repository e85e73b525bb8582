/* eslint-disable @typescript-eslint/no-deprecated -- McpServer would decide what only the test shall decide */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  McpError,
  ResultSchema,
  type JSONRPCRequest,
  type Result,
  type ServerCapabilities,
  type Task,
} from '@modelcontextprotocol/sdk/types.js';

/** What a foreign server can be made to answer to a method. */
export type Answer = (params: Record<string, unknown>) => object | Promise<object>;

/** Everything that a server of tasks may declare. */
export const allTasks: ServerCapabilities = {
  tools: {},
  prompts: {},
  resources: {},
  logging: {},
  tasks: {
    list: {},
    cancel: {},
    requests: { tools: { call: {} }, prompts: { get: {} }, resources: { read: {} } },
  },
};

/**
 * A server of tasks on the SDK's low-level one that does what a test says and nothing else: it moves tasks when told to,
 * and tells its client only when told to.
 */
export class ForeignServer {
  /** What it was asked, with the time of it. */
  readonly asked: (Pick<JSONRPCRequest, 'method' | 'params'> & { readonly at: number })[] = [];
  readonly tasks = new Map<string, Task>();
  readonly sdk: Server;
  /** What `tasks/result` answers, once the task has ended. */
  readonly results = new Map<string, Result | McpError>();
  private readonly waiting = new Set<() => void>();
  private readonly answers: Record<string, Answer>;

  constructor(
    answers: Record<string, Answer> = {},
    capabilities: ServerCapabilities = allTasks,
    private readonly pollInterval = 20,
  ) {
    this.sdk = new Server({ name: 'foreign', version: '1.0.0' }, { capabilities });
    const make: Answer = () => ({ task: this.make() });
    this.answers = {
      'tools/call': make,
      'prompts/get': make,
      'resources/read': make,
      'tasks/get': ({ taskId }) => this.task(taskId),
      'tasks/cancel': ({ taskId }) => this.move(taskId as string, { status: 'cancelled' }),
      'tasks/result': ({ taskId }) => this.result(taskId as string),
      'tasks/list': () => ({ tasks: [...this.tasks.values()] }),
      ...answers,
    };
    this.sdk.fallbackRequestHandler = async ({ method, params = {} }) => {
      const answer = this.answers[method];
      // A client may look a tool up before it calls it.
      if (answer !== undefined || method !== 'tools/list') this.asked.push({ method, params, at: performance.now() });
      if (answer === undefined) throw new McpError(-32601, `Method not found: ${method}`);
      return await answer(params);
    };
  }

  connect(transport: Transport): Promise<void> {
    return this.sdk.connect(transport);
  }

  /** How often it was asked that. */
  count(method: string): number {
    return this.asked.filter((each) => each.method === method).length;
  }

  /** A new task. */
  make(taskId = `t${this.tasks.size + 1}`): Task {
    const now = new Date().toISOString();
    const { pollInterval } = this;
    const task: Task = { taskId, status: 'working', ttl: null, createdAt: now, lastUpdatedAt: now, pollInterval };
    this.tasks.set(taskId, task);
    return task;
  }

  /** Changes a task without a word. */
  move(taskId: string, change: Partial<Task>): Task {
    const task = { ...this.task(taskId), lastUpdatedAt: new Date().toISOString(), ...change };
    this.tasks.set(taskId, task);
    return task;
  }

  /** Tells the client a status, by default the one that the task has. */
  async tell(taskId: string, status: Partial<Task> = {}): Promise<void> {
    await this.sdk.notification({
      method: 'notifications/tasks/status',
      params: { ...this.task(taskId), ...status },
    });
  }

  /** Ends a task without a word. */
  end(taskId: string, result: Result | McpError = { content: [{ type: 'text', text: `${taskId} is done` }] }): void {
    this.results.set(taskId, result);
    this.move(taskId, { status: result instanceof McpError || result.isError === true ? 'failed' : 'completed' });
    for (const wake of this.waiting) wake();
  }

  /** Asks the client something. */
  ask(method: string, params: Record<string, unknown> = {}): Promise<Result> {
    return this.sdk.request({ method, params }, ResultSchema);
  }

  private task(taskId: unknown): Task {
    const task = this.tasks.get(taskId as string);
    if (task === undefined) throw new McpError(-32602, `No task '${String(taskId)}'`);
    return task;
  }

  private async result(taskId: string): Promise<Result> {
    this.task(taskId);
    for (;;) {
      const result = this.results.get(taskId);
      if (result instanceof McpError) throw result;
      if (result !== undefined) return result;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }
}
