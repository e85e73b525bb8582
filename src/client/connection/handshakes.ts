import { InitializeResultSchema, type InitializeResult } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../../base/clock.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import type { Transport } from '../../protocol/transport.js';
import { parseResponse, requestTimedOut, type Recipient } from './client-errors.js';
import type { Request } from './repeatable.js';

/** How long a server may take to begin a new session, in milliseconds. */
const handshakeTimeout = 60_000;

/** Introduces the client to its server once more, in a session of which the SDK's client knows nothing. */
export class Handshakes {
  private readonly waiting = new Map<RequestId, (message: JSONRPCMessage) => void>();
  private last = 0;

  constructor(
    private readonly to: Recipient,
    private readonly clock: Clock,
  ) {}

  /** Takes the answer to a handshake. Returns false for any other message. */
  receive(message: JSONRPCMessage): boolean {
    const resolve = 'id' in message && message.id !== undefined ? this.waiting.get(message.id) : undefined;
    resolve?.(message);
    return resolve !== undefined;
  }

  /** Begins a session on a transport that has been started. */
  async introduce(transport: Transport, introduction: Request): Promise<InitializeResult> {
    const id = `session-${++this.last}`;
    let stopTimeout = (): void => undefined;
    try {
      const answer = await new Promise<JSONRPCMessage>((resolve, reject) => {
        const giveUp = (): void => reject(requestTimedOut(this.to, introduction.method, handshakeTimeout));
        stopTimeout = this.clock.schedule(handshakeTimeout, giveUp);
        this.waiting.set(id, resolve);
        transport.send({ ...introduction, id }).catch(reject);
      });
      const { result } = answer as { result?: unknown };
      const server = parseResponse(InitializeResultSchema, result, introduction.method);
      transport.setProtocolVersion?.(server.protocolVersion);
      await transport.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
      return server;
    } finally {
      stopTimeout();
      this.waiting.delete(id);
    }
  }
}
