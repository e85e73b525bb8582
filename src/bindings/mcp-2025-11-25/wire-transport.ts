import { principalOf } from '../../call/principal.js';
import { rpcCode } from '../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import type { Transport } from '../../protocol/transport.js';
import { idTooLong, isTooLong } from './component-requests.js';
import { relatedTaskKey } from './tasks/task-view.js';

type Send = Transport['send'];

/** Where messages go before the SDK sees them. */
export interface WireTaps {
  /** Whether requests of this method may ask for a task. For others, the specification says to ignore `params.task`. */
  acceptsTask(method: string): boolean;
  /** The fault of an `initialize`; undefined for a good one. */
  problemOfInitialize(message: JSONRPCMessage): string | undefined;
  /** Called with the negotiated version of the protocol. */
  onNegotiated(version: string): void;
  /** Called with the response to one of our questions. */
  onAnswer(id: string, message: JSONRPCMessage, principal: string): void;
  /** Called when the client cancels a request. */
  onCancelled(request: RequestId): void;
  /** Returns the callback to run once the response to a request has been handed to the transport. */
  afterResponse(request: RequestId): (() => void) | undefined;
}

/** The prefix of the ids of our questions. It is the same in every process, so any of them recognizes an answer. */
export const questionIdPrefix = 'errand:';

/**
 * Stands between the SDK's Server and the real transport. It takes the answers to questions, which the SDK would drop as
 * unknown when another connection or process asked, and strips a `task` that must be ignored.
 */
export class WireTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onclose?: () => void;
  onerror?: (error: Error) => void;
  private initializeId: RequestId | undefined;

  /** @param knownSession - the session of the client, if the transport has none */
  constructor(
    private readonly inner: Transport,
    private readonly taps: WireTaps,
    private readonly knownSession?: string,
  ) {
    const { onclose, onerror } = inner;
    inner.onclose = () => {
      onclose?.();
      this.onclose?.();
    };
    inner.onerror = (error) => {
      onerror?.(error);
      this.onerror?.(error);
    };
    inner.onmessage = (message, extra) => {
      if (isQuestionAnswer(message)) return this.taps.onAnswer(message.id, message, principalOf(extra?.authInfo).id);
      this.tapCancellation(message);
      if ('id' in message && 'method' in message) {
        if (isTooLong(message.id)) return this.refuse(rpcCode.invalidRequest, idTooLong);
        if (message.method === 'initialize') {
          const problem = this.taps.problemOfInitialize(message);
          if (problem !== undefined) return this.refuse(rpcCode.invalidParams, problem, message.id);
          this.initializeId = message.id;
        }
      }
      this.onmessage?.(withoutRelatedTask(this.withoutStrayTask(message)), extra);
    };
  }

  /** Receives a message that `principal` sent to another connection of the session. */
  receive(message: JSONRPCMessage, principal: string): void {
    if (isQuestionAnswer(message)) return this.taps.onAnswer(message.id, message, principal);
    this.tapCancellation(message);
    this.onmessage?.(message);
  }

  get sessionId(): string | undefined {
    return this.knownSession ?? this.inner.sessionId;
  }

  start(): Promise<void> {
    return this.inner.start();
  }

  send(message: Parameters<Send>[0], options?: Parameters<Send>[1]): Promise<void> {
    if ('result' in message && message.id === this.initializeId) this.onInitialized(message.result);
    const sent = this.inner.send(message, options);
    if ('method' in message || message.id === undefined) return sent;
    const { id } = message;
    const run = this.taps.afterResponse(id);
    return run === undefined ? sent : sent.finally(run);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  setProtocolVersion(version: string): void {
    this.inner.setProtocolVersion?.(version);
  }

  private onInitialized({ protocolVersion }: Record<string, unknown>): void {
    this.initializeId = undefined;
    if (typeof protocolVersion === 'string') this.taps.onNegotiated(protocolVersion);
  }

  /** Refuses a request that would be refused earlier over HTTP. */
  private refuse(code: number, message: string, id?: RequestId): void {
    const refusal: JSONRPCMessage = { jsonrpc: '2.0', ...(id !== undefined && { id }), error: { code, message } };
    this.inner.send(refusal).catch((failed: unknown) => this.onerror?.(failed as Error));
  }

  private tapCancellation(message: JSONRPCMessage): void {
    if (!('method' in message) || message.method !== 'notifications/cancelled') return;
    const request: unknown = message.params?.['requestId'];
    if (typeof request === 'string' || typeof request === 'number') this.taps.onCancelled(request);
  }

  private withoutStrayTask<Message extends JSONRPCMessage>(message: Message): Message {
    if (!('method' in message) || message.params?.task === undefined || this.taps.acceptsTask(message.method)) {
      return message;
    }
    const { task, ...params } = message.params;
    return { ...message, params };
  }
}

/** Otherwise the SDK would send everything about the request to its queue for tasks, which Errand does not use. */
function withoutRelatedTask<Message extends JSONRPCMessage>(message: Message): Message {
  if (!('method' in message) || message.params?._meta?.[relatedTaskKey] === undefined) return message;
  const { [relatedTaskKey]: relatedTask, ..._meta } = message.params._meta;
  return { ...message, params: { ...message.params, _meta } };
}

function isQuestionAnswer(message: JSONRPCMessage): message is JSONRPCMessage & { id: string } {
  return !('method' in message) && typeof message.id === 'string' && message.id.startsWith(questionIdPrefix);
}
