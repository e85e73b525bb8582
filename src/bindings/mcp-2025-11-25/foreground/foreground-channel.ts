import type { ServerNotification } from '@modelcontextprotocol/sdk/types.js';
import { ErrandError } from '../../../base/errors.js';
import type { Answer, ClientChannel, ClientNotice, ClientQuestion, ProgressState } from '../../../call/channel.js';
import type { CallScope } from '../../../call/call-scope.js';
import { principalOf } from '../../../call/principal.js';
import type { LoggingLevel } from '../../../protocol/types.js';
import { notificationOf } from '../client-messages.js';
import type { ForegroundQuestions } from './foreground-questions.js';
import type { RequestExtra } from '../request-extra.js';
import type { Streams } from '../streams.js';

/** The channel of a foreground call: the stream of its request. */
export class ForegroundChannel implements ClientChannel {
  private lastProgress = -Infinity;

  constructor(
    private readonly extra: RequestExtra,
    private readonly progressToken: string | number | undefined,
    private readonly shows: (level: LoggingLevel) => boolean,
    private readonly streams: Streams,
    private readonly questions: ForegroundQuestions,
  ) {}

  async ask(question: ClientQuestion, scope: CallScope): Promise<Answer> {
    const { requestId, authInfo } = this.extra;
    if (!this.streams.lasting) throw unreachable();
    if (!this.streams.isOpen(requestId)) throw dropped();
    let stopDeadline = (): void => undefined;
    // A stream dropped later ends nothing: the client has the question, and answers it in a request of its own.
    const expired = new Promise<Answer>((resolve) => {
      stopDeadline = scope.clock.schedule(question.deadline, () => resolve(question.onDeadline));
    });
    const sent = this.questions.ask(question, requestId, principalOf(authInfo).id);
    try {
      return await scope.waitFor(Promise.race([sent.answer, expired]));
    } finally {
      stopDeadline();
      sent.close();
    }
  }

  /** Values must increase on the wire (2025-11-25, basic/utilities/progress); a new message waits for the next step. */
  async progress({ current, total, message }: ProgressState): Promise<void> {
    if (this.progressToken === undefined || current <= this.lastProgress) return;
    this.lastProgress = current;
    const rest = { ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
    const params = { progressToken: this.progressToken, progress: current, ...rest };
    await this.extra.sendNotification({ method: 'notifications/progress', params });
  }

  async notify(notice: ClientNotice): Promise<void> {
    if (notice.type === 'log' && !this.shows(notice.level)) return;
    await this.extra.sendNotification(notificationOf(notice) as ServerNotification);
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
