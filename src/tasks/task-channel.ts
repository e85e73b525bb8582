import { ErrandError } from '../base/errors.js';
import { copyOfJson } from '../base/json.js';
import type { Logger } from '../base/logger.js';
import type { Meters } from '../telemetry/meters.js';
import type { Answer, ClientChannel, ClientNotice, ClientQuestion, ProgressState } from '../call/channel.js';
import type { CallScope } from '../call/call-scope.js';
import type { Delivery, Engine } from '../docket/engine/engine.js';
import { auditFields, type ExecutionRecord, type Question } from '../docket/engine/record.js';
import { noticeWithin, progressWithin } from '../docket/engine/size-limits.js';

/**
 * The channel of a task: questions, progress and notices go through the engine to the process that holds the client's
 * connection, this one or another.
 */
export class TaskChannel implements ClientChannel {
  constructor(
    private readonly engine: Engine,
    private readonly delivery: Delivery,
    /** The number of questions that the task may ask. */
    private readonly mostQuestions: number,
    private readonly meters: Meters,
    private readonly logger: Logger,
  ) {}

  async ask(question: ClientQuestion, scope: CallScope): Promise<Answer> {
    const { engine } = this;
    const { key } = this.delivery.record;
    let settle: (answer: Answer) => void;
    const answered = new Promise<Answer>((resolve) => {
      settle = resolve;
    });
    // Watch before asking, so that an immediate answer is not missed.
    const unwatch = await engine.watch({ key }, (event) => {
      if (event.type === 'closed' && event.question.key === question.key && event.question.answer !== undefined) {
        this.noteAnswer(event.record, event.question);
        // A copy, because the call may change it: the engine keeps its own for the next run.
        settle(copyOfJson(event.question.answer));
      }
    });
    try {
      const asked = await engine.ask(key, this.delivery.run, question, this.mostQuestions);
      if (asked === undefined) {
        scope.check();
        throw lost();
      }
      this.countQuestion(asked);
      if (asked.answer === undefined) return await scope.waitFor(answered);
      this.logAnswer('A question was answered before this run', asked);
      return asked.answer;
    } finally {
      unwatch();
    }
  }

  async progress(progress: ProgressState): Promise<void> {
    this.owned(await this.engine.progress(this.delivery.record.key, this.delivery.run, progressWithin(progress)));
  }

  async notify(notice: ClientNotice): Promise<void> {
    this.owned(await this.engine.notify(this.delivery.record.key, this.delivery.run, noticeWithin(notice)));
  }

  /** A question of an earlier run was counted then. This run began with the last write before it asked. */
  private countQuestion({ kind, createdAt }: Question): void {
    const { component, updatedAt } = this.delivery.record;
    if (createdAt < updatedAt) return;
    this.meters.count('questionsAsked', { 'errand.component': component, 'errand.question.kind': kind });
  }

  /** The answer is the last write, so the time of the write shows whether the deadline gave it. */
  private noteAnswer({ component, updatedAt }: ExecutionRecord, question: Question): void {
    const { kind, createdAt, deadline } = question;
    const attributes = { 'errand.component': component, 'errand.question.kind': kind };
    if (updatedAt >= deadline) {
      this.meters.count('questionsExpired', attributes);
    } else {
      this.logAnswer('A question was answered', question);
      this.meters.count('questionsAnswered', attributes);
      this.meters.time('answerTime', updatedAt - createdAt, attributes);
    }
  }

  /** Says that a question was answered, whoever did and in whichever process; never the answer. */
  private logAnswer(message: string, { key: question, by }: Question): void {
    this.logger.info(message, { ...auditFields(this.delivery.record), question, ...(by !== undefined && { by }) });
  }

  private owned(isOurs: boolean): void {
    if (!isOurs) throw lost();
  }
}

const lost = (): ErrandError =>
  new ErrandError('CALL_ENDED', 'This run no longer owns its execution, so nothing more can be sent for it.');
