import type { Result } from '@modelcontextprotocol/sdk/types.js';
import { longestTimer } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Task } from '../../protocol/types.js';
import { isAnswer, isUnknownTask } from '../connection/client-errors.js';
import type { CallProgress, TaskHandlers } from '../options.js';
import { callSafely } from '../progress.js';
import type { ElicitHandler } from '../questions.js';

/** The requests about a task that a client sends. */
export interface TaskRequests {
  /** Whether the connection is open. */
  readonly isOpen: boolean;
  get(taskId: string): Promise<Task>;
  /** Waits for the task to end, however long that takes. */
  result(taskId: string): Promise<Result>;
  /** Ends the wait for the result, for which nobody waits any more. */
  abandonResult(taskId: string): void;
  /** Whether a question of the task is open at this client. */
  hasPrompt(taskId: string): boolean;
  /** Reports that a task has ended, so that its result is due. */
  taskEnded(taskId: string): void;
  cancel(taskId: string): Promise<Task>;
}

/** Waits for news of a task. As long as a task has a watcher, its status is polled while the server sends nothing. */
export interface Watcher {
  status(task: Task): void;
  progress?(progress: CallProgress): void;
  /** The server cannot be reached, so there will be no more news. */
  failed(error: unknown): void;
}

/** Pause between two polls if the server names none, in milliseconds. */
const defaultInterval = 1_000;
/** Shortest pause between two polls, even if the server asks for less, in milliseconds. */
const minInterval = 10;
/**
 * How long a client that waits for nothing leaves the questions of a task to others, in milliseconds. A server may send
 * them only to a client that waits for the result.
 */
const idlePause = 5_000;

/** Whether a task has ended. A terminal status never changes. */
export function isTerminal({ status }: Task): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** A client's view of one task, shared by all handles of the task. */
export class TrackedTask {
  /** Asks the user on behalf of this task. */
  onElicit: ElicitHandler | undefined;
  /** Identifies progress that does not name the task. */
  token: string | undefined;
  /** The latest progress. */
  lastProgress: CallProgress | undefined;
  private readonly watchers = new Set<Watcher>();
  private readonly statusListeners = new Set<(task: Task) => unknown>();
  private readonly progressListeners = new Set<(progress: CallProgress) => unknown>();
  private latest: Task | undefined;
  /** When the server last sent the status, and when it last did so unprompted. */
  private heardAt = -Infinity;
  private pushedAt = -Infinity;
  private polling = false;
  private timer: NodeJS.Timeout | undefined;
  private outcome: Promise<Result> | undefined;
  /** Whether the result was asked for, rather than only the questions that come with the wait for it. */
  private isResultWanted = false;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly taskId: string,
    private readonly requests: TaskRequests,
    private readonly report: (error: unknown) => void,
    /** Called when the task will neither ask nor report anything more. */
    private readonly onEnd: (task: TrackedTask) => void,
  ) {}

  /** The last known status, however old. */
  get known(): Task | undefined {
    return this.latest;
  }

  /** Takes over the answer that created the task. It may be outdated: later messages may have arrived first. */
  begin(task: Task, token?: string, progress?: CallProgress): this {
    this.latest ??= task;
    this.lastProgress ??= progress;
    this.token = token;
    return this;
  }

  /** Adds handlers for the task's questions and progress. */
  addHandlers({ onElicit, onProgress }: TaskHandlers): this {
    this.onElicit = onElicit ?? this.onElicit;
    if (onProgress !== undefined) this.progressListeners.add(onProgress);
    return this;
  }

  /** Handles a status that was sent unprompted, or in answer to a request sent at `askedAt`. */
  receiveStatus(task: Task, askedAt?: number): void {
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
      this.release();
      this.requests.taskEnded(this.taskId);
    } else if (task.status === 'input_required') {
      this.fetchQuestion();
    }
    this.schedule();
  }

  /** Handles progress of the task. */
  receiveProgress(progress: CallProgress): void {
    if (this.hasEnded) return;
    this.lastProgress = progress;
    for (const listener of [...this.progressListeners]) callSafely(this.report, () => listener(progress));
    for (const watcher of [...this.watchers]) watcher.progress?.(progress);
  }

  /** Returns the terminal status or one that the server has just sent; otherwise asks for it. */
  async status(): Promise<Task> {
    const { latest } = this;
    if (latest === undefined) return this.ask();
    const isFresh = performance.now() - this.pushedAt < intervalOf(latest);
    return isTerminal(latest) || isFresh ? latest : this.ask();
  }

  /** Waits until `isReached`, which must hold for every terminal status. */
  until(isReached: (task: Task) => boolean, timeout = Infinity): Promise<Task> {
    const { latest } = this;
    if (latest !== undefined && isReached(latest) && (isTerminal(latest) || this.nextPoll() > 0)) {
      return Promise.resolve(latest);
    }
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(deadline);
        stop();
        finish();
      };
      const stop = this.watch({
        status: (task) => isReached(task) && settle(() => resolve(task)),
        failed: (error) => settle(() => reject(error)),
      });
      const giveUp = (): void => settle(() => reject(this.timedOut(timeout)));
      const deadline = timeout === Infinity ? undefined : setTimeout(giveUp, Math.min(timeout, longestTimer));
    });
  }

  /** Passes news to the watcher until the returned function is called. Polls while the server sends nothing. */
  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    if (this.latest?.status === 'input_required') this.fetchQuestion();
    this.schedule();
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size > 0) return;
      clearTimeout(this.timer);
      this.leaveQuestions();
    };
  }

  /** Calls the listener on each change of status, or once for an ended task. Returns a function that removes it. */
  onStatusChange(listener: (task: Task) => unknown): () => void {
    const registration = (task: Task): unknown => this.statusListeners.has(registration) && listener(task);
    this.statusListeners.add(registration);
    const { latest } = this;
    if (latest !== undefined && isTerminal(latest)) {
      queueMicrotask(() => callSafely(this.report, () => registration(latest)));
    }
    return () => this.statusListeners.delete(registration);
  }

  /** Returns the answer to `tasks/result`. Results and protocol errors are kept; a failure of the connection is not. */
  result(): Promise<Result> {
    this.isResultWanted = true;
    return this.sharedResult();
  }

  async cancel(): Promise<Task> {
    const askedAt = performance.now();
    const task = await this.requests.cancel(this.taskId);
    this.receiveStatus(task, askedAt);
    return this.latest ?? task;
  }

  /** A new session may have missed news, and gets none of this task on its own. */
  sessionRenewed(isAsked: boolean): void {
    if (this.hasEnded) return;
    this.heardAt = this.pushedAt = -Infinity;
    if (isAsked) this.sharedResult().catch(() => undefined);
    this.schedule();
  }

  /** Fails all watchers, because the connection is gone or the server cannot be reached. */
  fail(error: unknown): void {
    const watchers = [...this.watchers];
    this.watchers.clear();
    clearTimeout(this.timer);
    for (const watcher of watchers) watcher.failed(error);
  }

  /** Waits where the task's questions arrive: at once if somebody waits for the task, else if they come no other way. */
  private fetchQuestion(): void {
    const wait = (): void => void this.sharedResult().catch(() => undefined);
    if (this.watchers.size > 0) return wait();
    this.idleTimer ??= setTimeout(() => {
      this.idleTimer = undefined;
      if (this.latest?.status === 'input_required' && !this.requests.hasPrompt(this.taskId)) wait();
    }, idlePause).unref();
  }

  /** Nobody waits for the task any more, so its questions may go to another client that waits. */
  private leaveQuestions(): void {
    if (this.isResultWanted || this.hasEnded || this.outcome === undefined) return;
    this.outcome = undefined;
    this.requests.abandonResult(this.taskId);
  }

  private sharedResult(): Promise<Result> {
    if (this.outcome !== undefined) return this.outcome;
    const outcome = this.fetchResult();
    this.outcome = outcome;
    outcome.catch((error: unknown) => {
      if (!isAnswer(error) && this.outcome === outcome) this.outcome = undefined;
    });
    return outcome;
  }

  private async fetchResult(): Promise<Result> {
    try {
      const result = await this.requests.result(this.taskId);
      this.release();
      return result;
    } catch (error) {
      if (isAnswer(error)) this.release();
      throw error;
    }
  }

  private async ask(): Promise<Task> {
    const askedAt = performance.now();
    try {
      const task = await this.requests.get(this.taskId);
      this.receiveStatus(task, askedAt);
      return this.latest ?? task;
    } catch (error) {
      if (isUnknownTask(error)) this.release();
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

  /** Milliseconds until the next poll; 0 if the connection is closed, so that the poll fails at once. */
  private nextPoll(): number {
    if (!this.requests.isOpen) return 0;
    return this.heardAt + intervalOf(this.latest) - performance.now();
  }

  /** A late message may be older than the known status. An answer that nothing overtook never is, whatever clocks say. */
  private isOutdated(task: Task, known: Task, askedAt: number | undefined): boolean {
    const mayBeLate = askedAt === undefined || askedAt < this.heardAt;
    return mayBeLate && !isTerminal(task) && Date.parse(task.lastUpdatedAt) < Date.parse(known.lastUpdatedAt);
  }

  private release(): void {
    clearTimeout(this.idleTimer);
    this.onElicit = undefined;
    this.progressListeners.clear();
    this.onEnd(this);
  }

  private timedOut(timeout: number): ErrandError {
    const status = this.latest === undefined ? 'not known to have ended' : this.latest.status;
    return new ErrandError('WAIT_TIMED_OUT', `Task '${this.taskId}' is still ${status} after ${timeout} ms.`);
  }
}

const intervalOf = (task: Task | undefined): number => Math.max(task?.pollInterval ?? defaultInterval, minInterval);
