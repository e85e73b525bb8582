import type { Question } from '../../../docket/engine/record.js';
import type { RequestId } from '../../../protocol/json-rpc/messages.js';
import type { Waiting } from './turns.js';

/**
 * Where a question was shown: the response stream of a `tasks/result`, the stream that belongs to no request, or a stream
 * that worked and has ended since, so that the client has the question and answers it by a request of its own.
 */
type Place = { readonly reader: RequestId } | 'standalone' | 'ended stream';

/** A question as this connection knows it. */
export interface Pending {
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
  /** Whether it is this connection's turn to show it: nobody knows, it was asked, yes, or another's. */
  turn: 'none' | 'asked' | 'ours' | 'theirs';
  /** Who was said to wait here. */
  waiting: Waiting;
}

/** What this connection knows of the questions of one task. */
export interface Asking {
  /** Whose the task is. Several principals may send on one connection. */
  owner: string | undefined;
  /** By the key of the question. */
  readonly questions: Map<string, Pending>;
  /** The `tasks/result` requests that wait for the task. */
  readonly readers: Set<RequestId>;
  /** Whether the task has ended; its questions are kept until the last reader, which may just be reading them, is gone. */
  ended: boolean;
  /** Whether the client knows the task, where there is one stream for everything. */
  introduction: 'none' | 'under way' | 'done';
}
