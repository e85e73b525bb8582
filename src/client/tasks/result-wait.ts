import type { Result } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Task } from '../../protocol/types.js';
import { isUnknownTask } from '../connection/client-errors.js';
import { isTerminal } from './tracked-task.js';

/** Pause between two checks of the task's status, in milliseconds. */
const statusCheckPause = 60_000;
/** How long the result of an ended task may take to arrive before it is requested again, in milliseconds. */
const resultGrace = 3_000;
/** Pause before the next request after a broken stream or a failed request, in milliseconds. */
const retryPause = 1_000;
/** How long the server may be unreachable, in milliseconds. */
const patience = 60_000;
/** Requests open at once for one result: the earlier one may still be answered. */
const maxOpenRequests = 2;

/** The requests that a wait needs. */
export interface ResultRequests {
  /** Whether the connection is open. */
  readonly isOpen: boolean;
  /** Sends `tasks/result`, without a timeout. */
  requestResult(taskId: string, signal: AbortSignal): Promise<Result>;
  get(taskId: string): Promise<Task>;
  /** Whether a question of the task is open at this client. */
  hasPrompt(taskId: string): boolean;
}

/**
 * Waits for the answer to `tasks/result` as long as the task lives, since a person may take any time to answer. Its stream
 * may break unnoticed, so the client also checks the status from time to time and repeats the request when needed.
 */
export class ResultWait {
  readonly outcome: Promise<Result>;
  private resolve!: (result: Result) => void;
  private reject!: (error: unknown) => void;
  private readonly open = new Set<AbortController>();
  private stopCheck: (() => void) | undefined;
  private stopRetry: (() => void) | undefined;
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
    void this.request(true);
    this.checkLater();
  }

  /** Handles a broken stream, which may be the one that would carry the result. */
  streamBroke(): void {
    this.requestIn(retryPause);
  }

  /** The session is a new one, in which nobody waits yet. */
  sessionRenewed(): void {
    this.requestIn(0);
  }

  /** Nobody waits any more. A question that has arrived stays open. */
  abandon(): void {
    this.end(() =>
      this.reject(new ErrandError('CALL_CANCELLED', `Nobody waits for the task '${this.taskId}' any more.`)),
    );
  }

  /** Expects the result soon, because the task has ended. */
  taskEnded(): void {
    this.requestIn(resultGrace);
  }

  private async request(isFirst = false): Promise<void> {
    const request = new AbortController();
    this.open.add(request);
    const [oldest] = this.open;
    if (this.open.size > maxOpenRequests) this.cancel(oldest);
    try {
      const result = await this.requests.requestResult(this.taskId, request.signal);
      this.open.delete(request);
      this.end(() => this.resolve(result));
    } catch (error) {
      if (!this.open.delete(request)) return;
      // A task may outlast the longest timer.
      const tooLong = ErrandError.is(error, 'WAIT_TIMED_OUT');
      if (!tooLong && ((isFirst && !hasArrived(error)) || this.isFinal(error))) this.end(() => this.reject(error));
      else this.requestIn(retryPause);
    }
  }

  /** An answer of the server is final. Failing to reach it is final only after a while. */
  private isFinal(error: unknown): boolean {
    this.failingSince ??= this.clock.now();
    const mayPass = ErrandError.is(error, 'CONNECTION_LOST') && this.requests.isOpen;
    return !mayPass || this.clock.now() - this.failingSince > patience;
  }

  private requestIn(pause: number): void {
    if (this.isOver) return;
    this.stopRetry ??= this.clock.schedule(pause, () => {
      this.stopRetry = undefined;
      void this.request();
    });
  }

  private checkLater(): void {
    this.stopCheck = this.clock.schedule(statusCheckPause, () => void this.checkStatus());
  }

  private async checkStatus(): Promise<void> {
    try {
      const task = await this.requests.get(this.taskId);
      this.failingSince = undefined;
      if (isTerminal(task)) this.taskEnded();
      // The question may have been lost with its stream.
      else if (task.status === 'input_required' && !this.requests.hasPrompt(this.taskId)) this.requestIn(0);
    } catch (error) {
      if (isUnknownTask(error)) this.taskEnded();
    }
    if (!this.isOver) this.checkLater();
  }

  private end(settle: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stopCheck?.();
    this.stopRetry?.();
    for (const request of this.open) this.cancel(request);
    settle();
  }

  private cancel(request: AbortController | undefined): void {
    if (request === undefined) return;
    this.open.delete(request);
    request.abort('The result was requested again');
  }
}

/** Whether the request had reached the server before the connection broke. */
const hasArrived = (error: unknown): boolean => ErrandError.is(error, 'CONNECTION_LOST') && error.cause === undefined;
