import { z } from 'zod';
import type { Json } from '../../base/json.js';
import type { Engine } from '../../docket/engine/engine.js';
import { toSummary } from '../../docket/execution-summary.js';
import type { ExecutionRecord, Question } from '../../docket/engine/record.js';
import { isSealed } from '../../docket/sealing/sealer.js';
import { unknownExecution } from '../../docket/wait.js';
import type { WireError } from '../../protocol/errors.js';
import { jsonLine, printable, sheet } from '../printing.js';

/** Of a snapshot, who asked; the rest of it may be secret. */
const Asker = z.object({
  principal: z.object({
    facts: z.object({ issuer: z.string(), subject: z.string(), clientId: z.string() }).partial(),
  }),
});

const Message = z.object({ message: z.string() });

/** `errand tasks show <key>`: all that is known of an execution, save answers, tokens and headers; its input where asked for. */
export async function show(
  engine: Engine,
  key: string,
  { json = false, input = false }: { readonly json?: boolean; readonly input?: boolean },
): Promise<number> {
  const record = await engine.get(key);
  if (record === undefined) throw unknownExecution(key);
  const questions = await engine.questions(key);
  const shown = input ? record.input : undefined;
  process.stdout.write(json ? inJson(record, questions, shown) : inText(record, questions, shown));
  return 0;
}

function inJson(record: ExecutionRecord, questions: readonly Question[], input: Json | undefined): string {
  const { generation, retry, timeout, ttl, outcome, snapshot } = record;
  return jsonLine({
    ...toSummary(record),
    ...askerIn(snapshot),
    generation,
    attempts: retry.attempts,
    timeout,
    ttl,
    questions: questions.map(({ key, kind, createdAt, deadline, answer, params }) => ({
      key,
      kind,
      message: messageIn(params),
      createdAt: new Date(createdAt),
      deadline: new Date(deadline),
      isAnswered: answer !== undefined,
    })),
    ...(input !== undefined && { input }),
    ...outcome,
  });
}

function inText(record: ExecutionRecord, questions: readonly Question[], input: Json | undefined): string {
  const { state, isTask, failedForClient, progress, reason } = toSummary(record);
  const { outcome, finishedAt, ttl } = record;
  const { issuer, subject, clientId } = askerIn(record.snapshot);
  const far = progress && [progress.current, progress.total].filter((each) => each !== undefined).join(' of ');
  const facts = sheet([
    ['key', record.key],
    ['component', record.component],
    ['state', `${state}${state === 'completed' && failedForClient ? ', failed for its client' : ''}`],
    ['asked by', isTask ? 'a client, as a task' : 'the program'],
    ['principal', record.owner],
    ['issuer', issuer],
    ['subject', subject],
    ['client', clientId],
    ['attempt', attemptText(record)],
    ['added', iso(record.createdAt)],
    ['changed', iso(record.updatedAt)],
    ['due', iso(record.runAt)],
    ['ended', iso(finishedAt)],
    ['kept until', finishedAt === undefined ? undefined : iso(finishedAt + ttl)],
    ['progress', far === undefined ? undefined : [far, readable(progress?.message)].filter(Boolean).join(', ')],
    ['reason', reason],
    ['input', input === undefined ? undefined : JSON.stringify(input)],
    ['error', outcome && 'error' in outcome ? errorText(outcome.error) : undefined],
    ['result', outcome && 'result' in outcome ? JSON.stringify(outcome.result) : undefined],
  ]);
  const asked = questions.map(({ key, kind, deadline, answer, params }) => {
    const how = answer === undefined ? `open until ${iso(deadline)}` : 'answered';
    return `  ${printable(`${key} (${kind}, ${how}): ${messageIn(params) ?? (isSealed(params) ? 'sealed' : '')}`)}\n`;
  });
  return asked.length === 0 ? facts : `${facts}questions\n${asked.join('')}`;
}

/** What is sealed is shown as that. */
const readable = (text: string | undefined): string | undefined => (isSealed(text) ? 'message sealed' : text);

/** Runs that were lost have not failed, and are no attempts of those that a retry allows. */
function attemptText({ attempt, losses, suspicions = 0, retry, redelivered }: ExecutionRecord): string {
  const lost = losses > 0 ? `, ${losses} lost` : '';
  const interrupted = suspicions > 0 ? `, ${suspicions} lost beside others` : '';
  return `${Math.max(attempt - losses, 0)} of ${retry.attempts}${lost}${interrupted}${redelivered ? ', redelivered' : ''}`;
}

/** An error in one line. */
export function errorText({ code, message }: WireError): string {
  return code === 'SEALED' ? 'sealed: give the keys in ERRAND_DOCKET_ENCRYPTION_KEYS' : `${code}: ${message}`;
}

function askerIn(snapshot: Json | undefined): { issuer?: string; subject?: string; clientId?: string } {
  const found = Asker.safeParse(snapshot);
  return found.success ? (JSON.parse(JSON.stringify(found.data.principal.facts)) as object) : {};
}

const messageIn = (params: unknown): string | undefined => Message.safeParse(params).data?.message;

const iso = <T extends number | undefined>(at: T): string | (T & undefined) =>
  (at === undefined ? undefined : new Date(at).toISOString()) as string | (T & undefined);
