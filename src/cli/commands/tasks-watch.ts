import type { Engine, EngineEvent } from '../../docket/engine/engine.js';
import { toSummary } from '../../docket/execution-summary.js';
import { executionStates, type RecordSummary } from '../../docket/engine/queries.js';
import { hasFailedForClient, isTerminal } from '../../docket/engine/record.js';
import { unknownExecution, waitForEnd } from '../../docket/wait.js';
import { jsonLine, printable } from '../printing.js';
import { stopSignal } from '../stop-signal.js';

/**
 * `errand tasks watch [key]`: prints what happens, of one execution until it ends, of all until somebody stops it. Gives
 * the exit code: 0 when the execution completed, 1 when it failed, also only to its client, or was cancelled, 130 when it was left before.
 */
export async function watch(engine: Engine, key: string, json = false): Promise<number> {
  let last = '';
  const print = (event: EngineEvent['type'] | 'now', record: RecordSummary): void => {
    const line = json
      ? jsonLine({ event, ...toSummary(record) })
      : `${new Date(record.updatedAt).toISOString()}  ${lineOf(record)}\n`;
    // A question that opens changes the state as well, which says the same twice.
    if (line !== last) process.stdout.write(line);
    last = line;
  };
  return key === '' ? watchAll(engine, print) : watchOne(engine, key, print);
}

type Print = (event: EngineEvent['type'] | 'now', record: RecordSummary) => void;

async function watchAll(engine: Engine, print: Print): Promise<number> {
  const { states } = await engine.stats();
  const counts = executionStates.map((state) => `${states[state]} ${state}`).join(', ');
  process.stderr.write(`${counts}. Ctrl-C ends.\n`);
  await engine.watch({ all: true }, (event) => {
    if (event.type !== 'notice') print(event.type, event.record);
  });
  // The engine's timers let the process end; somebody wants it to stay.
  const alive = setInterval(() => undefined, 60_000);
  await stopSignal();
  clearInterval(alive);
  return 0;
}

async function watchOne(engine: Engine, key: string, print: Print): Promise<number> {
  let printing = false;
  const early: EngineEvent[] = [];
  const take = ({ type, record }: EngineEvent): void => {
    if (type !== 'notice' && !isTerminal(record.state)) print(type, record);
  };
  await engine.watch({ key }, (event) => {
    if (printing) take(event);
    else early.push(event);
  });
  const now = await engine.get(key);
  if (now === undefined) throw unknownExecution(key);
  if (!isTerminal(now.state)) print('now', now);
  printing = true;
  early.filter(({ record }) => record.revision > now.revision).forEach(take);
  const end = await Promise.race([waitForEnd(engine, key), stopSignal()]);
  if (end === undefined) return 130;
  const last = await engine.get(key);
  const ended = last?.generation === end.generation ? last : { ...now, openQuestions: 0, ...end };
  print('state', ended);
  return ended.state === 'completed' && !hasFailedForClient(ended) ? 0 : 1;
}

function lineOf(record: RecordSummary): string {
  const { key, component, state, attempt } = record;
  const tried = attempt > 1 ? `attempt ${attempt}` : '';
  return [key, component, state, tried, whatNow(record)].filter(Boolean).map(printable).join('  ');
}

/** What there is to say of an execution in its state. */
export function whatNow(record: RecordSummary): string {
  const { state, runAt, openQuestions, progress, reason } = record;
  const parts: string[] = [];
  if (state === 'completed' && hasFailedForClient(record)) parts.push('failed for its client');
  if (state === 'scheduled' && runAt !== undefined) parts.push(`due ${new Date(runAt).toISOString()}`);
  if (openQuestions > 0) parts.push(openQuestions === 1 ? '1 open question' : `${openQuestions} open questions`);
  if (state === 'running' && progress !== undefined) {
    const { current, total, message } = progress;
    parts.push(total === undefined ? String(current) : `${current} of ${total}`);
    if (message !== undefined) parts.push(message);
  }
  if (reason !== undefined) parts.push(reason);
  return parts.join(', ');
}
