import type { Clock } from '../../base/clock.js';
import type { ExecutionRecord, Question } from '../../docket/record.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/types.js';
import type { Streams } from './streams.js';
import { relatedTask } from './task-view.js';
import { questionIdPrefix } from './wire-transport.js';

/**
 * How long a question waits for a `tasks/result` before it goes to the standalone stream, in milliseconds. Clients that
 * see `input_required` call `tasks/result`; those that only poll need the other way.
 */
const standaloneDelay = 250;

/** Where a question was shown: the response stream of a `tasks/result`, or the stream that belongs to no request. */
type Place = { readonly reader: RequestId } | 'standalone';

interface Pending {
  readonly id: string;
  readonly taskId: string;
  readonly question: Question;
  shownAt: Place | undefined;
  /** Whether it was ever sent, so that the old prompt has to be closed before it is sent again. */
  sent: boolean;
  /**
   * It needs no answer any more. Kept until its task ends, because whoever reads the open questions of a task may read
   * them just before the answer is stored; nobody is to be prompted twice.
   */
  settled: boolean;
  stopDelay: (() => void) | undefined;
}

/** The id of a question on the wire; any process can tell from it whose answer comes. */
export function questionId(taskId: string, question: string): string {
  return `${questionIdPrefix}${taskId}:${question}`;
}

/** What {@link questionId} was made of. */
export function parseQuestionId(id: string): { taskId: string; question: string } | undefined {
  const match = /^errand:([A-Za-z0-9_-]+):([A-Za-z0-9_-]+)$/.exec(id);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { taskId: match[1], question: match[2] };
}

/**
 * Shows the open questions of tasks to the client of one connection, each in one place at a time: on a waiting
 * `tasks/result` of its task, or where nobody waits on the standalone stream. A question whose stream is dropped is
 * shown again elsewhere, after its first prompt was closed.
 */
export class QuestionDelivery {
  private readonly pending = new Map<string, Pending>();
  private readonly readers = new Map<string, Set<RequestId>>();

  constructor(
    private readonly streams: Streams,
    private readonly clock: Clock,
    private readonly send: (message: JSONRPCMessage, related?: RequestId) => void,
  ) {
    streams.onStandalone = () => {
      for (const pending of this.pending.values()) {
        if (pending.shownAt === 'standalone' && !streams.standalone) pending.shownAt = undefined;
        this.place(pending);
      }
    };
  }

  /** A question was opened, or found open. */
  add(record: ExecutionRecord, question: Question): void {
    const id = questionId(record.key, question.key);
    if (this.pending.has(id)) return;
    const pending: Pending = {
      id,
      taskId: record.key,
      question,
      shownAt: undefined,
      sent: false,
      settled: false,
      stopDelay: undefined,
    };
    this.pending.set(id, pending);
    this.place(pending);
  }

  /** The client of this connection answered. */
  answered(id: string): void {
    const pending = this.pending.get(id);
    if (pending !== undefined) settle(pending);
  }

  /** The answer was lost on its way: the question is shown when somebody asks for it again. */
  lost(id: string): void {
    this.pending.delete(id);
  }

  /** The question needs no answer any more: the prompt is closed where it was shown. */
  close(record: ExecutionRecord, question: Question): void {
    const pending = this.pending.get(questionId(record.key, question.key));
    if (pending === undefined || pending.settled) return;
    this.closePrompt(pending);
    settle(pending);
  }

  /** The task is over, and its questions with it. */
  ended(taskId: string): void {
    for (const pending of this.pending.values()) {
      if (pending.taskId !== taskId) continue;
      settle(pending);
      this.pending.delete(pending.id);
    }
  }

  /** A `tasks/result` waits for a task. Returns what ends that, with the questions it carried shown elsewhere. */
  addReader(taskId: string, request: RequestId): () => void {
    const readers = this.readers.get(taskId) ?? new Set();
    this.readers.set(taskId, readers.add(request));
    for (const pending of this.pendingOf(taskId)) this.place(pending);
    return () => {
      readers.delete(request);
      if (readers.size === 0) this.readers.delete(taskId);
      for (const pending of this.pendingOf(taskId)) {
        if (typeof pending.shownAt !== 'object' || pending.shownAt.reader !== request) continue;
        pending.shownAt = undefined;
        this.place(pending);
      }
    };
  }

  /** The stream on which messages about a task reach the client best. */
  streamFor(taskId: string): RequestId | undefined {
    if (this.streams.single) return undefined;
    return [...(this.readers.get(taskId) ?? [])].at(-1);
  }

  /** The connection is gone. */
  clear(): void {
    for (const pending of this.pending.values()) pending.stopDelay?.();
    this.pending.clear();
  }

  private pendingOf(taskId: string): Pending[] {
    return [...this.pending.values()].filter((pending) => pending.taskId === taskId);
  }

  private place(pending: Pending): void {
    if (pending.settled || pending.shownAt !== undefined) return;
    if (this.streams.single) return this.show(pending, 'standalone');
    const reader = this.streamFor(pending.taskId);
    if (reader !== undefined) return this.show(pending, { reader });
    pending.stopDelay ??= this.clock.schedule(standaloneDelay, () => {
      pending.stopDelay = undefined;
      if (pending.shownAt === undefined && this.streams.standalone) this.show(pending, 'standalone');
    });
  }

  private show(pending: Pending, place: Place): void {
    pending.stopDelay?.();
    pending.stopDelay = undefined;
    pending.shownAt = place;
    // A client may still show the prompt of a stream that was dropped; it must not show two.
    if (pending.sent) this.closePrompt(pending);
    pending.sent = true;
    const params = { ...(pending.question.params as Record<string, unknown>), _meta: relatedTask(pending.taskId) };
    this.send({ jsonrpc: '2.0', id: pending.id, method: 'elicitation/create', params }, relatedTo(place));
  }

  private closePrompt(pending: Pending): void {
    if (!pending.sent) return;
    const params = { requestId: pending.id, reason: 'The question needs no answer here any more' };
    this.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, relatedTo(pending.shownAt));
  }
}

function settle(pending: Pending): void {
  pending.settled = true;
  pending.stopDelay?.();
  pending.stopDelay = undefined;
}

const relatedTo = (place: Place | undefined): RequestId | undefined =>
  typeof place === 'object' ? place.reader : undefined;
