import type { Cursors } from '../docket/cursors.js';
import {
  executionStates,
  type BrowseQuery,
  type DocketStats,
  type RecordSummary,
  type SummaryPage,
} from '../docket/overview.js';
import { browseScript, statsScript } from './scripts/overview.js';
import type { Reply, ScriptRunner } from './scripts/script.js';

/** A page of all executions. The lists of the states are paged together: each is in the order in which they were added. */
export async function browse(
  scripts: ScriptRunner,
  cursors: Cursors,
  { state, component = '', cursor, limit }: BrowseQuery,
  /** Gives none for what cannot be read. */
  read: (fields: Reply) => readonly RecordSummary[],
): Promise<SummaryPage> {
  const before = cursor === undefined ? '+inf' : `(${cursors.read(cursor)}`;
  const states = state === undefined ? executionStates : [state];
  const reply = await scripts.run(browseScript, before, limit, component, ...states);
  const [found, next] = reply as readonly [found: readonly Reply[], next: string];
  return { summaries: found.flatMap(read), ...(next !== '' && { nextCursor: cursors.after(Number(next)) }) };
}

/** How much there is, counted by the lists themselves, so that no crash leaves a wrong count. */
export async function stats(scripts: ScriptRunner): Promise<DocketStats> {
  const reply = await scripts.run(statsScript);
  const [counts, openQuestions, workers, waiting] = reply as readonly [readonly number[], number, number, string];
  const states = executionStates.map((state, index) => [state, counts[index] ?? 0] as const);
  return {
    states: Object.fromEntries(states) as DocketStats['states'],
    openQuestions,
    workers,
    ...(waiting !== '' && { oldestWaiting: Number(waiting) }),
  };
}
