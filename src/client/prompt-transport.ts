import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.js';
import type { JSONRPCMessage, RequestId } from '../protocol/json-rpc/messages.js';
import type { Transport } from '../protocol/transport.js';
import { relatedTaskOf } from './question-router.js';

/** How long a withdrawn prompt stays open in case the same question comes again, in milliseconds. */
const withdrawalGrace = 1_000;
/** Pauses between attempts to deliver an answer, and the total time spent trying, in milliseconds. */
const firstPause = 500;
const longestPause = 15_000;
const deliveryPatience = 120_000;

type Request = JSONRPCMessage & { id: RequestId; method: string };
type Extra = Parameters<NonNullable<Transport['onmessage']>>[1];

/** A question of the server that is waiting for its answer, or whose answer is on its way. */
interface Prompt {
  readonly request: Request;
  readonly taskId: string | undefined;
  /** Set from when the answer is ready until it has reached the server. */
  answer: JSONRPCMessage | undefined;
  delivering: boolean;
  /** Its session is lost. The answer is kept until the task asks again in another session. */
  isOrphaned: boolean;
  /** Set while a withdrawn prompt is in its grace period: keeps the prompt open. */
  cancelWithdrawal: (() => void) | undefined;
}

/**
 * Wraps the real transport so that a prompt outlives the request that brought it. A server that lost a stream withdraws a
 * question and asks it again. Here the user keeps the one open prompt, and its answer is sent once. Without this wrapper,
 * the SDK's client would abort that prompt, drop its answer and open a second one.
 */
export class PromptTransport implements Transport {
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  private readonly prompts = new Map<RequestId, Prompt>();
  private isClosed = false;

  /**
   * @param onForeground - called when a question opens or closes, with whether any open one belongs to no task
   */
  constructor(
    private readonly inner: Transport,
    private readonly clock: Clock,
    private readonly onForeground: (isOpen: boolean) => void,
  ) {
    const { onmessage, onclose, onerror } = inner;
    inner.onmessage = (message, extra) => {
      stripTask(message);
      onmessage?.call(inner, message, extra);
      this.receive(message, extra);
    };
    inner.onclose = () => {
      onclose?.call(inner);
      this.handleClose();
    };
    inner.onerror = (error) => {
      onerror?.call(inner, error);
      this.onerror?.(error);
    };
  }

  get sessionId(): string | undefined {
    return this.inner.sessionId;
  }

  /** Whether a question of the task is open at this client. */
  hasPrompt(taskId: string): boolean {
    for (const prompt of this.prompts.values()) if (prompt.taskId === taskId) return true;
    return false;
  }

  /**
   * A new session has taken the place of a lost one. Tasks ask again there, and a person who is still thinking is not
   * asked twice. The calls of the old session are gone, and with them their questions.
   */
  sessionRenewed(): void {
    for (const prompt of [...this.prompts.values()]) {
      if (prompt.taskId === undefined) this.withdraw(prompt, cancellationOf(prompt.request.id, 'Its session is lost'));
      else prompt.isOrphaned = true;
    }
  }

  /** The task has ended: nobody will close those of its prompts whose session is lost. */
  taskEnded(taskId: string): void {
    for (const prompt of [...this.prompts.values()]) {
      if (prompt.taskId !== taskId || !prompt.isOrphaned) continue;
      this.withdraw(prompt, cancellationOf(prompt.request.id, 'Its task has ended'));
    }
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  async send(...[message, options]: Parameters<Transport['send']>): Promise<void> {
    const prompt = 'method' in message || message.id === undefined ? undefined : this.prompts.get(message.id);
    if (prompt === undefined) return this.inner.send(message, options);
    prompt.answer = message;
    this.reportForeground();
    // A withdrawn question is answered when it is asked again.
    if (prompt.cancelWithdrawal === undefined && !prompt.isOrphaned) await this.deliver(prompt);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  setProtocolVersion(version: string): void {
    this.inner.setProtocolVersion?.(version);
  }

  private receive(message: JSONRPCMessage, extra: Extra): void {
    if (isRequest(message) && message.method !== 'ping') return this.receiveQuestion(message, extra);
    const prompt = this.cancelledBy(message);
    if (prompt === undefined) this.onmessage?.(message, extra);
    else prompt.cancelWithdrawal ??= this.clock.schedule(withdrawalGrace, () => this.withdraw(prompt, message, extra));
  }

  private receiveQuestion(request: Request, extra: Extra): void {
    const known = this.prompts.get(request.id);
    known?.cancelWithdrawal?.();
    if (known !== undefined && isDeepStrictEqual(known.request, request)) {
      known.cancelWithdrawal = undefined;
      known.isOrphaned = false;
      if (known.answer !== undefined) this.deliver(known).catch((error: unknown) => this.onerror?.(error as Error));
      return;
    }
    const taskId = relatedTaskOf((request as { params?: unknown }).params);
    this.prompts.set(request.id, {
      request,
      taskId,
      answer: undefined,
      delivering: false,
      isOrphaned: false,
      cancelWithdrawal: undefined,
    });
    this.reportForeground();
    if (known === undefined) return this.onmessage?.(request, extra);
    // A different question reuses the id, so the old prompt is over. The SDK handles a cancellation asynchronously.
    this.onmessage?.(cancellationOf(request.id, 'Another question has its id'), extra);
    queueMicrotask(() => this.onmessage?.(request, extra));
  }

  private cancelledBy(message: JSONRPCMessage): Prompt | undefined {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined;
    return this.prompts.get((message.params as { requestId?: RequestId } | undefined)?.requestId ?? '');
  }

  private withdraw(prompt: Prompt, cancellation: JSONRPCMessage, extra?: Extra): void {
    this.forget(prompt);
    this.onmessage?.(cancellation, extra);
  }

  /** Retries while the server cannot be reached: a lost connection is no reason to ask a person twice. */
  private async deliver(prompt: Prompt): Promise<void> {
    if (prompt.delivering || prompt.answer === undefined) return;
    prompt.delivering = true;
    const isOrphaned = (): boolean => prompt.isOrphaned;
    const until = this.clock.now() + deliveryPatience;
    try {
      for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
        try {
          await this.inner.send(prompt.answer);
          this.forget(prompt);
          return;
        } catch (error) {
          if (isOrphaned()) return;
          const isLast = isRefusal(error) || this.isClosed || this.clock.now() + pause > until;
          if (isLast) {
            this.forget(prompt);
            throw error;
          }
        }
        await new Promise<void>((resolve) => void this.clock.schedule(pause, resolve));
        if (
          prompt.cancelWithdrawal !== undefined ||
          prompt.isOrphaned ||
          this.prompts.get(prompt.request.id) !== prompt
        ) {
          return;
        }
      }
    } finally {
      prompt.delivering = false;
    }
  }

  private forget(prompt: Prompt): void {
    prompt.cancelWithdrawal?.();
    if (this.prompts.get(prompt.request.id) !== prompt) return;
    this.prompts.delete(prompt.request.id);
    this.reportForeground();
  }

  private reportForeground(): void {
    let isOpen = false;
    for (const { taskId, answer } of this.prompts.values()) isOpen ||= taskId === undefined && answer === undefined;
    this.onForeground(isOpen);
  }

  private handleClose(): void {
    this.isClosed = true;
    for (const prompt of [...this.prompts.values()]) this.forget(prompt);
    this.onclose?.();
  }
}

const isRequest = (message: JSONRPCMessage): message is Request => 'method' in message && 'id' in message;

const cancellationOf = (requestId: RequestId, reason: string): JSONRPCMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason },
});

/** Whether the server was reached and refused the message. The SDK's transport puts the HTTP status in `code`. */
export function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' && code >= 400 && code < 500;
}

/** A client without task support ignores `task` in requests (2025-11-25, basic/utilities/tasks); the SDK would refuse it. */
function stripTask(message: object): void {
  if ('params' in message && typeof message.params === 'object' && message.params !== null && 'method' in message) {
    delete (message.params as Record<string, unknown>).task;
  }
}
