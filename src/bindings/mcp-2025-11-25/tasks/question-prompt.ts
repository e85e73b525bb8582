import type { Clock } from '../../../base/clock.js';
import type { Question } from '../../../docket/engine/record.js';
import type { LeaseResult } from '../../../docket/engine/sessions.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { requestOf } from '../client-messages.js';
import type { Streams } from '../streams.js';
import type { ConnectionLeases, ReaderState } from './connection-leases.js';
import { questionId, receiptId } from './question-ids.js';
import { relatedTask } from './task-view.js';

/**
 * How long a question waits for a `tasks/result` before it goes to the standalone stream, in milliseconds. Clients that
 * see `input_required` call `tasks/result`; those that only poll need the standalone stream.
 */
const standaloneDelay = 250;

/** The pause before another attempt to acquire a lease after the engine failed, in milliseconds. */
const retryDelay = 1_000;

/**
 * How long a client may stay away before it counts as gone, in milliseconds. One that cancels a `tasks/result` and sends
 * another within this time still has its prompt open. One that comes back later may have closed it, so it is asked again.
 * One without any stream for this long makes way for others.
 */
const absenceLimit = 10_000;

/** The connection of a prompt. */
export interface PromptConnection {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly leases: ConnectionLeases;
  send(message: JSONRPCMessage, related?: RequestId): void;
  /** How long the client has for its answer before others may show the question as well, in milliseconds. */
  readonly patience: number;
  /** Whether the client declared that it can be asked this. A client that follows a task need not have made it. */
  mayAsk(question: Question): boolean;
}

/** The task of a prompt, as its connection knows it. */
export interface PromptTask {
  readonly taskId: string;
  /** Whether a `tasks/result` waits for the task. */
  readonly hasReader: boolean;
  /** The latest `tasks/result` that waits on a stream of its own; undefined if the connection has a single stream. */
  readonly reader: RequestId | undefined;
  /** Whether the client knows the task. If not, the task offers its prompts again once it does. */
  isIntroduced(): boolean;
}

/**
 * The lease, as this connection knows it:
 * - `none`: not held here, and not asked for.
 * - `acquiring`: asked for, or being renewed because the reader state has changed. A prompt that is shown stays.
 * - `held`: held here.
 * - `elsewhere`: another connection holds it. The engine calls back when it becomes available.
 */
type LeaseState = 'none' | 'acquiring' | 'held' | 'elsewhere';

/**
 * The stream that carried the prompt: the response to a `tasks/result`, the standalone stream, or one that worked and
 * has ended since, so that the client has the question and answers it in a request of its own.
 */
type ShownOn = { readonly reader: RequestId } | 'standalone' | 'ended stream';

/**
 * One question on one connection. It acquires the lease, is shown on the best stream, and moves to another stream when
 * that one is dropped, until it is settled. If its client does not answer in time, it stays open here and the lease goes to
 * whoever else waits: the first answer counts, and closes all other prompts.
 */
export class QuestionPrompt {
  private readonly id: string;
  private lease: LeaseState = 'none';
  /** The reader state of the last `acquire`. */
  private leasedAs: ReaderState = 'none';
  /** Undefined until it is shown, and again when it may not have arrived. */
  private shownOn: ShownOn | undefined;
  /** Whether it was ever sent, so that the old prompt has to be closed before it is sent again. */
  private wasSent = false;
  /** The one timer: until it is shown, until the lease is tried again, or until the client counts as gone. */
  private stopTimer: (() => void) | undefined;
  /** Set from when the lease is granted until others may show the question. */
  private stopPatience: (() => void) | undefined;
  /** Whether it stays open here without the lease. */
  private isShared = false;

  /** @param isSettled - whether the question needs no answer, and is only remembered */
  constructor(
    private readonly connection: PromptConnection,
    private readonly task: PromptTask,
    private readonly question: Question,
    private isSettled: boolean,
  ) {
    this.id = questionId(task.taskId, question.key);
  }

  /** Whether the client has it and may still answer here. */
  get isAsking(): boolean {
    return this.wasSent && !this.isSettled && (this.lease === 'held' || this.isShared);
  }

  /** Shows it if that is possible now. A lease that was held elsewhere may be available by now. */
  offer(): void {
    if (this.lease === 'elsewhere') this.releaseLease();
    this.tryToShow();
  }

  /** Another connection holds the lease and shows the question to the client of that session. */
  onLeaseLost(session: string): void {
    if (this.isSettled) return;
    // Our own client is asked again there, after its old prompt has been closed. Closing it here too would close the
    // new one.
    if (session !== this.connection.leases.session) this.closePrompt();
    this.lease = 'elsewhere';
    this.wasSent = false;
    this.shownOn = undefined;
    this.cancelTimer();
    this.cancelPatience();
  }

  /** A `tasks/result` begins to wait for the task. */
  onReaderAdded(): void {
    // Its stream is known to be there, unlike the one that carried the prompt.
    if (this.connection.streams.silent && this.shownOn !== 'ended stream') this.shownOn = undefined;
    this.offer();
    // The client may have closed the prompt since it gave up waiting.
    if (this.isShared && this.shownOn === 'ended stream' && !this.isSettled) this.acquireLease();
    else this.renewLease();
  }

  /** A `tasks/result` no longer waits, and may have carried this. */
  onReaderRemoved(reader: RequestId, isDropped: boolean): void {
    const wasHere = typeof this.shownOn === 'object' && this.shownOn.reader === reader;
    if (wasHere) this.shownOn = isDropped ? undefined : 'ended stream';
    this.tryToShow();
    // The engine knows whether the client has it.
    if (wasHere && !isDropped && this.lease === 'held' && !this.isSettled) this.acquireLease();
    else this.renewLease();
  }

  /** The standalone stream opened, ended or moved to another connection of the session. */
  onStandaloneChanged(): void {
    if (!this.connection.streams.standalone) this.forgetStandalone();
    this.offer();
    this.watchAbsence();
  }

  /** The standalone stream was replaced, so what it carried may not have arrived. */
  forgetStandalone(): void {
    if (this.shownOn === 'standalone') this.shownOn = undefined;
  }

  /** The client answered. Returns whether it was asked here; its prompt is gone with the answer. */
  answer(): boolean {
    if (!this.wasSent) return false;
    this.settle();
    return true;
  }

  /** Closes the prompt: the question no longer needs an answer. */
  withdraw(): void {
    if (this.isSettled) return;
    this.closePrompt();
    this.settle();
  }

  /** The connection is gone. */
  abandon(): void {
    if (!this.isSettled) this.releaseLease();
    this.settle();
  }

  /** Leaves the question to other connections, and no longer waits for a lease that one of them holds. */
  releaseLease(): void {
    const { lease } = this;
    this.lease = 'none';
    if (lease === 'held' || lease === 'elsewhere') this.sendRelease();
  }

  /** Tries to show it, unless it is shown, is being asked for, or another connection shows it. */
  tryToShow(): void {
    const { streams } = this.connection;
    if (this.isSettled || this.shownOn !== undefined || !this.connection.mayAsk(this.question)) return;
    if (this.lease === 'acquiring' || this.lease === 'elsewhere') return;
    if (streams.single) {
      if (this.task.isIntroduced()) this.show();
    } else if (this.task.reader !== undefined) {
      this.show();
    } else if (!streams.standalone) {
      this.releaseLease();
    } else {
      this.tryAfter(standaloneDelay, () => this.show());
    }
  }

  private tryAfter(delay: number, run: () => void): void {
    this.startTimer(delay, () => {
      if (this.shownOn === undefined) run();
    });
  }

  private show(): void {
    const { streams } = this.connection;
    const { taskId, reader } = this.task;
    if (reader === undefined && !streams.standalone) return this.releaseLease();
    this.cancelTimer();
    if (this.lease !== 'held' || this.leasedAs !== this.readerState) return this.acquireLease();
    this.shownOn = reader === undefined ? 'standalone' : { reader };
    // A client may still show the prompt of a stream that was dropped; it must not show two.
    if (this.wasSent) this.closePrompt();
    this.wasSent = true;
    const { method, params } = requestOf(this.question);
    const related = { ...params, _meta: relatedTask(taskId) };
    this.connection.send({ jsonrpc: '2.0', id: this.id, method, params: related }, reader);
    if (reader === undefined) return;
    // The answer to this ping shows that the question arrived before it.
    this.connection.send({ jsonrpc: '2.0', id: receiptId(taskId, this.question.key), method: 'ping' }, reader);
  }

  private get readerState(): ReaderState {
    if (this.task.hasReader) return 'waiting';
    return this.shownOn === 'ended stream' ? 'gave up' : 'none';
  }

  /** Renews the lease of a shown prompt if its reader state has changed: a waiting reader keeps it. */
  private renewLease(): void {
    if (this.shownOn === undefined || this.lease !== 'held' || this.isSettled) return;
    if (this.leasedAs !== this.readerState) this.acquireLease();
  }

  private acquireLease(): void {
    const { leasedAs } = this;
    this.lease = 'acquiring';
    this.isShared = false;
    this.leasedAs = this.readerState;
    this.connection.leases.acquire(this.task.taskId, this.question.key, this.leasedAs).then(
      (result) => this.onAcquired(result),
      () => this.onAcquireFailed(leasedAs),
    );
  }

  private onAcquired({ granted, again, kept }: LeaseResult): void {
    if (this.lease !== 'acquiring') {
      // It was released while the engine granted it.
      if (granted && this.lease === 'none') this.sendRelease();
      return;
    }
    this.lease = granted ? 'held' : 'elsewhere';
    this.wasSent ||= again;
    if (this.isSettled) return this.settle();
    if (!granted) return;
    this.stopPatience ??= this.connection.clock.schedule(this.connection.patience, () => this.share());
    this.onGranted(again, kept);
  }

  private onAcquireFailed(leasedBefore: ReaderState): void {
    if (this.lease === 'acquiring' && this.shownOn !== undefined) {
      // It stays where it is shown. The next change of the reader state renews the lease.
      this.lease = 'held';
      this.leasedAs = this.shownOn === 'ended stream' ? 'none' : leasedBefore;
      return;
    }
    // The engine may have granted it nevertheless.
    if (this.lease !== 'elsewhere') this.sendRelease();
    if (this.lease !== 'acquiring') return;
    this.lease = 'none';
    this.tryAfter(retryDelay, () => this.tryToShow());
  }

  /** Shows the question, unless the client already has it and keeps its prompt. */
  private onGranted(isMoved: boolean, kept: number | undefined): void {
    const { shownOn } = this;
    if (shownOn === 'ended stream' || (shownOn === undefined && isMoved)) {
      const isKept = kept !== undefined && (kept < absenceLimit || this.leasedAs !== 'waiting');
      this.shownOn = isKept ? 'ended stream' : undefined;
      this.cancelTimer();
      this.watchAbsence();
    }
    if (this.shownOn !== undefined) this.renewLease();
    else if (shownOn === undefined) this.show();
    else this.tryToShow();
  }

  /** Lets others show the question as well, and leaves it open here. */
  private share(): void {
    this.stopPatience = undefined;
    if (this.isSettled || this.lease === 'none' || this.lease === 'elsewhere') return;
    if (this.lease === 'acquiring' || this.shownOn === undefined) {
      // It is on its way to the client.
      this.stopPatience = this.connection.clock.schedule(retryDelay, () => this.share());
      return;
    }
    this.isShared = true;
    this.releaseLease();
  }

  /** A client that has the question but no stream at all may be gone: after a while others may show it. */
  private watchAbsence(): void {
    if (!this.isAbsent) return;
    this.startTimer(absenceLimit, () => {
      if (!this.isAbsent) return;
      this.shownOn = undefined;
      this.releaseLease();
    });
  }

  private get isAbsent(): boolean {
    if (this.shownOn !== 'ended stream' || this.isSettled) return false;
    const { standalone, elsewhere } = this.connection.streams;
    return !standalone && !elsewhere && this.task.reader === undefined;
  }

  private settle(): void {
    this.isSettled = true;
    this.cancelTimer();
    this.cancelPatience();
    // No need to hear when it becomes available.
    if (this.lease === 'elsewhere') this.releaseLease();
  }

  private closePrompt(): void {
    if (!this.wasSent) return;
    const { shownOn } = this;
    const params = { requestId: this.id, reason: 'The question no longer needs an answer here' };
    const ended = shownOn === 'ended stream' ? this.task.reader : undefined;
    const stream = typeof shownOn === 'object' ? shownOn.reader : ended;
    this.connection.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, stream);
  }

  private sendRelease(): void {
    this.connection.leases.release(this.task.taskId, this.question.key);
  }

  private startTimer(delay: number, run: () => void): void {
    this.stopTimer ??= this.connection.clock.schedule(delay, () => {
      this.stopTimer = undefined;
      run();
    });
  }

  private cancelPatience(): void {
    this.stopPatience?.();
    this.stopPatience = undefined;
    this.isShared = false;
  }

  private cancelTimer(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }
}
