import { randomBytes } from 'node:crypto';
import type { Answer, ClientQuestion } from '../../../call/channel.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import { requestOf } from '../client-messages.js';
import { questionIdPrefix } from '../wire-transport.js';

/** Whether an id on the wire may belong to a question of a foreground call, on any connection. */
export const isForegroundQuestion = (id: string): boolean => /^errand:[\w-]{8}-\d{1,15}$/.test(id);

/** A question that was sent. */
export interface SentQuestion {
  /** Rejects when the question could not be sent. */
  readonly answer: Promise<Answer>;
  /** Stops waiting for the answer. Closes the prompt, unless it was answered. */
  close(): void;
}

/** A question that waits for its answer. */
interface OpenQuestion {
  /** The principal that was asked. Several principals may send on one connection. */
  readonly principal: string;
  readonly settle: (answer: Answer) => void;
}

/**
 * The open questions of the foreground calls of one connection. Their ids are ours: the SDK counts from 0, and its
 * client cannot close the prompt of a request with the id 0. The SDK would also drop an answer that no call waits for;
 * with our ids it reaches us, to be forwarded or logged.
 */
export class ForegroundQuestions {
  private readonly open = new Map<string, OpenQuestion>();
  /** Tells our ids from those of other connections of the session. */
  private readonly idPart = randomBytes(6).toString('base64url');
  private sent = 0;

  constructor(private readonly send: (message: JSONRPCMessage, related: RequestId) => Promise<void>) {}

  /** Whether a call waits for an answer. */
  get isOpen(): boolean {
    return this.open.size > 0;
  }

  /** Asks the principal that made a request, on the stream of that request. */
  ask(question: ClientQuestion, related: RequestId, principal: string): SentQuestion {
    const id = `${questionIdPrefix}${this.idPart}-${++this.sent}`;
    const answer = new Promise<Answer>((settle, reject) => {
      this.open.set(id, { principal, settle });
      this.send({ jsonrpc: '2.0', id, ...requestOf(question) }, related).catch(reject);
    });
    return { answer, close: () => this.close(id, related) };
  }

  /** A principal answered. Returns whether a call waits for the answer. */
  answered(id: string, answer: Answer, principal: string): boolean {
    const asked = this.open.get(id);
    if (asked?.principal !== principal) return false;
    this.open.delete(id);
    asked.settle(answer);
    return true;
  }

  private close(id: string, related: RequestId): void {
    if (!this.open.delete(id)) return;
    const params = { requestId: id, reason: 'The question no longer needs an answer' };
    // If the connection is gone, so is the prompt.
    this.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, related).catch(() => undefined);
  }
}
