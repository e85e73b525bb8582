import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import type { DocketClient } from '../../docket/docket-client.js';
import { executionStates } from '../../docket/engine/queries.js';
import type { ExecutionSummary } from '../../docket/execution-summary.js';
import type { ExecutionState } from '../../docket/engine/record.js';
import { readArguments } from '../arguments.js';
import { docketOptions, withDocket } from '../docket-access.js';
import { endWithReader } from '../exit.js';
import { meantBy, type Synonyms } from '../meant.js';
import { jsonLine, printable, span, table } from '../printing.js';
import { prepareAnswer, type AnswerValues } from './tasks-answer.js';
import { errorText, failureOf, show } from './tasks-show.js';
import { watch, whatNow } from './tasks-watch.js';
import { usages } from '../usages.js';

const usage = usages.tasks;

/** The options besides those that name the docket. */
const options = {
  json: { type: 'boolean' },
  state: { type: 'string' },
  component: { type: 'string' },
  limit: { type: 'string' },
  reason: { type: 'string' },
  input: { type: 'boolean' },
  action: { type: 'string' },
  content: { type: 'string' },
  result: { type: 'string' },
  by: { type: 'string' },
} as const;

interface Values extends AnswerValues {
  readonly json?: boolean;
  readonly state?: string;
  readonly component?: string;
  readonly limit?: string;
  readonly reason?: string;
  readonly input?: boolean;
}

interface TaskCommand {
  readonly keys: readonly [atLeast: number, atMost: number];
  readonly options: readonly (keyof Values)[];
  /** Refuses invalid arguments before Redis is contacted. The promise resolves with the exit code. */
  prepare(values: Values, key: string, question?: string): (docket: DocketClient) => Promise<number>;
}

const commands = new Map<string, TaskCommand>([
  [
    'ls',
    {
      keys: [0, 0],
      options: ['json', 'state', 'component', 'limit'],
      prepare: (values) => {
        const wanted = wantedBy(values);
        return (docket) => list(docket, wanted, values.json);
      },
    },
  ],
  [
    'dead',
    {
      keys: [0, 0],
      options: ['json', 'component', 'limit'],
      prepare: (values) => {
        const wanted = wantedBy({ ...values, state: 'failed' });
        return (docket) => listDead(docket, wanted, values.json);
      },
    },
  ],
  [
    'show',
    { keys: [1, 1], options: ['json', 'input'], prepare: (values, key) => (docket) => show(docket, key, values) },
  ],
  [
    'watch',
    {
      keys: [0, 1],
      options: ['json'],
      prepare:
        ({ json }, key) =>
        (docket) =>
          watch(docket, key, json),
    },
  ],
  [
    'cancel',
    {
      keys: [1, 1],
      options: ['reason'],
      prepare:
        ({ reason }, key) =>
        (docket) =>
          cancel(docket, key, reason),
    },
  ],
  ['answer', { keys: [1, 2], options: ['action', 'content', 'result', 'by'], prepare: prepareAnswer }],
  ['retry', { keys: [1, 1], options: [], prepare: (_values, key) => (docket) => retry(docket, key) }],
]);

/** What other tools call these. */
const synonyms: Synonyms<string> = {
  ls: ['list', 'l', 'all', 'jobs', 'ps', 'queue', 'status', 'stats'],
  dead: ['failed', 'failures', 'errors', 'dlq'],
  show: ['get', 'view', 'info', 'inspect', 'describe', 'details', 'cat', 'questions', 'result'],
  watch: ['follow', 'tail', 'logs', 'log', 'events', 'subscribe'],
  cancel: ['stop', 'kill', 'abort', 'end', 'rm', 'remove', 'delete'],
  answer: ['reply', 'respond', 'approve', 'accept', 'decline'],
  retry: ['rerun', 'restart', 'requeue', 'run', 'again', 'repeat'],
};

/** `errand tasks …`: lists, shows, follows, answers, cancels and retries executions of a docket. */
export async function tasksCommand(args: readonly string[]): Promise<undefined> {
  const {
    values,
    positionals: [name, ...positionals],
  } = readArguments(args, { ...docketOptions, ...options }, usage);
  const command = commands.get(name ?? '');
  const [atLeast, atMost] = command?.keys ?? [0, 0];
  if (command === undefined) {
    const known = [...commands.keys()];
    const meant = name === undefined ? undefined : meantBy(name, known, synonyms);
    const what = name === undefined ? 'does nothing by itself' : `has no '${shown(name)}'`;
    const probably = meant === undefined ? '' : `; you probably mean ${meant}`;
    throw unusable(`errand tasks ${what}: give one of ${known.join(', ')}${probably}.`);
  }
  if (positionals.length < atLeast) throw unusable(`errand tasks ${name} needs the key of an execution.`);
  if (positionals.length > atMost) {
    throw unusable(
      `errand tasks ${name} takes ${['no key', 'one key', 'one key and one question'][atMost]}, and was given ${shown(positionals.join(', '))}.`,
    );
  }
  for (const option of Object.keys(options) as (keyof Values)[]) {
    if (values[option] === undefined || command.options.includes(option)) continue;
    throw unusable(`errand tasks ${name} has no --${option}.`);
  }
  const work = command.prepare(values, positionals[0] ?? '', positionals[1]);
  endWithReader();
  process.exitCode = await withDocket(values, work);
}

/** The executions to list, and how many at most. */
interface Wanted {
  readonly state?: ExecutionState;
  readonly failed?: true;
  readonly component?: string;
  readonly most: number;
  /** Whether `most` is the default. */
  readonly byDefault: boolean;
}

function wantedBy({ state, component, limit }: Values): Wanted {
  const known = executionStates.find((each) => each === state);
  if (state !== undefined && known === undefined) {
    throw unusable(`--state is ${JSON.stringify(state)}. Give one of ${executionStates.join(', ')}.`);
  }
  const most = Number(limit ?? 50);
  if (!Number.isSafeInteger(most) || most < 1) {
    throw unusable(`--limit is ${JSON.stringify(limit)}. Give a whole number of at least 1.`);
  }
  return {
    most,
    byDefault: limit === undefined,
    // People who look for failures mean what clients were told as well.
    ...(known && (known === 'failed' ? { failed: true } : { state: known })),
    ...(component !== undefined && { component }),
  };
}

/** Yields page by page, so that a docket of any size takes little memory. */
async function* found(
  docket: DocketClient,
  { most, byDefault, ...filter }: Wanted,
): AsyncGenerator<readonly ExecutionSummary[]> {
  let cursor: string | undefined;
  let left = most;
  do {
    const { executions, nextCursor } = await docket.list({
      ...filter,
      limit: Math.min(left, 200),
      ...(cursor !== undefined && { cursor }),
    });
    if (executions.length > 0) yield executions;
    left -= executions.length;
    cursor = nextCursor;
  } while (cursor !== undefined && left > 0);
  if (byDefault && cursor !== undefined) {
    process.stderr.write(`There may be more than ${most}: give a larger --limit.\n`);
  }
}

async function list(docket: DocketClient, wanted: Wanted, json = false): Promise<number> {
  const rows: string[][] = [];
  for await (const page of found(docket, wanted)) {
    for (const execution of page) {
      if (json) process.stdout.write(jsonLine(execution));
      const { key, component, state, attempt, createdAt } = execution;
      if (!json) rows.push([key, component, state, String(attempt), ago(createdAt), whatNow(execution)]);
    }
  }
  if (!json) printTable(['KEY', 'COMPONENT', 'STATE', 'ATTEMPT', 'ADDED', ''], rows);
  return 0;
}

async function listDead(docket: DocketClient, wanted: Wanted, json = false): Promise<number> {
  const rows: string[][] = [];
  for await (const page of found(docket, wanted)) {
    for (const summary of page) {
      const details = await docket.get(summary.key);
      const error = details && failureOf(details);
      // It may have expired or been run again in the meantime.
      if (!error) continue;
      if (json) process.stdout.write(jsonLine({ ...summary, error }));
      else rows.push([summary.key, summary.component, ago(summary.finishedAt), errorText(error)]);
    }
  }
  if (!json) printTable(['KEY', 'COMPONENT', 'FAILED', 'ERROR'], rows);
  return 0;
}

async function cancel(docket: DocketClient, key: string, reason: string | undefined): Promise<number> {
  if (await docket.cancel(key, reason)) {
    process.stdout.write(`Cancelled ${printable(key)}\n`);
    return 0;
  }
  process.stderr.write(`errand: Execution '${printable(key)}' had already ended.\n`);
  return 1;
}

async function retry(docket: DocketClient, key: string): Promise<number> {
  await docket.retry(key);
  process.stdout.write(`Queued ${printable(key)} again\n`);
  return 0;
}

function printTable(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length > 0) process.stdout.write(table(headings, rows, process.stdout.columns));
  else process.stderr.write('No executions found.\n');
}

const ago = (at: Date | undefined): string => (at === undefined ? '' : `${span(Date.now() - at.getTime())} ago`);

const unusable = (what: string): ErrandError => new ErrandError('OPTIONS_INVALID', `${what}\nUsage:\n${usage}`);
