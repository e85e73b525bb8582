import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import { toForm } from '../../components/schema/form.js';
import { parse } from '../../components/schema/parse.js';
import { askClient, type QuestionOptions } from './ask-client.js';
import type { Answer } from '../channel.js';
import type { CallFrame } from '../frame.js';

/** The user's answer to a question. */
export type ElicitAnswer<Content> =
  | {
      /** The user submitted the form. */
      readonly action: 'accept';
      /** The submitted content, validated by the schema. */
      readonly content: Content;
    }
  | {
      /** The user declined, or dismissed the form; `cancel` also if the deadline passed. */
      readonly action: 'decline' | 'cancel';
    };

/** The result of `elicitation/create` (2025-11-25, client/elicitation). */
export const ElicitResult = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).nullish(),
});

/** The answer when a question to the user reaches its deadline. */
export const cancelled: Answer = { result: { action: 'cancel' } };

/** Asks the user with a form, for both `ctx.elicit()` and `@ask`. */
export async function elicit<Schema extends z.ZodType>(
  frame: CallFrame,
  message: string,
  schema: Schema,
  options: QuestionOptions = {},
): Promise<ElicitAnswer<z.output<Schema>>> {
  const { requestedSchema, wrapped } = toForm(schema, frame.component.label);
  const { action, content } = await askClient(frame, {
    kind: 'elicitation',
    params: { mode: 'form', message, requestedSchema },
    result: ElicitResult,
    onDeadline: cancelled,
    label: `the question "${shown(message)}"`,
    options,
  });
  if (action !== 'accept') return { action };
  const parsed = await parse(schema, wrapped ? content?.value : content);
  if (!parsed.ok) {
    throw new ErrandError('ANSWER_INVALID', `The answer to "${shown(message)}" does not fit: ${parsed.issues}.`, {
      exposed: true,
    });
  }
  return { action, content: parsed.value as z.output<Schema> };
}
