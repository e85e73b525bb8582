import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import type { Json } from '../base/json.js';
import { toJsonSchema } from '../components/json-schema.js';
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

/** The keywords that MCP allows for one field of a form (2025-11-25, client/elicitation). */
const fieldKeywords =
  'type title description default enum oneOf anyOf minLength maxLength format minimum maximum minItems maxItems items'.split(
    ' ',
  );
const formats = new Set(['email', 'uri', 'date', 'date-time']);

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
    );
  }
  const given = ElicitResult.safeParse(answer.result);
  if (!given.success) {
    throw new ErrandError(
      'ANSWER_INVALID',
      `The client answered "${message}" with something that is no answer: ${z.prettifyError(given.error)}`,
    );
  }
  const { action, content } = given.data;
  if (action !== 'accept') return { action };
  const parsed = await parse(schema, wrapped ? content?.value : content);
  if (!parsed.ok) throw new ErrandError('ANSWER_INVALID', `The answer to "${message}" does not fit: ${parsed.issues}.`);
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
  );
}

/** A scalar or an enum is asked for as the one field `value`. */
function toForm(schema: z.ZodType, label: string): { requestedSchema: { [keyword: string]: Json }; wrapped: boolean } {
  const json = toJsonSchema(schema, `${label}: elicitation schema`) as { [keyword: string]: Json };
  const wrapped = json.type !== 'object';
  const properties = (wrapped ? { value: json } : (json.properties ?? {})) as Record<string, Record<string, Json>>;
  const fields = Object.entries(properties).map(([name, field]) => [name, toField(name, field, label)] as const);
  if (fields.length === 0) {
    throw new ErrandError(
      'ELICITATION_SCHEMA',
      `${label}: the schema of a question has no fields, so there is nothing to answer. Ask for a z.boolean().`,
    );
  }
  const required = wrapped ? ['value'] : ((json.required ?? []) as string[]);
  return { requestedSchema: { type: 'object', properties: Object.fromEntries(fields), required }, wrapped };
}

function toField(name: string, json: Record<string, Json>, label: string): Json {
  const field: Record<string, Json> = {};
  for (const keyword of fieldKeywords) {
    if (json[keyword] !== undefined) field[keyword] = json[keyword];
  }
  if (json.const !== undefined) field.enum = [json.const];
  if (typeof field.format === 'string' && !formats.has(field.format)) delete field.format;
  if (isFlat(field)) return field;
  throw new ErrandError(
    'ELICITATION_SCHEMA',
    `${label}: the field '${name}' of a question is ${JSON.stringify(json.type ?? Object.keys(json))}, but forms are flat. ` +
      'Use strings, numbers, booleans, enums of strings and arrays of such enums, or ask twice.',
  );
}

function isFlat(field: Record<string, Json>): boolean {
  switch (field.type) {
    case 'string':
      return field.enum === undefined || (field.enum as Json[]).every((option) => typeof option === 'string');
    case 'number':
    case 'integer':
    case 'boolean':
      return field.enum === undefined;
    case 'array':
      return offersTexts(field.items as Record<string, Json> | undefined);
    default:
      return false;
  }
}

/** Whether the items of a multi-select are choices: texts, or texts with titles. */
function offersTexts({ enum: choices, anyOf: titled }: Record<string, Json> = {}): boolean {
  if (Array.isArray(choices)) return choices.every((choice) => typeof choice === 'string');
  return Array.isArray(titled) && titled.every((choice) => typeof (choice as { const?: Json }).const === 'string');
}
