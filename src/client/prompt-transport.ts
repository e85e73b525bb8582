import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.js';
import type { JSONRPCMessage, RequestId } from '../protocol/json-rpc/messages.js';
import type { Transport } from '../protocol/transport.js';
import { relatedTaskOf } from './question-router.js';

/** How long a prompt that the server withdrew stays open for the same question to come again, in milliseconds. */
const withdrawalGrace = 1_000;
/** The pauses between attempts to deliver an answer, and for how long it is tried, in milliseconds. */
const firstPause = 500;
const longestPause = 15_000;
const deliveryPatience = 120_000;

type Request = JSONRPCMessage & { id: RequestId; method: string };
type Extra = Parameters<NonNullable<Transport['onmessage']>>[1];

/** A question of the server that is being answered. */
interface Prompt {
  readonly request: Request;
  readonly taskId: string | undefined;
  /** The answer, from when it is ready until it has reached the server. */
  answer: JSONRPCMessage | undefined;
  delivering: boolean;
  /** Stops the grace of a prompt that the server withdrew. */
  keep: (() => void) | undefined;
}

/**
 * Stands between the SDK's client and the real transport, so that a prompt outlives the request that brought it. A server
 * that lost a stream withdraws a question and asks it again; whoever is answering keeps the one prompt, and its answer goes
 * out once. The SDK would abort the first prompt, drop its answer, and open a second one.
 */
export class PromptTransport implements Transport {
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  private readonly prompts = new Map<RequestId, Prompt>();
  private isClosed = false;

  /**
   * @param onForeground - told whether any question is open that belongs to no task, each time one opens or closes
   */
  constructor(
    private readonly inner: Transport,
    private readonly clock: Clock,
    private readonly onForeground: (isOpen: boolean) => void,
  ) {
    const { onmessage, onclose, onerror } = inner;
    inner.onmessage = (message, extra) => {
      ignoreTask(message);
      onmessage?.call(inner, message, extra);
      this.receive(message, extra);
    };
    inner.onclose = () => {
      onclose?.call(inner);
      this.closed();
    };
    inner.onerror = (error) => {
      onerror?.call(inner, error);
      this.onerror?.(error);
    };
  }

  get sessionId(): string | undefined {
    return this.inner.sessionId;
  }

  /** Whether a question of that task is open here. */
  shows(taskId: string): boolean {
    for (const prompt of this.prompts.values()) if (prompt.taskId === taskId) return true;
    return false;
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  async send(...[message, options]: Parameters<Transport['send']>): Promise<void> {
    const prompt = 'method' in message || message.id === undefined ? undefined : this.prompts.get(message.id);
    if (prompt === undefined) return this.inner.send(message, options);
    prompt.answer = message;
    this.tellForeground();
    // What was withdrawn is answered once it is asked again.
    if (prompt.keep === undefined) await this.deliver(prompt);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  setProtocolVersion(version: string): void {
    this.inner.setProtocolVersion?.(version);
  }

  private receive(message: JSONRPCMessage, extra: Extra): void {
    if (isRequest(message) && message.method !== 'ping') return this.asked(message, extra);
    const prompt = this.cancelledBy(message);
    if (prompt === undefined) this.onmessage?.(message, extra);
    else prompt.keep ??= this.clock.schedule(withdrawalGrace, () => this.withdraw(prompt, message, extra));
  }

  private asked(request: Request, extra: Extra): void {
    const known = this.prompts.get(request.id);
    known?.keep?.();
    if (known !== undefined && isDeepStrictEqual(known.request, request)) {
      known.keep = undefined;
      if (known.answer !== undefined) this.deliver(known).catch((error: unknown) => this.onerror?.(error as Error));
      return;
    }
    const taskId = relatedTaskOf((request as { params?: unknown }).params);
    this.prompts.set(request.id, { request, taskId, answer: undefined, delivering: false, keep: undefined });
    this.tellForeground();
    if (known === undefined) return this.onmessage?.(request, extra);
    // Another question under an id that was in use: the old prompt is over. The SDK takes a cancellation a moment later.
    this.onmessage?.(cancellationOf(request.id), extra);
    queueMicrotask(() => this.onmessage?.(request, extra));
  }

  private cancelledBy(message: JSONRPCMessage): Prompt | undefined {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined;
    return this.prompts.get((message.params as { requestId?: RequestId } | undefined)?.requestId ?? '');
  }

  private withdraw(prompt: Prompt, cancellation: JSONRPCMessage, extra: Extra): void {
    this.forget(prompt);
    this.onmessage?.(cancellation, extra);
  }

  /** Sends the answer, and while nobody can be reached again: a person is not asked twice because of a lost connection. */
  private async deliver(prompt: Prompt): Promise<void> {
    if (prompt.delivering || prompt.answer === undefined) return;
    prompt.delivering = true;
    const until = this.clock.now() + deliveryPatience;
    try {
      for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
        try {
          await this.inner.send(prompt.answer);
          this.forget(prompt);
          return;
        } catch (error) {
          const isLast = isRefusal(error) || this.isClosed || this.clock.now() + pause > until;
          if (isLast) {
            this.forget(prompt);
            throw error;
          }
        }
        await new Promise<void>((resolve) => void this.clock.schedule(pause, resolve));
        if (prompt.keep !== undefined || this.prompts.get(prompt.request.id) !== prompt) return;
      }
    } finally {
      prompt.delivering = false;
    }
  }

  private forget(prompt: Prompt): void {
    prompt.keep?.();
    if (this.prompts.get(prompt.request.id) !== prompt) return;
    this.prompts.delete(prompt.request.id);
    this.tellForeground();
  }

  private tellForeground(): void {
    let isOpen = false;
    for (const { taskId, answer } of this.prompts.values()) isOpen ||= taskId === undefined && answer === undefined;
    this.onForeground(isOpen);
  }

  private closed(): void {
    this.isClosed = true;
    for (const prompt of [...this.prompts.values()]) this.forget(prompt);
    this.onclose?.();
  }
}

const isRequest = (message: JSONRPCMessage): message is Request => 'method' in message && 'id' in message;

const cancellationOf = (requestId: RequestId): JSONRPCMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason: 'Another question has its id' },
});

/** Whether the server was reached, and wants none of it: the transport of the SDK gives the status of HTTP as `code`. */
export function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' && code >= 400 && code < 500;
}

/** A client that declares no tasks ignores a wish for one (2025-11-25, basic/utilities/tasks); the SDK would refuse it. */
function ignoreTask(message: object): void {
  if ('params' in message && typeof message.params === 'object' && message.params !== null && 'method' in message) {
    delete (message.params as Record<string, unknown>).task;
  }
}
