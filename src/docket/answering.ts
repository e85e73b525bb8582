import { inspect } from 'node:util';
import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { describeIssues } from '../base/issues.js';
import { isWellFormed } from '../base/json.js';
import { shown } from '../base/shown.js';
import type { QuestionKind } from '../call/channel.js';
import { ElicitResult } from '../call/questions/elicitation.js';
import { ListRootsResult, type Root } from '../call/questions/roots.js';
import { CreateMessageResult, type SampleContent } from '../call/questions/sampling.js';
import { misfitOf } from '../protocol/form-schema.js';
import type { Engine } from './engine/engine.js';
import { isTerminal, type ExecutionRecord, type Question } from './engine/record.js';
import { inputWithin, type SizeLimits } from './engine/size-limits.js';
import { isSealed } from './sealing/sealer.js';

/** An answer in the client's stead, in the form in which a client gives it (2025-11-25, client). */
export type QuestionAnswer =
  | {
      /** To a question to the user. */
      readonly action: 'accept';
      /** The fields of the form; nothing for a URL. A single value is the field `value`. */
      readonly content?: Readonly<Record<string, unknown>>;
    }
  | {
      /** To a question to the user: refused, or dismissed. */
      readonly action: 'decline' | 'cancel';
    }
  | {
      /** To a question to the client's model: who speaks. */
      readonly role: 'user' | 'assistant';
      /** What the model says. */
      readonly content: SampleContent | readonly SampleContent[];
      /** The name of the model. */
      readonly model: string;
      /** Why the model stopped, such as `'endTurn'`. */
      readonly stopReason?: string;
    }
  | {
      /** To a question for the client's roots. */
      readonly roots: readonly Root[];
    };

/** Options of an answer in the client's stead. */
export interface AnswerOptions {
  /**
   * Who answers, such as a name or an address: 1 to 200 characters. The record keeps it, sealed if the docket is, and the
   * log of the worker shows it.
   */
  readonly by: string;
}

/** The result that answers each kind of question, and how to write it. */
const results: Readonly<Record<QuestionKind, { readonly schema: z.ZodType; readonly wayOut: string }>> = {
  elicitation: {
    schema: ElicitResult,
    wayOut: "{ action: 'accept', content: { … } } with the fields of the form, { action: 'decline' } or 'cancel'",
  },
  sampling: {
    schema: CreateMessageResult,
    wayOut: "{ role: 'assistant', content: { type: 'text', text: … }, model: … }",
  },
  roots: { schema: ListRootsResult, wayOut: "{ roots: [{ uri: 'file:///…' }] }" },
};

const By = z.string().min(1).max(200).refine(isWellFormed, 'contains an unpaired surrogate');

/**
 * Answers a question of an execution in its client's stead. An answer that does not fit is refused, and its question
 * stays open. `false` if the question already has an answer, or the execution has ended.
 *
 * @throws {ErrandError} `OPTIONS_INVALID`, `QUESTION_UNKNOWN`, `ANSWER_INVALID`, `INPUT_TOO_LARGE`, `RESULT_NOT_JSON`,
 * `SEAL_INVALID`
 */
export async function answerInStead(
  engine: Engine,
  { key, state }: ExecutionRecord,
  question: string,
  given: unknown,
  options: AnswerOptions,
  limits: Pick<SizeLimits, 'input'>,
): Promise<boolean> {
  const by = nameIn(options);
  if (isTerminal(state)) return false;
  const asked = await engine.questions(key);
  const found = asked.find((each) => each.key === question);
  if (found === undefined) throw unknownQuestion(key, question, asked);
  if (found.answer !== undefined) return false;
  await checkAnswer(found, given);
  const what = `The answer to '${shown(question)}'`;
  const result = await engine.answer(key, question, { result: inputWithin(limits, given, what) ?? null }, { by });
  if (result === 'unknown') throw unknownQuestion(key, question, []);
  return result === 'accepted';
}

function nameIn(options: unknown): string {
  const { data, error } = z.strictObject({ by: By }).safeParse(options);
  if (data) return data.by;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `answer: ${describeIssues(error)}. Say who answers: { by: 'anna@example.com' }.`,
  );
}

async function checkAnswer({ key, kind, params }: Question, given: unknown): Promise<void> {
  const { sealed, requestedSchema } = params as Readonly<Record<string, unknown>>;
  if (isSealed(sealed)) {
    throw new ErrandError(
      'SEAL_INVALID',
      `The question '${shown(key)}' is sealed, and so must be its answer. Give the encryptionKeys of its docket.`,
    );
  }
  const { schema, wayOut } = results[kind];
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw misfit(key, `${describeIssues(parsed.error)}; it is ${inShort(given)}`, wayOut);
  const { action, content } = given as { readonly action?: unknown; readonly content?: unknown };
  if (action !== 'accept' || typeof requestedSchema !== 'object' || requestedSchema === null) return;
  const why = await misfitOf(requestedSchema, content ?? {});
  if (why === undefined) return;
  const { properties = {} } = requestedSchema as { readonly properties?: object };
  throw misfit(key, why, `{ action: 'accept', content } with ${Object.keys(properties).join(', ')}`);
}

const inShort = (value: unknown): string => shown(inspect(value, { depth: 1, breakLength: Infinity }));

const misfit = (key: string, why: string, wayOut: string): ErrandError =>
  new ErrandError(
    'ANSWER_INVALID',
    `The answer to '${shown(key)}' does not fit: ${shown(why, 1_000)}. Give ${shown(wayOut, 500)}. The question stays open.`,
  );

function unknownQuestion(key: string, question: string, asked: readonly Question[]): ErrandError {
  const open = asked.filter(({ answer }) => answer === undefined).map((each) => each.key);
  const known = open.length === 0 ? 'It has no open question' : `Open are ${shown(open.join(', '), 500)}`;
  return new ErrandError(
    'QUESTION_UNKNOWN',
    `Execution '${shown(key)}' has no question '${shown(question)}'. ${known}.`,
  );
}
