import type { DocketClient } from '../../docket/docket-client.js';
import { executionStates } from '../../docket/engine/queries.js';
import type { ExecutionSummary } from '../../docket/execution-summary.js';
import { jsonLine, printable } from '../printing.js';
import { stopSignal } from '../stop-signal.js';

/**
 * `errand tasks watch [key]`: prints the changes of one execution until it ends, or of all until somebody stops it.
 * Returns the exit code for one: 0 if it completed, 1 if it failed (even if only for its client) or was cancelled, 130
 * if somebody stopped the command before.
 */
export async function watch(docket: DocketClient, key: string, json = false): Promise<number> {
  if (key === '') {
    const { states } = await docket.stats();
    const counts = executionStates.map((state) => `${states[state]} ${state}`).join(', ');
    process.stderr.write(`${counts}. Press Ctrl-C to stop.\n`);
  }
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const following = { signal: stop.signal, ...(key !== '' && { key }) };
  let printed = '';
  let last: ExecutionSummary | undefined;
  try {
    for await (const { type, execution } of docket.subscribe(following)) {
      const line = json
        ? jsonLine({ event: type, ...execution })
        : `${execution.updatedAt.toISOString()}  ${lineOf(execution)}\n`;
      // Opening a question also changes the state, which would print the same line twice.
      if (line !== printed) process.stdout.write(line);
      printed = line;
      last = execution;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return key === '' ? 0 : 130;
  }
  return last?.state === 'completed' && !last.failedForClient ? 0 : 1;
}

function lineOf(execution: ExecutionSummary): string {
  const { key, component, state, attempt } = execution;
  const tried = attempt > 1 ? `attempt ${attempt}` : '';
  return [key, component, state, tried, whatNow(execution)].filter(Boolean).map(printable).join('  ');
}

/** The details of an execution worth showing in its state. */
export function whatNow(execution: ExecutionSummary): string {
  const { state, runAt, openQuestions, progress, reason, failedForClient } = execution;
  const parts: string[] = [];
  if (state === 'completed' && failedForClient) parts.push('failed for its client');
  if (state === 'scheduled' && runAt !== undefined) parts.push(`due ${runAt.toISOString()}`);
  if (openQuestions > 0) parts.push(openQuestions === 1 ? '1 open question' : `${openQuestions} open questions`);
  if (state === 'running' && progress !== undefined) {
    const { current, total, message } = progress;
    parts.push(total === undefined ? String(current) : `${current} of ${total}`);
    if (message !== undefined) parts.push(message);
  }
  if (reason !== undefined) parts.push(reason);
  return parts.join(', ');
}
