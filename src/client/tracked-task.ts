import { ErrorCode, McpError, type Result } from '@modelcontextprotocol/sdk/types.js';
import { longestTimer } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';
import type { Task } from '../protocol/types.js';
import type { CallProgress, TaskHandlers } from './options.js';
import { callSafely } from './progress.js';
import type { ElicitHandler } from './questions.js';

/** What is asked of a server about its tasks. */
export interface TaskRequests {
  /** Whether there is a connection to ask over. */
  readonly isOpen: boolean;
  get(taskId: string): Promise<Task>;
  /** Waits for the end, however long that takes. */
  result(taskId: string): Promise<Result>;
  /** A task is known to have ended: whoever waits for its result is to get it soon. */
  hasEnded(taskId: string): void;
  cancel(taskId: string): Promise<Task>;
}

/** Somebody who waits for news, so that the server is asked for them while it does not send any. */
export interface Watcher {
  status(task: Task): void;
  progress?(progress: CallProgress): void;
  /** The server cannot be asked; there will be no more news. */
  failed(error: unknown): void;
}

/** Between two polls when the server does not say, in milliseconds. */
const defaultInterval = 1_000;
/** A server that wishes to be polled without any pause is not, in milliseconds. */
const leastInterval = 10;

/** Whether a task has ended, and so for ever. */
export function isTerminal({ status }: Task): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** What a client knows of one task; the handles of the task share it. */
export class TrackedTask {
  /** Asks the user of this task. */
  onElicit: ElicitHandler | undefined;
  /** Under which progress comes that does not name the task. */
  token: string | undefined;
  /** The last progress that came. */
  lastProgress: CallProgress | undefined;
  private readonly watchers = new Set<Watcher>();
  private readonly statusListeners = new Set<(task: Task) => unknown>();
  private readonly progressListeners = new Set<(progress: CallProgress) => unknown>();
  private latest: Task | undefined;
  /** When the server last told the status, and when it did so unasked. */
  private heardAt = -Infinity;
  private pushedAt = -Infinity;
  private polling = false;
  private timer: NodeJS.Timeout | undefined;
  private outcome: Promise<Result> | undefined;

  constructor(
    readonly taskId: string,
    private readonly requests: TaskRequests,
    private readonly report: (error: unknown) => void,
    /** Told when nothing more is asked or told of the task. */
    private readonly onOver: (task: TrackedTask) => void,
  ) {}

  /** The last status that is known, however old. */
  get known(): Task | undefined {
    return this.latest;
  }

  /** The task is known by the answer that made it, which says how it began and not how it is; progress may have overtaken it. */
  begin(task: Task, token?: string, progress?: CallProgress): this {
    this.latest ??= task;
    this.lastProgress ??= progress;
    this.token = token;
    return this;
  }

  /** Handlers for what the task asks and tells. */
  handle({ onElicit, onProgress }: TaskHandlers): this {
    this.onElicit = onElicit ?? this.onElicit;
    if (onProgress !== undefined) this.progressListeners.add(onProgress);
    return this;
  }

  /** A status came: unasked, or as the answer to a request that was sent at `askedAt`. */
  heard(task: Task, askedAt?: number): void {
    const before = this.latest;
    if (before !== undefined && (isTerminal(before) || this.isOutdated(task, before, askedAt))) return;
    this.latest = task;
    this.heardAt = performance.now();
    if (askedAt === undefined) this.pushedAt = this.heardAt;
    for (const watcher of [...this.watchers]) watcher.status(task);
    if (task.status !== before?.status) {
      for (const listener of [...this.statusListeners]) callSafely(this.report, () => listener(task));
    }
    if (isTerminal(task)) {
      this.over();
      this.requests.hasEnded(this.taskId);
    } else if (task.status === 'input_required') {
      // A server may send its questions to nobody but who waits for the result.
      this.result().catch(() => undefined);
    }
    this.schedule();
  }

  /** Progress came. */
  progressed(progress: CallProgress): void {
    if (this.hasEnded) return;
    this.lastProgress = progress;
    for (const listener of [...this.progressListeners]) callSafely(this.report, () => listener(progress));
    for (const watcher of [...this.watchers]) watcher.progress?.(progress);
  }

  /** The status: the last one for ever, one that the server just sent, else a fresh one. */
  async status(): Promise<Task> {
    const { latest } = this;
    if (latest === undefined) return this.ask();
    const isFresh = performance.now() - this.pushedAt < intervalOf(latest);
    return isTerminal(latest) || isFresh ? latest : this.ask();
  }

  /** Waits until `isReached`, which has to be so for every status in which a task has ended. */
  until(isReached: (task: Task) => boolean, timeout = Infinity): Promise<Task> {
    const { latest } = this;
    if (latest !== undefined && isReached(latest) && (isTerminal(latest) || this.nextPoll() > 0)) {
      return Promise.resolve(latest);
    }
    return new Promise((resolve, reject) => {
      const settle = (give: () => void): void => {
        clearTimeout(deadline);
        stop();
        give();
      };
      const stop = this.watch({
        status: (task) => isReached(task) && settle(() => resolve(task)),
        failed: (error) => settle(() => reject(error)),
      });
      const giveUp = (): void => settle(() => reject(this.timedOut(timeout)));
      const deadline = timeout === Infinity ? undefined : setTimeout(giveUp, Math.min(timeout, longestTimer));
    });
  }

  /** Brings news until the returned function is called: what the server sends, and while it sends nothing what it is asked for. */
  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    this.schedule();
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size === 0) clearTimeout(this.timer);
    };
  }

  /** Calls back at each change of the status, and for a task that has ended once with that. Returns what ends it. */
  onStatusChange(listener: (task: Task) => unknown): () => void {
    const entry = (task: Task): unknown => this.statusListeners.has(entry) && listener(task);
    this.statusListeners.add(entry);
    const { latest } = this;
    if (latest !== undefined && isTerminal(latest)) {
      queueMicrotask(() => callSafely(this.report, () => entry(latest)));
    }
    return () => this.statusListeners.delete(entry);
  }

  /** What `tasks/result` answers. An answer is kept, an error of the protocol too; a failure of the connection is not. */
  result(): Promise<Result> {
    this.outcome ??= this.fetchResult();
    return this.outcome;
  }

  async cancel(): Promise<Task> {
    const askedAt = performance.now();
    const task = await this.requests.cancel(this.taskId);
    this.heard(task, askedAt);
    return this.latest ?? task;
  }

  /** There will be no more news: the connection is gone, or the server cannot be asked. */
  fail(error: unknown): void {
    const watchers = [...this.watchers];
    this.watchers.clear();
    clearTimeout(this.timer);
    for (const watcher of watchers) watcher.failed(error);
  }

  private async fetchResult(): Promise<Result> {
    try {
      const result = await this.requests.result(this.taskId);
      this.over();
      return result;
    } catch (error) {
      if (isAnswer(error)) this.over();
      else this.outcome = undefined;
      throw error;
    }
  }

  private async ask(): Promise<Task> {
    const askedAt = performance.now();
    try {
      const task = await this.requests.get(this.taskId);
      this.heard(task, askedAt);
      return this.latest ?? task;
    } catch (error) {
      if (isUnknownTask(error)) this.over();
      throw error;
    }
  }

  private get hasEnded(): boolean {
    return this.latest !== undefined && isTerminal(this.latest);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.polling || this.watchers.size === 0 || this.hasEnded) return;
    this.timer = setTimeout(() => void this.poll(), Math.min(Math.max(this.nextPoll(), 0), longestTimer));
  }

  private async poll(): Promise<void> {
    this.polling = true;
    try {
      await this.ask();
    } catch (error) {
      this.fail(error);
    } finally {
      this.polling = false;
    }
    this.schedule();
  }

  /** In how many milliseconds the server may be asked again; what cannot be asked says so at once. */
  private nextPoll(): number {
    if (!this.requests.isOpen) return 0;
    return this.heardAt + intervalOf(this.latest) - performance.now();
  }

  /** What arrives late may be older than what is known. The answer to a request that nothing overtook never is, whatever clocks say. */
  private isOutdated(task: Task, known: Task, askedAt: number | undefined): boolean {
    const mayBeLate = askedAt === undefined || askedAt < this.heardAt;
    return mayBeLate && !isTerminal(task) && Date.parse(task.lastUpdatedAt) < Date.parse(known.lastUpdatedAt);
  }

  private over(): void {
    this.onElicit = undefined;
    this.progressListeners.clear();
    this.onOver(this);
  }

  private timedOut(timeout: number): ErrandError {
    const status = this.latest === undefined ? 'not known to have ended' : this.latest.status;
    return new ErrandError('WAIT_TIMED_OUT', `Task '${this.taskId}' is still ${status} after ${timeout} ms.`);
  }
}

const intervalOf = (task: Task | undefined): number => Math.max(task?.pollInterval ?? defaultInterval, leastInterval);

/** The error with which everything ends when the connection does. */
export const connectionClosed = (): McpError => new McpError(ErrorCode.ConnectionClosed, 'Connection closed');

/** Whether the server said so itself, and would say so again. */
function isAnswer(error: unknown): error is McpError {
  return error instanceof McpError && error.message !== connectionClosed().message;
}

/** Whether the server does not know the task (any more). */
export function isUnknownTask(error: unknown): boolean {
  return isAnswer(error) && error.code === (ErrorCode.InvalidParams as number);
}
