import { ErrorCode, McpError, type Result } from '@modelcontextprotocol/sdk/types.js';
import { longestTimer, type Clock } from '../base/clock.js';
import type { Task } from '../protocol/types.js';
import { isRefusal } from './prompt-transport.js';
import { isTerminal, isUnknownTask } from './tracked-task.js';

/** How often a client looks whether a task has ended whose result it waits for, in milliseconds. */
const lookPause = 60_000;
/** How long the result of a task that has ended may be on its way, in milliseconds. */
const resultGrace = 3_000;
/** How long after a stream broke or a request failed the result is asked for again, in milliseconds. */
const repeatPause = 1_000;
/** For how long a server may be out of reach, in milliseconds. */
const patience = 60_000;
/** How many requests for one result are open at once; the earlier one may still be answered. */
const mostAtOnce = 2;

/** What a wait asks of its connection. */
export interface ResultRequests {
  /** Sends `tasks/result`; without a timeout. */
  askResult(taskId: string, signal: AbortSignal): Promise<Result>;
  get(taskId: string): Promise<Task>;
  /** Whether a question of the task is open at this client. */
  shows(taskId: string): boolean;
}

/**
 * Waits for what `tasks/result` answers as long as the task lives, for a person may take any time. The stream of the answer
 * may be gone without a word, so the client looks beside it now and then, and asks again where that is so.
 */
export class ResultWait {
  readonly outcome: Promise<Result>;
  private resolve!: (result: Result) => void;
  private reject!: (error: unknown) => void;
  private readonly open = new Set<AbortController>();
  private stopLook: (() => void) | undefined;
  private stopRepeat: (() => void) | undefined;
  private failingSince: number | undefined;
  private isOver = false;

  constructor(
    private readonly taskId: string,
    private readonly requests: ResultRequests,
    private readonly clock: Clock,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    void this.ask(true);
    this.lookLater();
  }

  /** A stream of the connection broke, perhaps the one on which the result would come. */
  streamBroke(): void {
    this.repeatIn(repeatPause);
  }

  /** The task is known to have ended, so the result is due. */
  ended(): void {
    this.repeatIn(resultGrace);
  }

  private async ask(isFirst = false): Promise<void> {
    const request = new AbortController();
    this.open.add(request);
    const [oldest] = this.open;
    if (this.open.size > mostAtOnce) this.cancel(oldest);
    const askedAt = this.clock.now();
    try {
      const result = await this.requests.askResult(this.taskId, request.signal);
      this.open.delete(request);
      this.end(() => this.resolve(result));
    } catch (error) {
      if (!this.open.delete(request)) return;
      // No timer is longer, which a task may be. It may also have failed with this very code.
      const tooLong = isTimeout(error) && this.clock.now() - askedAt > longestTimer / 2;
      if (!tooLong && (isFirst || this.isLast(error))) this.end(() => this.reject(error));
      else this.repeatIn(repeatPause);
    }
  }

  /** What the server said is final; that it cannot be reached is after a while. */
  private isLast(error: unknown): boolean {
    this.failingSince ??= this.clock.now();
    return error instanceof McpError || isRefusal(error) || this.clock.now() - this.failingSince > patience;
  }

  private repeatIn(pause: number): void {
    if (this.isOver) return;
    this.stopRepeat ??= this.clock.schedule(pause, () => {
      this.stopRepeat = undefined;
      void this.ask();
    });
  }

  private lookLater(): void {
    this.stopLook = this.clock.schedule(lookPause, () => void this.look());
  }

  private async look(): Promise<void> {
    try {
      const task = await this.requests.get(this.taskId);
      this.failingSince = undefined;
      if (isTerminal(task)) this.ended();
      // Its question may have been sent on a stream that is gone.
      else if (task.status === 'input_required' && !this.requests.shows(this.taskId)) this.repeatIn(0);
    } catch (error) {
      if (isUnknownTask(error)) this.ended();
    }
    if (!this.isOver) this.lookLater();
  }

  private end(give: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopLook?.();
    this.stopRepeat?.();
    for (const request of this.open) this.cancel(request);
    give();
  }

  private cancel(request: AbortController | undefined): void {
    if (request === undefined) return;
    this.open.delete(request);
    request.abort(new McpError(ErrorCode.RequestTimeout, 'The result was asked for again'));
  }
}

const isTimeout = (error: unknown): boolean =>
  error instanceof McpError && error.code === (ErrorCode.RequestTimeout as number);
