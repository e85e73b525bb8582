import { randomUUID } from 'node:crypto';
import type { Result } from '@modelcontextprotocol/sdk/types.js';
import type { CallToolResult, GetPromptResult, ReadResourceResult, Task } from '../../protocol/types.js';
import type { CallProgress } from '../options.js';
import { isTerminal, TrackedTask } from './tracked-task.js';

/** An event of a running task, for `for await`. */
export type TaskEvent =
  | {
      /** The status changed. */
      readonly type: 'status';
      /** The task with its new status. */
      readonly task: Task;
    }
  | ({
      /** The task made progress. */
      readonly type: 'progress';
    } & CallProgress);

/** Parts of a handle. */
export interface HandleParts<R> {
  readonly tracked: TrackedTask;
  /** Parses the server's answer into the result of the request. */
  readonly parse: (answer: Result) => R;
  readonly returnedImmediately: boolean;
  readonly immediateResponse?: string;
}

/** Events kept for a slow reader before intermediate progress is dropped. A change of status never is. */
const longestQueue = 100;

/**
 * A request that runs as a task: follow it, wait for it, cancel it. A handle has no `then`, so `await client.callTool(…)`
 * returns the handle itself; `await handle.result()` returns the result.
 *
 * If the server does not run such requests as tasks, or answered at once, the handle holds the answer and sends no requests:
 * see {@link TaskHandle.returnedImmediately}.
 *
 * @example
 * ```ts
 * import { connect } from 'errand/client';
 *
 * const client = await connect('http://127.0.0.1:3000/mcp');
 * const task = await client.callTool('buildReport', { quarter: '2026-Q3' }, { task: true });
 * for await (const event of task) {
 *   if (event.type === 'status') console.log(event.task.status);
 *   else console.log(`${event.progress} of ${event.total ?? 'many'}`);
 * }
 * console.log(await task.result());
 * ```
 */
export class TaskHandle<R extends object = object> {
  /** The task's id, also usable by another client after a reconnect. `immediate-` and a UUID if the server created no task. */
  readonly taskId: string;
  /** Whether the server answered with the result instead of a task. */
  readonly returnedImmediately: boolean;
  /** Text that a host may give its model while the task runs, if the server sent one. */
  readonly immediateResponse: string | undefined;
  private readonly tracked: TrackedTask;
  private readonly parse: (answer: Result) => R;
  private kept: R | undefined;

  /** @internal */
  constructor({ tracked, parse, returnedImmediately, immediateResponse }: HandleParts<R>) {
    this.taskId = tracked.taskId;
    this.tracked = tracked;
    this.parse = parse;
    this.returnedImmediately = returnedImmediately;
    this.immediateResponse = immediateResponse;
  }

  /**
   * Returns the current state of the task. Sends no request if the task has ended, or if the server sent a status unprompted
   * within the last poll interval.
   *
   * @throws {ErrandError} `REQUEST_FAILED` (-32602) if the server does not know the task, or no longer does.
   */
  status(): Promise<Task> {
    return this.tracked.status();
  }

  /**
   * Waits until the task is in one of the given states, by default until it has ended. Also resolves if the task ends
   * without reaching one of them. Polls at the server's interval (default: one second) and reacts at once to what the server
   * sends unprompted.
   *
   * @param options - `state`: one or several; `timeout` in milliseconds (default: none)
   * @throws {ErrandError} `WAIT_TIMED_OUT` after `timeout`
   * @throws {ErrandError} `REQUEST_FAILED` if the server does not know the task, or no longer does; `CONNECTION_LOST` or
   * `CLIENT_CLOSED` if the connection ends.
   */
  wait(
    options: { readonly state?: Task['status'] | readonly Task['status'][]; readonly timeout?: number } = {},
  ): Promise<Task> {
    const wanted = new Set([options.state ?? []].flat());
    return this.tracked.until((task) => wanted.has(task.status) || isTerminal(task), options.timeout);
  }

  /**
   * Waits for the result: exactly the answer that the request itself would have received, including a tool's result with
   * `isError`. Later calls return the same object without a request, even after the connection is closed. While the server
   * cannot be reached, this tries for a minute.
   *
   * @throws {ErrandError} `REQUEST_FAILED` as the request itself would have failed: `data.code` is the code of JSON-RPC, and
   * `cause` has the message and data. `CONNECTION_LOST` if the connection fails; you may call this again.
   */
  async result(): Promise<R> {
    const answer = await this.tracked.result();
    return (this.kept ??= this.parse(answer));
  }

  /**
   * Cancels the task and returns its new state.
   *
   * @throws {ErrandError} `REQUEST_FAILED` (-32602) if the task had already ended.
   */
  cancel(): Promise<Task> {
    return this.tracked.cancel();
  }

  /**
   * Calls the listener on each change of status that the client learns of, from the server or while something waits for the
   * task. For a task that has already ended, calls it once. Errors of the listener go to the client's `onError`.
   *
   * @returns a function that removes the listener
   */
  onStatusChange(listener: (task: Task) => void | Promise<void>): () => void {
    return this.tracked.onStatusChange(listener);
  }

  /**
   * Iterates over the task's events, from its current status and progress to its final status. Polls the server as
   * {@link TaskHandle.wait} does.
   *
   * @throws {ErrandError} `REQUEST_FAILED` if the server does not know the task, or no longer does; `CONNECTION_LOST` or
   * `CLIENT_CLOSED` if the connection ends.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskEvent, void, undefined> {
    const queue: TaskEvent[] = [];
    let failure: { readonly error: unknown } | undefined;
    let lastStatus: Task['status'] | undefined;
    let wake = (): void => undefined;
    const push = (event: TaskEvent): void => {
      if (queue.length >= longestQueue && event.type === 'progress' && queue.at(-1)?.type === 'progress') queue.pop();
      queue.push(event);
      wake();
    };
    const status = (task: Task): void => {
      if (task.status === lastStatus) return;
      lastStatus = task.status;
      push({ type: 'status', task });
    };
    const stop = this.tracked.watch({
      status,
      progress: (progress) => push({ type: 'progress', ...progress }),
      failed: (error) => {
        failure = { error };
        wake();
      },
    });
    try {
      const { known, lastProgress } = this.tracked;
      if (known !== undefined && !isTerminal(known)) status(known);
      if (lastProgress !== undefined) push({ type: 'progress', ...lastProgress });
      if (known !== undefined) status(known);
      for (;;) {
        const event = queue.shift();
        if (event !== undefined) {
          yield event;
          if (event.type === 'status' && isTerminal(event.task)) return;
        } else if (failure !== undefined) {
          throw failure.error;
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      stop();
    }
  }
}

/** The result of a tool call. Its structured content is typed if the type of the tool is known. */
export type ToolCallResult<Structured = unknown> = unknown extends Structured
  ? CallToolResult
  : CallToolResult & {
      /** Structured content of the result. Absent if the tool failed. */
      readonly structuredContent?: Structured;
    };

/** A tool call that runs as a task. */
export class ToolTask<Structured = unknown> extends TaskHandle<ToolCallResult<Structured>> {}

/** A prompt rendered by a task. */
export class PromptTask extends TaskHandle<GetPromptResult> {}

/** A resource read by a task. */
export class ResourceTask extends TaskHandle<ReadResourceResult> {}

/** An ended task for a request that the server answered with its result, without creating a task. */
export function immediately(answer: Result, report: (error: unknown) => void): TrackedTask {
  const now = new Date().toISOString();
  const task: Task = {
    taskId: `immediate-${randomUUID()}`,
    status: answer.isError === true ? 'failed' : 'completed',
    ttl: null,
    createdAt: now,
    lastUpdatedAt: now,
  };
  const requests = {
    isOpen: false,
    get: () => Promise.resolve(task),
    result: () => Promise.resolve(answer),
    abandonResult: () => undefined,
    hasPrompt: () => false,
    taskEnded: () => undefined,
    cancel: () => Promise.resolve(task),
  };
  return new TrackedTask(task.taskId, requests, report, () => undefined).begin(task);
}
