import { randomUUID } from 'node:crypto';
import type { Result } from '@modelcontextprotocol/sdk/types.js';
import type { CallToolResult, GetPromptResult, ReadResourceResult, Task } from '../protocol/types.js';
import type { CallProgress } from './options.js';
import { isTerminal, TrackedTask } from './tracked-task.js';

/** What a task tells while it runs, for `for await`. */
export type TaskEvent =
  | {
      /** The status changed. */
      readonly type: 'status';
      /** The task with its new status. */
      readonly task: Task;
    }
  | ({
      /** It came further. */
      readonly type: 'progress';
    } & CallProgress);

/** What a handle is made of. */
export interface HandleParts<R> {
  readonly tracked: TrackedTask;
  /** What the server answered, as the result of the request. */
  readonly parse: (answer: Result) => R;
  readonly returnedImmediately: boolean;
  readonly immediateResponse?: string;
}

/** How much an iteration keeps for a slow reader before it leaves out progress in between; never a status. */
const longestQueue = 100;

/**
 * A request that runs as a task: follow it, wait for it, cancel it. A handle has no `then`, so that `await
 * client.callTool(…)` gives the handle and not what it stands for: `await handle.result()`.
 *
 * Where the server makes no tasks of such requests, or answered at once, the handle holds the answer and asks the server
 * nothing: see {@link TaskHandle.returnedImmediately}.
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
  /** The id that the server gave the task; `immediate-` and a UUID where it made none. Another client may use it after a reconnect. */
  readonly taskId: string;
  /** Whether the server answered with the result instead of a task. */
  readonly returnedImmediately: boolean;
  /** What a host may give its model while the task runs, where the server says so. */
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
   * The task as it stands now. A status that the server sent unasked within the last poll interval counts as that; once
   * the task has ended, the server is not asked again.
   *
   * @throws McpError `-32602` when the server does not know the task (any more).
   */
  status(): Promise<Task> {
    return this.tracked.status();
  }

  /**
   * Waits until the task is in one of the given states, by default until it has ended. Resolves also when the task has
   * ended without coming there. The server is asked once per poll interval (as it says; without a word of it, each
   * second), and what it sends unasked is heard at once.
   *
   * @param options - `state`: one or several; `timeout` in milliseconds (default: as long as the task runs)
   * @throws {ErrandError} `WAIT_TIMED_OUT`
   * @throws McpError when the server does not know the task (any more), or the connection ends.
   */
  wait(
    options: { readonly state?: Task['status'] | readonly Task['status'][]; readonly timeout?: number } = {},
  ): Promise<Task> {
    const wanted = new Set([options.state ?? []].flat());
    return this.tracked.until((task) => wanted.has(task.status) || isTerminal(task), options.timeout);
  }

  /**
   * Waits until the task has ended and gives its result: exactly what the request itself would have been answered, also a
   * tool's result with `isError`. It is kept: asking again gives the same object and costs nothing, also after the
   * connection was closed. After a failure of the connection it can be asked for again.
   *
   * @throws McpError with the code, message and data that the request itself would have failed with.
   */
  async result(): Promise<R> {
    const answer = await this.tracked.result();
    return (this.kept ??= this.parse(answer));
  }

  /**
   * Cancels the task, and gives it as it is then.
   *
   * @throws McpError `-32602` when it had ended already.
   */
  cancel(): Promise<Task> {
    return this.tracked.cancel();
  }

  /**
   * Calls back at each change of the status that the client learns of, from the server or because somebody waits for the
   * task; for a task that has ended already, once with that. What the listener throws goes to the client's `onError`.
   *
   * @returns what ends it
   */
  onStatusChange(listener: (task: Task) => void | Promise<void>): () => void {
    return this.tracked.onStatusChange(listener);
  }

  /**
   * What the task tells, from its status and progress now to the status in which it ends; asks the server as
   * {@link TaskHandle.wait} does.
   *
   * @throws McpError when the server does not know the task (any more), or the connection ends.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<TaskEvent, void, undefined> {
    const queue: TaskEvent[] = [];
    let failure: { readonly error: unknown } | undefined;
    let told: Task['status'] | undefined;
    let wake = (): void => undefined;
    const push = (event: TaskEvent): void => {
      if (queue.length >= longestQueue && event.type === 'progress' && queue.at(-1)?.type === 'progress') queue.pop();
      queue.push(event);
      wake();
    };
    const status = (task: Task): void => {
      if (task.status === told) return;
      told = task.status;
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

/** What a tool answered, its structured content typed where that is known. */
export type ToolCallResult<Structured = unknown> = unknown extends Structured
  ? CallToolResult
  : CallToolResult & {
      /** What the tool gave; absent when it failed. */
      readonly structuredContent?: Structured;
    };

/** A tool call that runs as a task. */
export class ToolTask<Structured = unknown> extends TaskHandle<ToolCallResult<Structured>> {}

/** A prompt that is made by a task. */
export class PromptTask extends TaskHandle<GetPromptResult> {}

/** A resource that is read by a task. */
export class ResourceTask extends TaskHandle<ReadResourceResult> {}

/** What a handle is made of where the server answered with the result: a task that has ended, and nobody to ask. */
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
    hasEnded: () => undefined,
    cancel: () => Promise.resolve(task),
  };
  return new TrackedTask(task.taskId, requests, report, () => undefined).begin(task);
}
