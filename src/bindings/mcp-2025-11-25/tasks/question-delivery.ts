import type { Clock } from '../../../base/clock.js';
import type { ExecutionRecord, Question } from '../../../docket/engine/record.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { requestOf } from '../client-messages.js';
import type { Asking, Pending } from './pending-questions.js';
import { questionId, receiptId, type QuestionAddress } from './question-ids.js';
import type { Streams } from '../streams.js';
import { relatedTask } from './task-view.js';
import type { Turns, Waiting } from './turns.js';

/**
 * How long a question waits for a `tasks/result` before it goes to the standalone stream, in milliseconds. Clients that
 * see `input_required` call `tasks/result`; those that only poll need the other way.
 */
const standaloneDelay = 250;

/** How long it is until a question is tried again that could not be shown because the engine failed, in milliseconds. */
const retryDelay = 1_000;

/**
 * A client that gave up a `tasks/result` and sends another one within this time, in milliseconds, is taken to have its prompt
 * open still. One that comes back later is shown the question again: it may have closed the prompt with the request. One that
 * has no stream at all for so long may be gone.
 */
const repeatPause = 10_000;

/**
 * Shows the open questions of tasks to the client of one connection, each in one place at a time: on a waiting
 * `tasks/result` of its task, or where nobody waits on the standalone stream. A question whose stream is dropped is
 * shown again elsewhere, after its first prompt was closed; one whose `tasks/result` was given up stays with a client that
 * has it, and is not sent again to one that repeats its request. Other connections, here or in other processes, may want to
 * show it too: which one does, the engine says.
 */
export class QuestionDelivery {
  private readonly tasks = new Map<string, Asking>();
  private isOver = false;

  constructor(
    private readonly streams: Streams,
    private readonly clock: Clock,
    private readonly send: (message: JSONRPCMessage, related?: RequestId) => void,
    /** Resolves when the client has taken in what was sent to it before. It never rejects. */
    private readonly takenIn: () => Promise<void>,
    /** Whether the client declared that it can be asked that. Who follows a task need not be who made it. */
    private readonly mayAsk: (question: Question) => boolean,
    private readonly turns: Turns,
  ) {
    streams.onReplaced = () => {
      for (const { questions } of this.tasks.values()) {
        for (const pending of questions.values()) if (pending.shownAt === 'standalone') pending.shownAt = undefined;
      }
    };
    streams.onStandalone = () => {
      for (const { questions } of this.tasks.values()) {
        for (const pending of questions.values()) {
          if (pending.shownAt === 'standalone' && !streams.standalone) pending.shownAt = undefined;
          this.invite(pending);
          this.mindAbsence(pending);
        }
      }
    };
  }

  /** A question was opened, or found open. */
  add(record: ExecutionRecord, question: Question): void {
    if (!this.isOver) this.invite(this.enter(record, question));
  }

  /** Another connection shows it from now on, to the client of that session. */
  taken({ taskId, question }: QuestionAddress, session: string): void {
    const pending = this.tasks.get(taskId)?.questions.get(question);
    if (pending === undefined || pending.settled) return;
    // To our own client it is shown anew, after its old prompt was closed; another word would close the new one.
    if (session !== this.turns.session) this.closePrompt(pending);
    pending.turn = 'theirs';
    pending.sent = false;
    pending.shownAt = undefined;
    stopDelay(pending);
  }

  /** The process that showed it is gone. */
  free({ taskId, question }: QuestionAddress): void {
    const pending = this.tasks.get(taskId)?.questions.get(question);
    if (pending !== undefined) this.invite(pending);
  }

  /** A principal answered. Gives whether it was asked that on this connection; then its prompt is gone with the answer. */
  answered({ taskId, question }: QuestionAddress, principal: string): boolean {
    const asking = this.tasks.get(taskId);
    const pending = asking?.owner === principal ? asking.questions.get(question) : undefined;
    if (pending?.sent !== true) return false;
    this.settle(pending);
    return true;
  }

  /** The answer was lost on its way: the question is free for whoever can show it again, here or elsewhere. */
  lost({ taskId, question }: QuestionAddress): void {
    const asking = this.tasks.get(taskId);
    const pending = asking?.questions.get(question);
    if (pending !== undefined) this.giveUpTurn(pending);
    asking?.questions.delete(question);
    this.tidy(taskId, asking);
  }

  /**
   * The question needs no answer any more: the prompt is closed where it was shown. One that was not shown is noted too,
   * because somebody may have read it just before and be about to show it.
   */
  close(record: ExecutionRecord, question: Question): void {
    if (this.isOver) return;
    this.giveUp(this.enter(record, question));
  }

  /** The task is over, and its questions with it. */
  ended(taskId: string): void {
    const asking = this.tasks.get(taskId);
    if (asking === undefined) return;
    asking.ended = true;
    for (const pending of asking.questions.values()) this.giveUp(pending);
    this.tidy(taskId, asking);
  }

  /**
   * A `tasks/result` waits for a task. Returns what ends that: where its stream was dropped, with the questions that it
   * carried shown elsewhere.
   */
  addReader(taskId: string, request: RequestId): (isDropped: boolean) => void {
    const asking = this.askingOf(taskId);
    asking.readers.add(request);
    for (const pending of asking.questions.values()) {
      // This stream is there, which is more than can be said of where it was shown.
      if (this.streams.silent && pending.shownAt !== 'ended stream') pending.shownAt = undefined;
      this.invite(pending);
      this.sayWhoWaits(pending);
    }
    return (isDropped) => {
      asking.readers.delete(request);
      this.tidy(taskId, asking);
      for (const pending of asking.questions.values()) {
        const isHere = typeof pending.shownAt === 'object' && pending.shownAt.reader === request;
        if (isHere) pending.shownAt = isDropped ? undefined : 'ended stream';
        this.place(pending);
        // Whether the client has it, the engine knows.
        if (isHere && !isDropped && pending.turn === 'ours' && !pending.settled) this.askForTurn(pending);
        else this.sayWhoWaits(pending);
      }
    };
  }

  /** The stream on which messages about a task reach the client best. */
  streamFor(taskId: string): RequestId | undefined {
    if (this.streams.single) return undefined;
    return [...(this.tasks.get(taskId)?.readers ?? [])].at(-1);
  }

  /**
   * Whether messages about a task reach the client here. Those about tasks of its own session go out at the place that
   * has the standalone stream, where there is one.
   */
  reaches(taskId: string, isOwn: boolean): boolean {
    if (isOwn && this.streams.elsewhere) return false;
    return this.streams.standalone || this.streamFor(taskId) !== undefined;
  }

  /** Whether the client has a question here that it may still answer. */
  get isAsking(): boolean {
    for (const { questions } of this.tasks.values()) {
      for (const { sent, settled, turn } of questions.values()) if (sent && !settled && turn === 'ours') return true;
    }
    return false;
  }

  /** The connection is gone. */
  clear(): void {
    this.isOver = true;
    for (const { questions } of this.tasks.values()) {
      for (const pending of questions.values()) {
        if (!pending.settled) this.giveUpTurn(pending);
        this.settle(pending);
      }
    }
    this.tasks.clear();
  }

  private askingOf(taskId: string): Asking {
    let asking = this.tasks.get(taskId);
    if (asking === undefined) {
      asking = { owner: undefined, questions: new Map(), readers: new Set(), ended: false, introduction: 'none' };
      this.tasks.set(taskId, asking);
    }
    return asking;
  }

  private enter({ key: taskId, owner }: ExecutionRecord, question: Question): Pending {
    const asking = this.askingOf(taskId);
    asking.owner = owner;
    let pending = asking.questions.get(question.key);
    if (pending === undefined) {
      const id = questionId(taskId, question.key);
      pending = {
        id,
        taskId,
        question,
        shownAt: undefined,
        sent: false,
        settled: asking.ended,
        stopDelay: undefined,
        turn: 'none',
        waiting: 'nobody',
      };
      asking.questions.set(question.key, pending);
    }
    return pending;
  }

  /** Forgets a task of which nothing has to be known any more. */
  private tidy(taskId: string, asking: Asking | undefined): void {
    if (asking === undefined || asking.readers.size > 0) return;
    if (asking.ended || asking.questions.size === 0) this.tasks.delete(taskId);
  }

  /** Perhaps it is not shown elsewhere any more. */
  private invite(pending: Pending): void {
    if (pending.turn === 'theirs') this.giveUpTurn(pending);
    this.place(pending);
  }

  private place(pending: Pending): void {
    if (this.isOver || pending.settled || pending.shownAt !== undefined || !this.mayAsk(pending.question)) return;
    if (pending.turn === 'asked' || pending.turn === 'theirs') return;
    if (this.streams.single) return this.placeOnOnlyStream(pending);
    if (this.streamFor(pending.taskId) !== undefined) return this.show(pending);
    if (!this.streams.standalone) return this.giveUpTurn(pending);
    this.later(pending, standaloneDelay, () => this.show(pending));
  }

  private later(pending: Pending, delay: number, run: () => void): void {
    pending.stopDelay ??= this.clock.schedule(delay, () => {
      pending.stopDelay = undefined;
      if (pending.shownAt === undefined) run();
    });
  }

  /**
   * A client that finds the task of a question by its id cancels the question when it comes together with the answer that
   * names the task. So the first one waits until that answer has been taken in, or somebody waits for the result.
   */
  private placeOnOnlyStream(pending: Pending): void {
    const asking = this.askingOf(pending.taskId);
    if (asking.introduction === 'done' || asking.readers.size > 0) return this.show(pending);
    if (asking.introduction === 'under way') return;
    asking.introduction = 'under way';
    void this.takenIn().then(() => {
      asking.introduction = 'done';
      for (const each of asking.questions.values()) this.place(each);
    });
  }

  private show(pending: Pending): void {
    const { taskId } = pending;
    const reader = this.streamFor(taskId);
    if (reader === undefined && !this.streams.standalone) return this.giveUpTurn(pending);
    stopDelay(pending);
    if (pending.turn !== 'ours' || pending.waiting !== this.whoWaits(pending)) return this.askForTurn(pending);
    pending.shownAt = reader === undefined ? 'standalone' : { reader };
    // A client may still show the prompt of a stream that was dropped; it must not show two.
    if (pending.sent) this.closePrompt(pending);
    pending.sent = true;
    const { method, params } = requestOf(pending.question);
    const related = { ...params, _meta: relatedTask(taskId) };
    this.send({ jsonrpc: '2.0', id: pending.id, method, params: related }, reader);
    // Once the answer to that comes, the question has come before it.
    if (reader === undefined) return;
    this.send({ jsonrpc: '2.0', id: receiptId(taskId, pending.question.key), method: 'ping' }, reader);
  }

  private whoWaits({ taskId, shownAt }: Pending): Waiting {
    if ((this.tasks.get(taskId)?.readers.size ?? 0) > 0) return 'somebody';
    return shownAt === 'ended stream' ? 'gave up' : 'nobody';
  }

  /** Where somebody waits, nobody takes a question away. */
  private sayWhoWaits(pending: Pending): void {
    const { shownAt, turn, settled, waiting } = pending;
    if (shownAt === undefined || turn !== 'ours' || settled || waiting === this.whoWaits(pending)) return;
    this.askForTurn(pending);
  }

  private askForTurn(pending: Pending): void {
    const { taskId, question, waiting: before } = pending;
    pending.turn = 'asked';
    pending.waiting = this.whoWaits(pending);
    this.turns.ask(taskId, question.key, pending.waiting).then(
      ({ granted, again, kept }) => {
        // It was given up, or taken, before this came.
        if (pending.turn !== 'asked') {
          if (granted && pending.turn === 'none') this.turns.giveUp(taskId, question.key);
          return;
        }
        pending.turn = granted ? 'ours' : 'theirs';
        pending.sent ||= again;
        if (pending.settled) this.settle(pending);
        else if (granted) this.granted(pending, again, kept);
      },
      () => {
        if (pending.turn === 'asked' && pending.shownAt !== undefined) {
          // It stays where it is shown; who waits is said the next time.
          pending.turn = 'ours';
          pending.waiting = pending.shownAt === 'ended stream' ? 'nobody' : before;
          return;
        }
        // The engine may have given it to us all the same.
        if (pending.turn !== 'theirs') this.turns.giveUp(taskId, question.key);
        if (pending.turn !== 'asked') return;
        pending.turn = 'none';
        this.later(pending, retryDelay, () => this.place(pending));
      },
    );
  }

  /** It is ours to show. A client that has it already goes on with it. */
  private granted(pending: Pending, isMoved: boolean, kept: number | undefined): void {
    const { shownAt, waiting } = pending;
    if (shownAt === 'ended stream' || (shownAt === undefined && isMoved)) {
      const isKept = kept !== undefined && (kept < repeatPause || waiting !== 'somebody');
      pending.shownAt = isKept ? 'ended stream' : undefined;
      stopDelay(pending);
      this.mindAbsence(pending);
    }
    if (pending.shownAt !== undefined) this.sayWhoWaits(pending);
    else if (shownAt === undefined) this.show(pending);
    else this.place(pending);
  }

  /** A client without any stream may be gone, though it has the question: after a while it is free for others. */
  private mindAbsence(pending: Pending): void {
    if (!this.isAbsent(pending)) return;
    pending.stopDelay ??= this.clock.schedule(repeatPause, () => {
      pending.stopDelay = undefined;
      if (!this.isAbsent(pending)) return;
      pending.shownAt = undefined;
      this.giveUpTurn(pending);
    });
  }

  private isAbsent({ shownAt, settled, taskId }: Pending): boolean {
    if (shownAt !== 'ended stream' || settled || this.isOver) return false;
    const { standalone, elsewhere } = this.streams;
    return !standalone && !elsewhere && this.streamFor(taskId) === undefined;
  }

  private giveUpTurn(pending: Pending): void {
    const { turn, taskId, question } = pending;
    pending.turn = 'none';
    if (turn === 'ours' || turn === 'theirs') this.turns.giveUp(taskId, question.key);
  }

  private giveUp(pending: Pending): void {
    if (pending.settled) return;
    this.closePrompt(pending);
    this.settle(pending);
  }

  private settle(pending: Pending): void {
    pending.settled = true;
    stopDelay(pending);
    // Nobody waits any more for the end of whoever shows it.
    if (pending.turn === 'theirs') this.giveUpTurn(pending);
  }

  private closePrompt(pending: Pending): void {
    if (!pending.sent) return;
    const params = { requestId: pending.id, reason: 'The question needs no answer here any more' };
    this.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, this.streamOf(pending));
  }

  private streamOf({ shownAt, taskId }: Pending): RequestId | undefined {
    if (shownAt === 'ended stream') return this.streamFor(taskId);
    return typeof shownAt === 'object' ? shownAt.reader : undefined;
  }
}

function stopDelay(pending: Pending): void {
  pending.stopDelay?.();
  pending.stopDelay = undefined;
}
