import { ErrorCode, McpError, type CallToolResult, type Task } from '@modelcontextprotocol/sdk/types.js';
import { ErrandError } from '../base/errors.js';

/** What a handle needs of its client. */
export interface TaskPort {
  get(taskId: string): Promise<Task>;
  result(taskId: string): Promise<CallToolResult>;
  cancel(taskId: string): Promise<Task>;
  /** Calls back at each status that the server pushes. Returns what ends that. */
  onStatus(taskId: string, listener: (task: Task) => void): () => void;
  /** The handle has its result: nothing more is needed for the task. */
  release(taskId: string): void;
}

/** Whether a task has ended, and so for ever. */
export function isTerminal({ status }: Task): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** A tool call that runs as a task: follow it, wait for it, cancel it. */
export class ToolTask {
  private resultPromise: Promise<CallToolResult> | undefined;

  /** @internal */
  constructor(
    /** The id that the server gave the task. */
    readonly taskId: string,
    private readonly port: TaskPort,
  ) {}

  /** The task as it stands now. */
  status(): Promise<Task> {
    return this.port.get(this.taskId);
  }

  /**
   * Waits until the task has ended and gives its result, also one with `isError`. What the server answered is kept: asking
   * again costs nothing. After a failure of the connection it can be asked again.
   *
   * @throws McpError with the code, message and data that the call itself would have failed with.
   */
  result(): Promise<CallToolResult> {
    this.resultPromise ??= this.fetchResult();
    return this.resultPromise;
  }

  /**
   * Waits until the task is in one of the given states, by default until it has ended.
   *
   * @param options - `timeout` in milliseconds (default: none)
   * @throws {ErrandError} `WAIT_TIMED_OUT`
   */
  async wait(
    options: { readonly state?: Task['status'] | readonly Task['status'][]; readonly timeout?: number } = {},
  ): Promise<Task> {
    const { state, timeout } = options;
    const wanted = new Set([state ?? []].flat());
    const isReached = (task: Task): boolean => wanted.has(task.status) || isTerminal(task);
    let wake = (): void => undefined;
    let pushed: Task | undefined;
    const stop = this.port.onStatus(this.taskId, (task) => {
      pushed = task;
      wake();
    });
    const deadline = timeout === undefined ? Infinity : Date.now() + timeout;
    try {
      for (;;) {
        const task = pushed ?? (await this.status());
        pushed = undefined;
        if (isReached(task)) return task;
        const left = deadline - Date.now();
        if (left <= 0) {
          throw new ErrandError('WAIT_TIMED_OUT', `Task '${this.taskId}' is still ${task.status} after ${timeout} ms.`);
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(task.pollInterval ?? 1_000, left));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          if (pushed !== undefined) wake();
        });
      }
    } finally {
      stop();
    }
  }

  /**
   * Cancels the task.
   *
   * @throws McpError `-32602` when it had ended already.
   */
  cancel(): Promise<Task> {
    return this.port.cancel(this.taskId);
  }

  private async fetchResult(): Promise<CallToolResult> {
    for (;;) {
      try {
        const result = await this.port.result(this.taskId);
        this.port.release(this.taskId);
        return result;
      } catch (error) {
        // The request gave up waiting, the task goes on.
        if (hasCode(error, ErrorCode.RequestTimeout)) continue;
        if (error instanceof McpError && !hasCode(error, ErrorCode.ConnectionClosed)) this.port.release(this.taskId);
        else this.resultPromise = undefined;
        throw error;
      }
    }
  }
}

const hasCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof McpError && error.code === (code as number);
