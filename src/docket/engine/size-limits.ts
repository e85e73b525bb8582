import { ErrandError, messageOf } from '../../base/errors.js';
import { toJsonText, type Json } from '../../base/json.js';
import type { Answer } from '../../call/channel.js';
import type { Outcome } from '../../call/outcome.js';
import { rpcCode } from '../../protocol/errors.js';

/** How much a docket takes. Sizes are bytes of JSON in UTF-8. */
export interface SizeLimits {
  /** Tasks of one principal that have not ended. */
  readonly openTasks: number;
  /** The longest time that a client may have a finished task kept, in milliseconds. */
  readonly ttl: number;
  /** The size of the input of one execution, and of each answer to its questions. */
  readonly input: number;
  /** The size of the outcome of one execution. */
  readonly result: number;
  /** Questions of one task, answered ones included. */
  readonly questions: number;
}

/**
 * An input as it is stored.
 *
 * @throws {ErrandError} `INPUT_TOO_LARGE`, or `RESULT_NOT_JSON` for what cannot travel.
 */
export function inputWithin({ input: limit }: SizeLimits, value: unknown, what: string): Json | undefined {
  return jsonWithin(limit, value, what, (size) => {
    return new ErrandError(
      'INPUT_TOO_LARGE',
      `${what} has ${size} bytes of JSON; docket.limits.input allows ${limit}. Give less, or where the rest can be read.`,
      { exposed: true },
    );
  });
}

/**
 * An outcome as it is stored.
 *
 * @throws {ErrandError} `RESULT_TOO_LARGE`, or `RESULT_NOT_JSON` for what cannot travel.
 */
export function outcomeWithin({ result: limit }: SizeLimits, outcome: object, what: string): Outcome {
  const stored = jsonWithin(limit, outcome, what, (size) => {
    return new ErrandError(
      'RESULT_TOO_LARGE',
      `${what} has ${size} bytes of JSON; docket.limits.result allows ${limit}. Return less, or a link to what is large.`,
      { exposed: true },
    );
  });
  return stored as Outcome;
}

/**
 * An answer to a question as it is stored. In the place of one that cannot be kept stands an error that says so, and the
 * call that asked ends by it: a question that was answered is not asked again.
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

/** What an engine throws when an owner has no room for another task. */
export function tooManyTasks(limit: number, open: number): ErrandError {
  return new ErrandError(
    'TASK_LIMIT',
    `You have ${open} tasks that have not ended; docket.limits.openTasks allows ${limit}. Wait until one ends, or cancel one.`,
    { exposed: true, data: { limit, open } },
  );
}

/** What an engine throws when an execution may open no more questions. */
export function tooManyQuestions(limit: number): ErrandError {
  return new ErrandError(
    'QUESTION_LIMIT',
    `This task has asked ${limit} questions, as many as docket.limits.questions allows. Ask for more at once, or in another task.`,
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
