import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { toForm } from '../components/form.js';
import { parse } from '../components/parse.js';
import type { ClientQuestion } from './channel.js';
import type { CallFrame } from './frame.js';

/** What the user did with a question. `cancel` also stands for a deadline that passed. */
export type ElicitAnswer<Content> =
  | {
      /** The form was filled in. */
      readonly action: 'accept';
      /** What was answered, validated by the schema of the question. */
      readonly content: Content;
    }
  | {
      /** The user said no, or closed the form, or the deadline passed. */
      readonly action: 'decline' | 'cancel';
    };

/** Where a question differs from the rule. */
export interface ElicitOptions {
  /** Names the question for the life of an execution. Needed for two identical questions that are open together. */
  readonly key?: string;
  /** How long it may stay open, in milliseconds. */
  readonly deadline?: number;
}

/** What a client answers to `elicitation/create` (2025-11-25, client/elicitation). */
const ElicitResult = z.object({
  action: z.enum(['accept', 'decline', 'cancel']),
  content: z.record(z.string(), z.unknown()).nullish(),
});

/** Asks the user of a call. The same for `ctx.elicit()` and `@ask`, in both modes. */
export async function elicit<Schema extends z.ZodType>(
  frame: CallFrame,
  message: string,
  schema: Schema,
  options: ElicitOptions = {},
): Promise<ElicitAnswer<z.output<Schema>>> {
  frame.life.check();
  const { requestedSchema, wrapped } = toForm(schema, frame.component.label);
  const question: ClientQuestion = {
    kind: 'elicitation',
    params: { mode: 'form', message, requestedSchema },
    deadline: options.deadline ?? frame.questionDeadline,
    ...(options.key !== undefined && { key: options.key }),
  };
  if (frame.client !== undefined) refuseMuteClient(frame);
  const answer = await frame.channel.ask(question, frame.life);
  if ('error' in answer) {
    throw new ErrandError(
      'ANSWER_FAILED',
      `The client answered the question "${message}" with error ${answer.error.code}: ${answer.error.message}`,
      { exposed: true },
    );
  }
  const given = ElicitResult.safeParse(answer.result);
  if (!given.success) {
    throw new ErrandError(
      'ANSWER_INVALID',
      `The client answered "${message}" with something that is no answer: ${z.prettifyError(given.error)}`,
      { exposed: true },
    );
  }
  const { action, content } = given.data;
  if (action !== 'accept') return { action };
  const parsed = await parse(schema, wrapped ? content?.value : content);
  if (!parsed.ok) {
    throw new ErrandError('ANSWER_INVALID', `The answer to "${message}" does not fit: ${parsed.issues}.`, {
      exposed: true,
    });
  }
  return { action, content: parsed.value as z.output<Schema> };
}

function refuseMuteClient({ client }: CallFrame): void {
  const capability = client?.capabilities.elicitation;
  // An empty object means forms (2025-11-25); `{ url: {} }` alone means none.
  if (capability !== undefined && (capability.form !== undefined || Object.keys(capability).length === 0)) return;
  const name = client?.info?.name;
  throw new ErrandError(
    'CLIENT_CANNOT_ELICIT',
    `This call has to ask its user, but the client${name === undefined ? '' : ` '${name}'`} did not declare the capability 'elicitation'.`,
    { exposed: true },
  );
}
