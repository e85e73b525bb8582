import { z } from 'zod';
import type { Json } from '../base/json.js';
import { ErrandError } from '../base/errors.js';
import { describeIssues } from '../base/issues.js';
import type { TraceContext } from '../telemetry/tracing.js';
import type { Answer, ClientNotice, ClientQuestion, ProgressState } from '../call/channel.js';
import type { Outcome } from '../call/outcome.js';
import { noRetry, type RetryPolicy } from '../components/retry-policy.js';
import type { ConsumeOptions, EngineEvent, NewExecution, ScheduleRecord } from '../docket/engine/engine.js';
import { newRecord } from '../docket/engine/new-record.js';
import { summaryFields, type RecordSummary } from '../docket/engine/queries.js';
import {
  endFields,
  type Answerer,
  type ExecutionEnd,
  type ExecutionRecord,
  type Question,
} from '../docket/engine/record.js';
import { Timetable } from '../docket/engine/timetable.js';
import type { WireError } from '../protocol/errors.js';
import type { Argument, Reply } from './connection/script-runner.js';

/** JSON that we wrote ourselves, so its shape is not checked. */
const json = <T>() =>
  z.string().transform((text, context) => {
    try {
      return JSON.parse(text) as T;
    } catch {
      context.addIssue({ code: 'custom', message: 'Not JSON' });
      return z.NEVER;
    }
  });

/** JSON that a later version may have written in a different shape. */
const jsonOf = <T>(schema: z.ZodType<T>) => json<unknown>().pipe(schema);

const count = z.coerce.number();

/** A field that is `'1'` or absent. */
const flag = z
  .literal('1')
  .transform(() => true as const)
  .optional();

/** The hash of an execution. Fields not named here are internal to the engine. */
const Execution = z.object({
  key: z.string(),
  component: z.string(),
  input: json<Json>().optional(),
  owner: z.string(),
  session: z.string().optional(),
  client: z.string().optional(),
  snapshot: json<Json>().optional(),
  trace: json<TraceContext>().optional(),
  retry: json<RetryPolicy>().default(noRetry),
  timeout: count,
  ttl: count,
  priority: count.optional(),
  state: z.enum(['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled']),
  /** Absent until the first question. */
  openQuestions: count.default(0),
  generation: count,
  attempt: count.default(0),
  losses: count.default(0),
  suspicions: count.optional(),
  isolated: flag,
  redelivered: z
    .string()
    .optional()
    .transform((digit) => digit === '1'),
  createdAt: count,
  updatedAt: count,
  revision: count,
  dueAt: count,
  runAt: count.optional(),
  finishedAt: count.optional(),
  progress: json<ProgressState>().optional(),
  outcome: json<Outcome>().optional(),
  isError: flag,
  reason: z.string().optional(),
  lastError: json<WireError>().optional(),
  answerers: z
    .string()
    .transform((texts) => `[${texts}]`)
    .pipe(json<Answerer[]>())
    .optional(),
});

/** A zod mask of these fields. */
const only = <Field extends string>(fields: readonly Field[]): Record<Field, true> =>
  Object.fromEntries(fields.map((field) => [field, true])) as Record<Field, true>;

/** The fields of users' values in a record. */
const valueFields = ['input', 'snapshot', 'trace', 'progress', 'outcome', 'lastError'] as const;

/** The hash of an execution whose users' values stay text. */
const UnreadExecution = Execution.extend(
  Object.fromEntries(valueFields.map((field) => [field, z.string().optional()])) as Record<
    (typeof valueFields)[number],
    z.ZodOptional<z.ZodString>
  >,
);

const Summary = Execution.pick(only(summaryFields));

const End = Execution.pick(only(endFields));

const StoredQuestion = z.object({
  '@question': z.string(),
  '@asked': json<Pick<Question, 'kind' | 'params'>>(),
  '@createdAt': count,
  '@deadline': count,
  '@onDeadline': json<Answer>(),
  '@answer': json<Answer>().optional(),
  '@by': z.string().optional(),
});

const Notice = z.object({ '@notice': json<ClientNotice>() });

const StoredSchedule = z.tuple([z.string(), jsonOf(Timetable), count, z.string(), z.string()]);

/** Reads a schedule from its id, timetable, next tick, component and owner. */
export function scheduleIn(reply: Reply): ScheduleRecord {
  const [id, when, next, component, owner] = parsed(StoredSchedule, reply, 'a schedule');
  return { id, when, next, component, owner };
}

/** Reads a stored timetable. */
export function timetableIn(text: string, id: string): Timetable {
  return parsed(jsonOf(Timetable), text, `the timetable of the schedule '${id}'`);
}

/** Fields of a hash by name, from a list of alternating names and values or from a packed reply. */
export function fieldsOf(reply: Reply | undefined): Readonly<Record<string, string>> {
  if (isHash(reply)) return reply;
  const fields = Object.create(null) as Record<string, string>;
  const entries: readonly Reply[] = Array.isArray(reply) ? reply : [];
  for (let index = 0; index < entries.length; index += 2) {
    const value = entries[index + 1];
    // Checked by hand: a schema for each field would cost more than all the rest of reading.
    fields[String(entries[index])] = typeof value === 'string' ? value : parsed(z.string(), value, 'a field');
  }
  return fields;
}

/** Reads a record from the fields of a hash. Undefined if there is no hash. */
export function recordIn(reply: Reply | undefined): ExecutionRecord | undefined {
  const found = isHash(reply) || (Array.isArray(reply) && reply.length > 0);
  return found ? toRecord(fieldsOf(reply)) : undefined;
}

/** Whether the reply is a hash from a packed reply. All of its values are strings. */
const isHash = (reply: unknown): reply is Readonly<Record<string, string>> =>
  typeof reply === 'object' && reply !== null && !Array.isArray(reply);

/** The record of an execution that was just added, from its generation, its creation time, and its due time or ''. */
export function addedRecord(
  execution: NewExecution,
  [generation, createdAt, runAt]: readonly (string | undefined)[],
): ExecutionRecord {
  return {
    ...newRecord(execution, Number(createdAt), Number(generation)),
    ttl: Math.ceil(execution.ttl),
    revision: 1,
    ...(runAt && { state: 'scheduled', runAt: Number(runAt), dueAt: Number(runAt) }),
  };
}

function toRecord(fields: Readonly<Record<string, string>>): ExecutionRecord {
  return parsed(Execution, fields, `the record of '${fields['key']}'`);
}

/** A record whose users' values are parsed when they are first read: most watchers read none. */
function toLazyRecord(fields: Readonly<Record<string, string>>): ExecutionRecord {
  const what = `the record of '${fields['key']}'`;
  const record: object = parsed(UnreadExecution, fields, what);
  for (const field of valueFields) {
    const text = fields[field];
    if (text === undefined) continue;
    const get = (): unknown => {
      const value = parsed(json<unknown>(), text, what);
      Object.defineProperty(record, field, { value, enumerable: true });
      return value;
    };
    Object.defineProperty(record, field, { get, enumerable: true, configurable: true });
  }
  return record as ExecutionRecord;
}

/** Reads the state of an execution from its {@link endFields}. Undefined if there is no such execution. */
export function endIn(reply: Reply | undefined): ExecutionEnd | undefined {
  const values = reply as readonly (string | false)[];
  if (values[0] === false) return undefined;
  return endOf(
    Object.fromEntries(endFields.flatMap((field, index) => (values[index] === false ? [] : [[field, values[index]]]))),
  );
}

/** Same as {@link endIn}, from fields by name. */
export function endOf(fields: Readonly<Record<string, string | undefined>>): ExecutionEnd {
  return parsed(End, fields, `the record of '${fields['key']}'`);
}

/** Reads the summary of a record from its {@link summaryFields}. */
export function summaryIn(reply: Reply): RecordSummary {
  const values = reply as readonly (string | null)[];
  const fields = Object.fromEntries(summaryFields.map((field, index) => [field, values[index] ?? undefined]));
  return parsed(Summary, fields, `the record of '${values[0]}'`);
}

/** Replacements for unreadable fields of an execution that is about to fail. Other fields become 0. */
const repairs: Readonly<Record<string, string>> = {
  retry: JSON.stringify(noRetry),
  progress: JSON.stringify({ current: 0 }),
  answerers: '',
  ttl: '3600000',
};

/**
 * The fields to write so that a record becomes readable, and how often its execution was lost. What the fields contained is
 * lost for good, so this is only for an execution that ends because of it.
 */
export function repairedFields(reply: Reply | undefined): { readonly losses: number; readonly fields: Argument[] } {
  const fields = fieldsOf(reply);
  const unreadable = new Set(Execution.safeParse(fields).error?.issues.map(({ path }) => String(path[0])));
  return {
    losses: Number(fields['losses']) || 0,
    fields: [...unreadable].flatMap((name) => [name, repairs[name] ?? '0']),
  };
}

/** Reads a question from a list of alternating names and values. */
export function questionIn(reply: Reply | undefined): Question {
  return toQuestion(fieldsOf(reply));
}

function toQuestion(fields: Readonly<Record<string, string>>): Question {
  const stored = parsed(StoredQuestion, fields, `the question '${fields['@question']}'`);
  return {
    key: stored['@question'],
    ...stored['@asked'],
    createdAt: stored['@createdAt'],
    deadline: stored['@deadline'],
    onDeadline: stored['@onDeadline'],
    ...(stored['@answer'] && { answer: stored['@answer'] }),
    ...(stored['@by'] !== undefined && { by: stored['@by'] }),
  };
}

/** Reads an event from the fields of an inbox message. Undefined for any other message. */
export function eventIn(fields: Readonly<Record<string, string>>): EngineEvent | undefined {
  const type = fields['@event'];
  switch (type) {
    case 'state':
    case 'progress':
      return { type, record: toLazyRecord(fields) };
    case 'question':
    case 'closed':
      return { type, record: toLazyRecord(fields), question: toQuestion(fields) };
    case 'notice':
      return { type, record: toLazyRecord(fields), notice: parsed(Notice, fields, 'a notice')['@notice'] };
    default:
      return undefined;
  }
}

/** Whether it is the default policy, which most executions have. It is not stored. */
const isUsual = (retry: RetryPolicy): boolean =>
  retry === noRetry || (Object.keys(noRetry) as (keyof RetryPolicy)[]).every((part) => retry[part] === noRetry[part]);

/** The fields of a new execution, as alternating names and values. */
export function executionFields(execution: Omit<NewExecution, 'runAt' | 'delay'>): Argument[] {
  const {
    key,
    component,
    owner,
    session,
    client,
    input,
    snapshot,
    trace,
    retry,
    timeout,
    ttl,
    priority = 0,
  } = execution;
  const fields: Argument[] = ['key', key, 'component', component, 'owner', owner];
  if (session !== undefined) fields.push('session', session);
  if (client !== undefined) fields.push('client', client);
  if (input !== undefined) fields.push('input', JSON.stringify(input));
  if (snapshot !== undefined) fields.push('snapshot', JSON.stringify(snapshot));
  if (trace !== undefined) fields.push('trace', JSON.stringify(trace));
  if (priority > 0) fields.push('priority', priority);
  if (!isUsual(retry)) fields.push('retry', JSON.stringify(retry));
  fields.push('timeout', timeout, 'ttl', Math.ceil(ttl));
  return fields;
}

/** Component limits as script arguments: for each component its name, concurrency, maximum rate and the window of the rate. */
export function limitArguments(limits: ConsumeOptions['limits'] = new Map()): Argument[] {
  return [...limits].flatMap(([component, { concurrency, rate }]) => [
    component,
    concurrency ?? '',
    rate?.max ?? '',
    rate?.duration ?? '',
  ]);
}

/** The stored text of a question, without its name, its times and the answer at its deadline. */
export function questionText({ kind, params }: ClientQuestion): string {
  return JSON.stringify({ kind, params });
}

/** The stored text of one answerer. A record separates several by commas, because steps do not parse them. */
export function answererText({ question, by }: Answerer): string {
  return JSON.stringify({ question, by });
}

/** @throws {ErrandError} `DOCKET_DAMAGED` for a value that this version would not write. */
export function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ErrandError(
    'DOCKET_DAMAGED',
    `${what} in Redis is not what this version writes: ${describeIssues(result.error)}. Two versions that write it differently must not share a docket.`,
    { cause: result.error },
  );
}
