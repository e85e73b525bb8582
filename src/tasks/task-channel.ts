import type { Clock } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';
import { deadlineAnswer, type Answer, type ClientChannel, type ClientQuestion } from '../call/channel.js';
import { Journal } from '../call/journal.js';
import type { CallLife } from '../call/life.js';
import type { Delivery, Engine } from '../docket/engine.js';

/**
 * How a background call reaches its client: questions, progress and log go through the engine, and whoever holds the
 * client's connection, in this process or another, carries them on.
 */
export class TaskChannel implements ClientChannel {
  private readonly journal = new Journal();

  constructor(
    private readonly engine: Engine,
    private readonly delivery: Delivery,
    private readonly clock: Clock,
  ) {}

  async ask(question: ClientQuestion, life: CallLife): Promise<Answer> {
    const key = this.journal.name(question);
    try {
      return await this.askOrRemember(key, question, life);
    } finally {
      this.journal.close(key);
    }
  }

  async progress(progress: Parameters<ClientChannel['progress']>[0]): Promise<void> {
    this.owned(await this.engine.progress(this.delivery.record.key, this.delivery.run, progress));
  }

  async log(entry: Parameters<ClientChannel['log']>[0]): Promise<void> {
    this.owned(await this.engine.log(this.delivery.record.key, this.delivery.run, entry));
  }

  private async askOrRemember(name: string, question: ClientQuestion, life: CallLife): Promise<Answer> {
    const { engine, clock } = this;
    const { key } = this.delivery.record;
    let settle: (answer: Answer) => void;
    const answered = new Promise<Answer>((resolve) => {
      settle = resolve;
    });
    // Watching before asking: an answer that comes at once is not missed.
    const unwatch = await engine.watch({ key }, (event) => {
      if (event.type === 'closed' && event.question.key === name && event.question.answer !== undefined) {
        settle(event.question.answer);
      }
    });
    let stopDeadline: (() => void) | undefined;
    try {
      const asked = await engine.ask(key, this.delivery.run, {
        key: name,
        kind: question.kind,
        params: question.params,
        deadline: clock.now() + question.deadline,
      });
      if (asked === undefined) {
        life.check();
        throw lost();
      }
      if (asked.answer !== undefined) return asked.answer;
      stopDeadline = clock.schedule(asked.deadline - clock.now(), () => {
        // The deadline answers like anybody else: the first answer wins, and a later run finds it in the journal.
        engine.answer(key, name, deadlineAnswer).catch(() => undefined);
      });
      return await life.waitFor(answered);
    } finally {
      stopDeadline?.();
      unwatch();
    }
  }

  private owned(isOurs: boolean): void {
    if (!isOurs) throw lost();
  }
}

const lost = (): ErrandError =>
  new ErrandError('CALL_ENDED', 'This run no longer owns its execution, so nothing more can be sent for it.');
