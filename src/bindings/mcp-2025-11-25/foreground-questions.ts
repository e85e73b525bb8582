import type { Answer, ClientQuestion } from '../../call/channel.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/types.js';
import { requestOf } from './client-messages.js';
import { questionIdPrefix } from './wire-transport.js';

/** A question that was sent. */
export interface SentQuestion {
  /** Rejects when it could not be sent. */
  readonly answer: Promise<Answer>;
  /** Nobody waits for the answer any more. Closes the prompt, unless it was answered. */
  close(): void;
}

/**
 * The open questions of the foreground calls of one connection. Their ids are ours and not the SDK's, which counts from 0
 * and whose client cannot close the prompt of a request with the id 0; and what is answered reaches the rules for answers
 * here also where the SDK would drop it.
 */
export class ForegroundQuestions {
  private readonly open = new Map<string, (answer: Answer) => void>();
  private sent = 0;

  constructor(private readonly send: (message: JSONRPCMessage, related: RequestId) => Promise<void>) {}

  /** Asks on the stream of the request that the call answers. */
  ask(question: ClientQuestion, related: RequestId): SentQuestion {
    const id = `${questionIdPrefix}${++this.sent}`;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.open.set(id, resolve);
      this.send({ jsonrpc: '2.0', id, ...requestOf(question) }, related).catch(reject);
    });
    return { answer, close: () => this.close(id, related) };
  }

  /** The client answered. Gives whether somebody waits for that. */
  answered(id: string, answer: Answer): boolean {
    const settle = this.open.get(id);
    this.open.delete(id);
    settle?.(answer);
    return settle !== undefined;
  }

  private close(id: string, related: RequestId): void {
    if (!this.open.delete(id)) return;
    const params = { requestId: id, reason: 'The question needs no answer any more' };
    // Where the connection is gone, so is the prompt.
    this.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, related).catch(() => undefined);
  }
}
