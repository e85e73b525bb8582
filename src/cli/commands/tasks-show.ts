import { z } from 'zod';
import type { DocketClient } from '../../docket/docket-client.js';
import type { ExecutionDetails, QuestionSummary, StoredError } from '../../docket/execution-details.js';
import { isSealed } from '../../docket/sealing/sealer.js';
import { unknownExecution } from '../../docket/wait.js';
import { jsonLine, printable, sheet } from '../printing.js';

/** `errand tasks show <key>`: everything about an execution except answers, tokens and headers; its input on request. */
export async function show(
  docket: DocketClient,
  key: string,
  { json = false, input = false }: { readonly json?: boolean; readonly input?: boolean },
): Promise<number> {
  const details = await docket.get(key, { input });
  if (details === undefined) throw unknownExecution(key);
  process.stdout.write(json ? jsonLine(details) : inText(details));
  return 0;
}

function inText(details: ExecutionDetails): string {
  const { state, isTask, failedForClient, progress, input, error, result, finishedAt, ttl } = details;
  const far = progress && [progress.current, progress.total].filter((each) => each !== undefined).join(' of ');
  const facts = sheet([
    ['key', details.key],
    ['component', details.component],
    ['state', `${state}${state === 'completed' && failedForClient ? ', failed for its client' : ''}`],
    ['asked by', isTask ? 'a client, as a task' : 'the program'],
    ['principal', details.principal],
    ['issuer', details.issuer],
    ['subject', details.subject],
    ['client', details.clientId],
    ['attempt', attemptText(details)],
    ['added', details.createdAt.toISOString()],
    ['changed', details.updatedAt.toISOString()],
    ['due', details.runAt?.toISOString()],
    ['ended', finishedAt?.toISOString()],
    ['kept until', finishedAt && new Date(finishedAt.getTime() + ttl).toISOString()],
    ['progress', far === undefined ? undefined : [far, readable(progress?.message)].filter(Boolean).join(', ')],
    ['reason', details.reason],
    ['input', input === undefined ? undefined : JSON.stringify(input)],
    ['error', error && errorText(error)],
    ['result', result === undefined ? undefined : JSON.stringify(result)],
  ]);
  const asked = details.questions.flatMap(questionLines);
  // The questions of an ended execution are gone.
  const told =
    asked.length > 0 ? [] : details.answerers.map(({ question, by }) => `${question} (answered by ${nameOf(by)})`);
  const lines = [...asked, ...told].map((line) => `  ${printable(line)}\n`);
  return lines.length === 0 ? facts : `${facts}questions\n${lines.join('')}`;
}

/** A question; below an open one, what its form asks for or where it leads. */
function questionLines({
  key,
  kind,
  deadline,
  isAnswered,
  answeredBy,
  message = '',
  params,
}: QuestionSummary): string[] {
  const by = answeredBy === undefined ? '' : ` by ${nameOf(answeredBy)}`;
  const how = isAnswered ? `answered${by}` : `open until ${deadline.toISOString()}`;
  const question = `${key} (${kind}, ${how}): ${message}`;
  const { requestedSchema, url } = params ?? {};
  const { properties: fields } = (requestedSchema ?? {}) as { readonly properties?: unknown };
  if (isAnswered || (fields ?? url) === undefined) return [question];
  return [question, fields === undefined ? `  url ${String(url)}` : `  fields ${JSON.stringify(fields)}`];
}

const nameOf = (by: string): string => (isSealed(by) ? 'a sealed name' : by);

/** Names sealed text instead of showing it. */
const readable = (text: string | undefined): string | undefined => (isSealed(text) ? 'message sealed' : text);

/** Lost runs have not failed, and use up none of the attempts that a retry policy allows. */
function attemptText({ attempt, losses, suspicions, attempts, redelivered }: ExecutionDetails): string {
  const lost = losses > 0 ? `, ${losses} lost` : '';
  const interrupted = suspicions > 0 ? `, ${suspicions} lost beside others` : '';
  return `${Math.max(attempt - losses, 0)} of ${attempts}${lost}${interrupted}${redelivered ? ', redelivered' : ''}`;
}

const ToolFailure = z.object({ content: z.tuple([z.object({ text: z.string() })], z.unknown()) });

/** Why an execution failed, also if only its client was told: then the text that it got. */
export function failureOf({ error, failedForClient, result }: ExecutionDetails): StoredError | undefined {
  if (error !== undefined || !failedForClient) return error;
  if (isSealed(result)) return { code: 'SEALED', message: result };
  return { code: 'isError', message: ToolFailure.safeParse(result).data?.content[0].text ?? 'no text' };
}

/** An error on one line. */
export function errorText({ code, message }: StoredError): string {
  return code === 'SEALED' ? 'sealed: give the keys in ERRAND_DOCKET_ENCRYPTION_KEYS' : `${code}: ${message}`;
}
