import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ErrorCode,
  McpError,
  ResultSchema,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { longestTimer } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import {
  deadlineAnswer,
  type Answer,
  type ClientChannel,
  type ClientQuestion,
  type LogEntry,
  type ProgressState,
} from '../../call/channel.js';
import { Journal } from '../../call/journal.js';
import type { CallLife } from '../../call/life.js';
import { isProtocolError, toWireError } from '../../protocol/errors.js';
import type { LoggingLevel } from '../../protocol/types.js';
import type { Streams } from './streams.js';

/** What the SDK knows of the request that a handler answers. */
export type RequestExtra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** How a foreground call reaches its client: on the stream of the request itself. */
export class SessionChannel implements ClientChannel {
  private sent = -Infinity;
  private journal: Journal | undefined;

  constructor(
    private readonly extra: RequestExtra,
    private readonly progressToken: string | number | undefined,
    private readonly shows: (level: LoggingLevel) => boolean,
    private readonly streams: Streams,
  ) {}

  async ask(question: ClientQuestion, life: CallLife): Promise<Answer> {
    // Nothing is kept for another run here, but what the background refuses, the foreground refuses too.
    const journal = (this.journal ??= new Journal());
    const name = journal.name(question);
    try {
      return await this.send(question, life);
    } finally {
      journal.close(name);
    }
  }

  /** Values must increase on the wire (2025-11-25, basic/utilities/progress); the rest waits for the next step. */
  async progress({ current, total, message }: ProgressState): Promise<void> {
    if (this.progressToken === undefined || current <= this.sent) return;
    this.sent = current;
    const rest = { ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
    const params = { progressToken: this.progressToken, progress: current, ...rest };
    await this.extra.sendNotification({ method: 'notifications/progress', params });
  }

  async log(entry: LogEntry): Promise<void> {
    if (!this.shows(entry.level)) return;
    await this.extra.sendNotification({ method: 'notifications/message', params: { ...entry } });
  }

  private async send(question: ClientQuestion, life: CallLife): Promise<Answer> {
    const request = { method: 'elicitation/create', params: question.params } as unknown as ServerRequest;
    const prompt = new AbortController();
    let onDropped = (): void => undefined;
    const dropped = new Promise<never>((_resolve, reject) => {
      onDropped = () =>
        reject(
          new ErrandError('ANSWER_FAILED', 'The client dropped the stream on which it was asked.', { exposed: true }),
        );
    });
    const forgetDrop = this.streams.onDropped(this.extra.requestId, onDropped);
    // The timeout closes the prompt at the deadline; the signal when the call goes on, or ends, without the answer.
    const options = { timeout: Math.min(question.deadline, longestTimer), signal: prompt.signal };
    const asked = this.extra.sendRequest(request, ResultSchema, options);
    try {
      return { result: (await life.waitFor(Promise.race([asked, dropped]))) as Json };
    } catch (error) {
      if (error instanceof McpError && error.code === (ErrorCode.RequestTimeout as number)) return deadlineAnswer;
      if (isProtocolError(error)) return { error: toWireError(error) };
      prompt.abort();
      throw error;
    } finally {
      forgetDrop();
    }
  }
}
