import { ErrandError, messageOf } from '../../base/errors.js';
import { toJsonText, type Json } from '../../base/json.js';
import type { Answer, ClientNotice, ProgressState } from '../../call/channel.js';
import type { Outcome } from '../../call/outcome.js';
import { rpcCode } from '../../protocol/errors.js';
import type { TaskLimits } from './engine.js';

/** The bytes of messages that wait for one process. Beyond them progress is left out first, then log lines. */
export const inboxRoom = 1_048_576;

/** The size of a notice or of a progress message, in bytes of JSON: 64 KiB once it is sealed, which adds a third. */
const noticeSize = 48_000;

/** The most bytes that JSON in UTF-8 needs for one UTF-16 code unit. */
const mostBytesPerUnit = 6;

/** The limits of a docket. Sizes are bytes of JSON in UTF-8. */
export interface SizeLimits {
  /** The number of open tasks of one principal. */
  readonly openTasks: number;
  /** The part of a worker's slots that the tasks of one client may hold. */
  readonly share: number;
  /** The longest time that a client may have a finished task kept, in milliseconds. */
  readonly ttl: number;
  /** The size of the input of one execution, and of each answer to its questions. */
  readonly input: number;
  /** The size of the outcome of one execution. */
  readonly result: number;
  /** The number of questions of one task, answered ones included. */
  readonly questions: number;
}

/** The default of {@link SizeLimits.input}: 1 MiB. */
export const usualInput = 1_048_576;

/**
 * Checks the size of an input and returns it in its stored form.
 *
 * @throws {ErrandError} `INPUT_TOO_LARGE`, or `RESULT_NOT_JSON` if it cannot be written as JSON.
 */
export function inputWithin(
  { input: limit }: Pick<SizeLimits, 'input'>,
  value: unknown,
  what: string,
): Json | undefined {
  return jsonWithin(limit, value, what, (size) => {
    return new ErrandError(
      'INPUT_TOO_LARGE',
      `${what} has ${size} bytes of JSON; docket.limits.input allows ${limit}. Give less, or a reference to the data.`,
      { exposed: true },
    );
  });
}

/**
 * Checks the size of an outcome and returns it in its stored form.
 *
 * @throws {ErrandError} `RESULT_TOO_LARGE`, or `RESULT_NOT_JSON` if it cannot be written as JSON.
 */
export function outcomeWithin({ result: limit }: SizeLimits, outcome: object, what: string): Outcome {
  const stored = jsonWithin(limit, outcome, what, (size) => {
    return new ErrandError(
      'RESULT_TOO_LARGE',
      `${what} has ${size} bytes of JSON; docket.limits.result allows ${limit}. Return less, or a link to the data.`,
      { exposed: true },
    );
  });
  return stored as Outcome;
}

/**
 * Checks the size of an answer and returns it in its stored form. One that is too large or not JSON becomes an error,
 * which fails the call: a question that was answered is not asked again.
 */
export function answerWithin({ input: limit }: SizeLimits, answer: Answer): Answer {
  try {
    const stored = jsonWithin(limit, answer, 'The answer', (size) => {
      return new ErrandError(
        'INPUT_TOO_LARGE',
        `The answer has ${size} bytes of JSON; docket.limits.input allows ${limit}.`,
      );
    });
    return stored as Answer;
  } catch (error) {
    return { error: { code: rpcCode.invalidParams, message: messageOf(error) } };
  }
}

/** Returns a notice in its stored form. Log data that is too large is cut, and says so. */
export function noticeWithin(notice: ClientNotice): ClientNotice {
  if (notice.type !== 'log') return notice;
  const { data } = notice;
  if (typeof data === 'string') return { ...notice, data: textWithin(data) };
  const text = JSON.stringify(data);
  if (fits(text.length, text)) return notice;
  const message = typeof data === 'object' && data !== null && !Array.isArray(data) ? data['message'] : undefined;
  if (typeof message !== 'string') return { ...notice, data: textWithin(text) };
  const cut = `The fields were left out: ${Buffer.byteLength(text)} bytes in all`;
  return { ...notice, data: { message: textWithin(message), cut } };
}

/** Returns progress in its stored form. A message that is too large is cut, and says so. */
export function progressWithin(progress: ProgressState): ProgressState {
  const { message } = progress;
  return message === undefined ? progress : { ...progress, message: textWithin(message) };
}

/** A text, or its beginning with a mark that says how large all of it was. */
function textWithin(text: string): string {
  if (text.length * mostBytesPerUnit <= noticeSize) return text;
  if (text.length <= noticeSize && fits(text.length, JSON.stringify(text))) return text;
  // What follows the message of a log line has room as well.
  const room = noticeSize - 200;
  let kept = text.slice(0, room);
  for (;;) {
    const bytes = Buffer.byteLength(JSON.stringify(kept));
    if (bytes <= room) break;
    kept = kept.slice(0, Math.floor((kept.length * room) / bytes));
  }
  return `${kept.replace(/[\uD800-\uDBFF]$/, '')} … [cut: ${Buffer.byteLength(text)} bytes in all]`;
}

/** Whether JSON of so many UTF-16 code units is small enough. */
const fits = (length: number, json: string): boolean => length <= noticeSize && Buffer.byteLength(json) <= noticeSize;

/** The options that limit open tasks, by what they limit. */
const taskOptions: Readonly<Record<keyof TaskLimits, string>> = {
  owner: 'docket.limits.openTasks',
  client: 'http.limits.perAddress.tasks',
  session: 'http.limits.perSession.tasks',
};

/** The error for an owner, a client or a session with too many open tasks. */
export function tooManyTasks(of: keyof TaskLimits, limit: number, open: number): ErrandError {
  return new ErrandError(
    'TASK_LIMIT',
    `You have ${open} tasks that have not ended; ${taskOptions[of]} allows ${limit}. Wait until one ends, or cancel one.`,
    { exposed: true, data: { limit, open } },
  );
}

/** The error for an execution that has asked too many questions. */
export function tooManyQuestions(limit: number): ErrandError {
  return new ErrandError(
    'QUESTION_LIMIT',
    `This task has asked ${limit} questions, as many as docket.limits.questions allows. Ask several things at once, or use another task.`,
    { exposed: true },
  );
}

function jsonWithin(
  limit: number,
  value: unknown,
  what: string,
  refuse: (size: number) => ErrandError,
): Json | undefined {
  const text = toJsonText(value, what);
  if (text === undefined) return undefined;
  const size = Buffer.byteLength(text);
  if (size > limit) throw refuse(size);
  return JSON.parse(text) as Json;
}
