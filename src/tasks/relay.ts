import type { Clock } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';
import type { RareLog } from '../base/rare-log.js';
import type { Answer, ClientNotice } from '../call/channel.js';
import type { AnswerResult, Engine, EngineEvent, Unwatch } from '../docket/engine/engine.js';
import { answerWithin, type SizeLimits } from '../docket/engine/size-limits.js';
import { isTerminal, type ExecutionRecord, type Question } from '../docket/engine/record.js';

/** How long and how often to retry an answer while the docket cannot be reached, in milliseconds. */
const answerPatience = 120_000;
const answerPause = 500;

/** A connection's handlers for the events of its session's tasks. */
export interface TaskListener {
  status(record: ExecutionRecord): void;
  progress(record: ExecutionRecord): void;
  question(record: ExecutionRecord, question: Question): void;
  /** The question no longer needs an answer. */
  closed(record: ExecutionRecord, question: Question): void;
  notice(record: ExecutionRecord, notice: ClientNotice): void;
}

/** Passes one event to a listener. */
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

/** Relays the events of a session's tasks to the connection that this process holds. */
export function relayTo(engine: Engine, session: string, listener: TaskListener): Promise<Unwatch> {
  return engine.watch({ session }, (event) => dispatch(event, listener));
}

/** How many tasks are read at once: a session may have a thousand. */
const readAtOnce = 25;

/** Brings a listener up to date on tasks whose events it may have missed. */
export async function catchUp(engine: Engine, keys: readonly string[], listener: TaskListener): Promise<void> {
  const report = async (key: string): Promise<void> => {
    const [record, questions] = await Promise.all([engine.get(key), engine.questions(key)]);
    if (record === undefined) return;
    listener.status(record);
    if (isTerminal(record.state)) return;
    listener.progress(record);
    for (const question of questions) if (question.answer === undefined) listener.question(record, question);
  };
  for (let index = 0; index < keys.length; index += readAtOnce) {
    await Promise.all(keys.slice(index, index + readAtOnce).map(report));
  }
}

/** The parts of a server that {@link relayAnswer} needs. */
export interface AnswerHost {
  readonly limits: SizeLimits;
  readonly rareLog: RareLog;
  readonly clock: Clock;
}

/** Where an answer comes from, and the question it belongs to. */
export interface AnswerAddress {
  readonly taskId: string;
  readonly question: string;
  readonly principal: string;
  /** The session that sent it. */
  readonly session: string;
}

/**
 * Delivers an answer to the docket. An answer is ignored and logged if its task does not exist or belongs to another
 * principal, if its session was not asked, or if it is the second one. While the docket cannot be reached the answer is
 * kept and retried, because people must not be asked twice.
 */
export async function relayAnswer(
  engine: Engine,
  to: AnswerAddress,
  answer: Answer,
  host: AnswerHost,
): Promise<AnswerResult> {
  const { limits, rareLog, clock } = host;
  const stored = answerWithin(limits, answer);
  const until = clock.now() + answerPatience;
  let closed = false;
  const forget = engine.onClose(() => (closed = true));
  const hasTime = (): boolean => !closed && clock.now() < until;
  try {
    for (;;) {
      try {
        const result = await giveAnswer(engine, to, stored);
        if (result !== 'accepted') {
          rareLog.write('info', 'An answer was ignored', { taskId: to.taskId, question: to.question, result });
        }
        return result;
      } catch (error) {
        if (!ErrandError.is(error, 'DOCKET_UNAVAILABLE') || !hasTime()) throw error;
      }
      await new Promise<void>((resolve) => void clock.schedule(answerPause, resolve));
    }
  } finally {
    forget();
  }
}

/** Records that the client has received a question. */
export async function relayReceipt(engine: Engine, from: AnswerAddress): Promise<void> {
  const record = await engine.get(from.taskId);
  if (record?.owner === from.principal) {
    await engine.questionLeases.acknowledge(from.taskId, from.question, from.session);
  }
}

async function giveAnswer(engine: Engine, to: AnswerAddress, answer: Answer): Promise<AnswerResult> {
  const record = await engine.get(to.taskId);
  return record?.owner === to.principal
    ? engine.answer(to.taskId, to.question, answer, { session: to.session })
    : 'unknown';
}
