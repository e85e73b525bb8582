import { ErrandError } from '../../../base/errors.js';
import type { Answer, ClientChannel, ClientNotice, ClientQuestion, ProgressState } from '../../../call/channel.js';
import { ignorable, type CallScope } from '../../../call/call-scope.js';
import { principalOf } from '../../../call/principal.js';
import type { JSONRPCMessage } from '../../../protocol/json-rpc/messages.js';
import type { LoggingLevel } from '../../../protocol/types.js';
import { notificationOf } from '../client-messages.js';
import type { ForegroundQuestions } from './foreground-questions.js';
import type { News, NewsKind } from '../news.js';
import type { RequestExtra } from '../request-extra.js';
import type { ClientAccount } from '../../shares.js';
import type { Streams } from '../streams.js';

/** The parts of a connection that the channel uses. */
interface ChannelHost {
  readonly shows: (level: LoggingLevel) => boolean;
  readonly streams: Streams;
  readonly questions: ForegroundQuestions;
  readonly news: News;
  readonly account: ClientAccount | undefined;
}

/**
 * The channel of a foreground call: the stream of its request. Progress and log lines wait for a client that reads slowly,
 * but not for long: of what is dropped then, the latest progress is kept, and sent once there is room, or before the result.
 */
export class ForegroundChannel implements ClientChannel {
  private lastProgress = -Infinity;
  /** The latest progress, if there was no room for it. */
  private unsent: JSONRPCMessage | undefined;
  private stopWaiting: (() => void) | undefined;

  constructor(
    private readonly extra: RequestExtra,
    private readonly progressToken: string | number | undefined,
    private readonly host: ChannelHost,
    private readonly scope: CallScope,
  ) {}

  async ask(question: ClientQuestion, scope: CallScope): Promise<Answer> {
    const { requestId, authInfo } = this.extra;
    const { streams, questions, account } = this.host;
    if (!streams.lasting) throw unreachable();
    if (!streams.isOpen(requestId)) throw dropped();
    const reached = account?.share.take('questions');
    if (reached !== undefined) throw reached.toQuestionError();
    let stopDeadline = (): void => undefined;
    // A stream dropped later ends nothing: the client has the question, and answers it in a request of its own.
    const expired = new Promise<Answer>((resolve) => {
      stopDeadline = scope.clock.schedule(question.deadline, () => resolve(question.onDeadline));
    });
    const sent = questions.ask(question, requestId, principalOf(authInfo).id);
    try {
      return await scope.waitFor(Promise.race([sent.answer, expired]));
    } finally {
      stopDeadline();
      sent.close();
      account?.share.give('questions');
    }
  }

  /** Values must increase on the wire (2025-11-25, basic/utilities/progress); a new message waits for the next step. */
  async progress({ current, total, message }: ProgressState): Promise<void> {
    if (this.progressToken === undefined || current <= this.lastProgress) return;
    this.lastProgress = current;
    const rest = { ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
    const params = { progressToken: this.progressToken, progress: current, ...rest };
    const report: JSONRPCMessage = { jsonrpc: '2.0', method: 'notifications/progress', params };
    this.unsent = undefined;
    if (await this.deliver('progress', report)) return;
    // Later progress may have been sent, or dropped as well, in the meantime.
    if (current < this.lastProgress || this.scope.over !== undefined) return;
    this.unsent = report;
    this.stopWaiting ??= this.host.news.whenRoom(this.extra.requestId, () => this.sendUnsent());
  }

  async notify(notice: ClientNotice): Promise<void> {
    const message: JSONRPCMessage = { jsonrpc: '2.0', ...notificationOf(notice) };
    if (notice.type !== 'log') await this.host.news.force(message, this.extra.requestId);
    else if (this.host.shows(notice.level)) await this.deliver('log', message);
  }

  /** Sends the progress that there was no room for. After the result it would be too late. */
  sendUnsent(): void {
    this.stopWaiting?.();
    this.stopWaiting = undefined;
    const { unsent } = this;
    this.unsent = undefined;
    if (unsent !== undefined) void ignorable(this.host.news.force(unsent, this.extra.requestId));
  }

  private async deliver(kind: NewsKind, message: JSONRPCMessage): Promise<boolean> {
    const { requestId, signal } = this.extra;
    if (signal.aborted) return true;
    return this.host.news.deliver(kind, message, requestId, () => this.scope.over !== undefined);
  }
}

const dropped = (): ErrandError =>
  new ErrandError('ANSWER_FAILED', 'The client dropped the stream on which the question would have been sent.', {
    exposed: true,
  });

const unreachable = (): ErrandError =>
  new ErrandError(
    'CLIENT_UNREACHABLE',
    'This call has to ask its client, but the listener keeps no sessions, so no answer could reach the call. Run it as a task, or listen with sessions.',
    { exposed: true },
  );
