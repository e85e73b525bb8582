import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import { ErrandError } from '../base/errors.js';
import { flushed } from '../base/flushed.js';
import type { Logger } from '../base/logger.js';
import type { JSONRPCMessage } from '../protocol/json-rpc/messages.js';
import { isJsonRpcMessage } from '../protocol/json-rpc/shapes.js';
import { rpcCode } from '../protocol/errors.js';
import type { Transport } from '../protocol/transport.js';

/** The maximum length of a line, in bytes. */
const maximumLine = 10 * 1024 * 1024;

const newline = 0x0a;

/** The settings of the server that a {@link StdioTransport} needs. */
export interface StdioSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In milliseconds. */
  readonly grace: number;
}

/**
 * Exchanges messages as lines of JSON on stdin and stdout (MCP specification, basic/transports, stdio). A line that is too
 * long or not a message is reported, and reading goes on with the next one.
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
  /** Whether the line was too long, so that the rest of it is skipped. */
  private isSkipping = false;
  private isClosed = false;

  constructor(
    private readonly settings: StdioSettings,
    private readonly input: Readable = process.stdin,
    private readonly output: Writable = process.stdout,
  ) {
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
    return new Promise((resolve) => void this.output.write(`${JSON.stringify(message)}\n`, () => resolve()));
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
    if (this.isSkipping || part.length === 0) return;
    this.length += part.length;
    if (this.length <= maximumLine) {
      this.line.push(part);
      return;
    }
    this.isSkipping = true;
    this.line = [];
    const message = `A message is longer than ${maximumLine} bytes and was skipped.`;
    this.onerror?.(new ErrandError('INPUT_TOO_LARGE', message));
    this.settings.logger.warning('A message over stdio was too long and was skipped', { maximum: maximumLine });
    void this.send({ jsonrpc: '2.0', error: { code: rpcCode.invalidRequest, message } });
  }

  private endLine(): void {
    const line = Buffer.concat(this.line);
    const wasSkipped = this.isSkipping;
    this.line = [];
    this.length = 0;
    this.isSkipping = false;
    if (wasSkipped || this.isClosed) return;
    try {
      const message: unknown = JSON.parse(line.toString('utf8'));
      if (isJsonRpcMessage(message)) this.onmessage?.(message);
      else this.onerror?.(new ErrandError('INPUT_INVALID', 'A line on stdin is not a JSON-RPC message.'));
    } catch (error) {
      this.onerror?.(error as Error);
    }
  }
}
