import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { ResultSchema, type ServerNotification, type ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import { longestTimer } from '../../base/clock.js';
import { ErrandError } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import type { Answer, ClientChannel, ClientNotice, ClientQuestion, ProgressState } from '../../call/channel.js';
import type { CallLife } from '../../call/life.js';
import { isProtocolError, toWireError } from '../../protocol/errors.js';
import type { LoggingLevel } from '../../protocol/types.js';
import { notificationOf, requestOf } from './client-messages.js';
import type { Streams } from './streams.js';

/** What the SDK knows of the request that a handler answers. */
export type RequestExtra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** How a foreground call reaches its client: on the stream of the request itself. */
export class SessionChannel implements ClientChannel {
  private sent = -Infinity;

  constructor(
    private readonly extra: RequestExtra,
    private readonly progressToken: string | number | undefined,
    private readonly shows: (level: LoggingLevel) => boolean,
    private readonly streams: Streams,
  ) {}

  async ask(question: ClientQuestion, life: CallLife): Promise<Answer> {
    if (!this.streams.lasting) throw unreachable();
    const prompt = new AbortController();
    let stopDeadline = (): void => undefined;
    let forgetDrop = (): void => undefined;
    const gone = new Promise<Answer>((resolve, reject) => {
      stopDeadline = life.clock.schedule(question.deadline, () => resolve(question.onDeadline));
      forgetDrop = this.streams.onDropped(this.extra.requestId, () => reject(dropped()));
    });
    let closePrompt = (): void => prompt.abort('The question needs no answer any more');
    const answered = this.request(question, prompt.signal).finally(() => {
      closePrompt = () => undefined;
    });
    try {
      return await life.waitFor(Promise.race([answered, gone]));
    } finally {
      stopDeadline();
      forgetDrop();
      closePrompt();
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

  async notify(notice: ClientNotice): Promise<void> {
    if (notice.type === 'log' && !this.shows(notice.level)) return;
    await this.extra.sendNotification(notificationOf(notice) as ServerNotification);
  }

  private async request(question: ClientQuestion, signal: AbortSignal): Promise<Answer> {
    try {
      // The deadline is ours, so that the clock of the server counts it.
      const options = { signal, timeout: longestTimer };
      const result = await this.extra.sendRequest(requestOf(question) as ServerRequest, ResultSchema, options);
      return { result: result as Json };
    } catch (error) {
      if (isProtocolError(error)) return { error: toWireError(error) };
      throw error;
    }
  }
}

const dropped = (): ErrandError =>
  new ErrandError('ANSWER_FAILED', 'The client dropped the stream on which it was asked.', { exposed: true });

const unreachable = (): ErrandError =>
  new ErrandError(
    'CLIENT_UNREACHABLE',
    'This call has to ask its client, but the listener keeps no sessions, so no answer could come back to the call. Run it as a task, or listen with sessions.',
    { exposed: true },
  );
