import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import { ErrandError } from '../base/errors.js';
import { flushed } from '../base/flushed.js';
import type { Logger } from '../base/logger.js';
import { RareLog } from '../base/rare-log.js';
import type { JSONRPCMessage, RequestId } from '../protocol/json-rpc/messages.js';
import { addressOf, isJsonRpcMessage, problemOf } from '../protocol/json-rpc/shapes.js';
import { rpcCode } from '../protocol/errors.js';
import type { Transport } from '../protocol/transport.js';
import { EnvelopeScanner } from './envelope-scanner.js';
import { refusalOfJson } from './json-cost.js';

const newline = 0x0a;

/** The settings of the server that a {@link StdioTransport} needs. */
export interface StdioSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In milliseconds. */
  readonly grace: number;
  /** The maximum length of a message from the client, in bytes. */
  readonly maximumMessage: number;
}

/**
 * Exchanges messages as lines of JSON on stdin and stdout (MCP specification, basic/transports, stdio). A line that is too
 * long or not a message is answered with an error, under its id if it has one, and reading goes on with the next one.
 */
export class StdioTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onclose?: () => void;
  onerror?: (error: Error) => void;
  /** Resolves when the client has sent everything, though it may still read, or when the transport is closed. */
  readonly ended: Promise<void>;
  private end!: () => void;
  private line: Buffer[] = [];
  private length = 0;
  /** Looks for the id of a line that is too long, whose rest is skipped. */
  private skipped: EnvelopeScanner | undefined;
  private isClosed = false;
  private readonly log: RareLog;

  constructor(
    private readonly settings: StdioSettings,
    private readonly input: Readable = process.stdin,
    private readonly output: Writable = process.stdout,
  ) {
    this.log = new RareLog(settings.logger, settings.clock);
    this.ended = new Promise((resolve) => (this.end = resolve));
    // The client closed its end of stdout. Each further write emits another error.
    this.output.on('error', () => void this.close());
  }

  start(): Promise<void> {
    this.input.on('data', this.onData).on('error', this.onInputError);
    this.input.once('end', this.end).once('close', this.end);
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    // Resolves when the system has taken it, or the client is gone.
    return new Promise((resolve) => void this.output.write(`${this.toText(message)}\n`, () => resolve()));
  }

  /** Waits until the client has read everything, for at most half of the grace. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.input.off('data', this.onData).off('error', this.onInputError);
    // Other listeners may still want to read.
    if (this.input.listenerCount('data') === 0) this.input.pause();
    const { clock, grace, logger } = this.settings;
    const read = settlesWithin(flushed(this.output), grace / 2, clock);
    this.end();
    this.onclose?.();
    if (!(await read)) logger.warning('The client does not read its answers, which are lost when the process ends');
  }

  private readonly onInputError = (error: Error): void => this.onerror?.(error);

  private readonly onData = (chunk: Buffer): void => {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      this.take(chunk.subarray(start, end));
      start = end + 1;
      this.endLine();
    }
    this.take(chunk.subarray(start));
  };

  private take(part: Buffer): void {
    if (part.length === 0) return;
    if (this.skipped !== undefined) return this.skipped.read(part);
    this.length += part.length;
    this.line.push(part);
    const { maximumMessage: maximum } = this.settings;
    if (this.length <= maximum) return;
    this.log.write('warning', 'A message over stdio was too long and was skipped', { maximum });
    this.skipped = new EnvelopeScanner();
    for (const piece of this.line) this.skipped.read(piece);
    this.line = [];
  }

  private endLine(): void {
    const { skipped } = this;
    const line = Buffer.concat(this.line);
    this.line = [];
    this.length = 0;
    this.skipped = undefined;
    if (this.isClosed) return;
    if (skipped === undefined) return this.receive(line);
    const message = `A message is longer than ${this.settings.maximumMessage} bytes and was skipped.`;
    this.refuseUnread(skipped, message);
  }

  private receive(line: Buffer): void {
    const { maximumMessage: largest } = this.settings;
    const refusal = refusalOfJson({ text: line, what: 'message', largest });
    if (refusal !== undefined) {
      this.log.write('warning', 'A message over stdio was not read', { reason: refusal });
      const scanner = new EnvelopeScanner();
      scanner.read(line);
      return this.refuseUnread(scanner, refusal);
    }
    const text = line.toString('utf8');
    // Somebody who tries the server in a terminal presses Enter.
    if (text.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return this.refuse({ isAnswer: false }, rpcCode.parseError, 'Parse error: the line is not JSON.');
    }
    if (isJsonRpcMessage(value)) return this.onmessage?.(value);
    const message = `This is not a JSON-RPC message: ${problemOf(value)}.`;
    this.refuse(addressOf(value), rpcCode.invalidRequest, message);
  }

  private refuseUnread({ id, hasMethod, hasOutcome }: EnvelopeScanner, message: string): void {
    // Nobody waits for the answer to a notification.
    if (hasMethod && id === undefined) return this.onerror?.(new ErrandError('INPUT_TOO_LARGE', message));
    const address = { isAnswer: hasOutcome && !hasMethod, ...(id !== undefined && { id }) };
    this.refuse(address, rpcCode.invalidRequest, message);
  }

  /** Answers a message that cannot be handled. If it was meant as an answer, the request that waits for it fails. */
  private refuse({ id, isAnswer }: ReturnType<typeof addressOf>, code: number, message: string): void {
    const refusal = failure(id, code, message);
    this.onerror?.(new ErrandError('INPUT_INVALID', message));
    if (!isAnswer) void this.send(refusal);
    else if (id !== undefined) this.onmessage?.(refusal);
  }

  /** The text of a message. A result that cannot be written, such as one that is nested too deep, becomes an error. */
  private toText(message: JSONRPCMessage): string {
    try {
      return JSON.stringify(message);
    } catch (error) {
      if ('method' in message) throw error;
      this.settings.logger.error('A result could not be written as JSON', { error });
      return JSON.stringify(failure(message.id, rpcCode.internalError, 'The result cannot be written as JSON.'));
    }
  }
}

function failure(id: RequestId | undefined, code: number, message: string): JSONRPCMessage {
  return { jsonrpc: '2.0', ...(id !== undefined && { id }), error: { code, message } };
}
