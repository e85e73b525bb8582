import type { Logger } from '../base/logger.js';
import type { Answer, ClientNotice } from '../call/channel.js';
import type { Engine, EngineEvent, Unwatch } from '../docket/engine.js';
import { answerWithin, type Limits } from '../docket/limits.js';
import { isTerminal, type ExecutionRecord, type Question } from '../docket/record.js';

/** What a connection does with what the tasks of its session send. */
export interface TaskListener {
  status(record: ExecutionRecord): void;
  progress(record: ExecutionRecord): void;
  question(record: ExecutionRecord, question: Question): void;
  /** The question needs no answer any more. */
  closed(record: ExecutionRecord, question: Question): void;
  notice(record: ExecutionRecord, notice: ClientNotice): void;
}

/** Hands one event to a listener. */
export function dispatch(event: EngineEvent, listener: TaskListener): void {
  switch (event.type) {
    case 'state':
      return listener.status(event.record);
    case 'progress':
      return listener.progress(event.record);
    case 'question':
      return listener.question(event.record, event.question);
    case 'closed':
      return listener.closed(event.record, event.question);
    case 'notice':
      return listener.notice(event.record, event.notice);
  }
}

/** Carries what the tasks of a session send to the connection that this process holds. */
export function relayTo(engine: Engine, session: string, listener: TaskListener): Promise<Unwatch> {
  return engine.watch({ session }, (event) => dispatch(event, listener));
}

/** Tells a listener how some tasks are now, of which it may have missed something. */
export async function catchUp(engine: Engine, keys: readonly string[], listener: TaskListener): Promise<void> {
  const tell = async (key: string): Promise<void> => {
    const [record, questions] = await Promise.all([engine.get(key), engine.questions(key)]);
    if (record === undefined) return;
    listener.status(record);
    if (isTerminal(record.state)) return;
    listener.progress(record);
    for (const question of questions) if (question.answer === undefined) listener.question(record, question);
  };
  await Promise.all(keys.map(tell));
}

/**
 * Carries an answer back. One for a task of another principal is ignored as one for a task that does not exist, and so is
 * a second answer; both are logged.
 */
export async function relayAnswer(
  engine: Engine,
  to: { readonly taskId: string; readonly question: string; readonly principal: string },
  answer: Answer,
  { limits, logger }: { readonly limits: Limits; readonly logger: Logger },
): Promise<void> {
  const record = await engine.get(to.taskId);
  const isOurs = record?.owner === to.principal;
  const verdict = isOurs ? await engine.answer(to.taskId, to.question, answerWithin(limits, answer)) : 'unknown';
  if (verdict !== 'accepted') {
    logger.info('An answer was ignored', { taskId: to.taskId, question: to.question, verdict });
  }
}
