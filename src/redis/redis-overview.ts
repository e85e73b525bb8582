import { Cursors } from '../docket/engine/cursors.js';
import type { ListQuery, RecordPage } from '../docket/engine/engine.js';
import {
  executionStates,
  type BrowseQuery,
  type DocketStats,
  type RecordSummary,
  type SummaryPage,
} from '../docket/engine/queries.js';
import type { ExecutionRecord } from '../docket/engine/record.js';
import type { OnError } from '../docket/engine/watchers.js';
import { recordIn, summaryIn } from './codec.js';
import { listScript } from './scripts/executions.js';
import { browseScript, statsScript } from './scripts/overview.js';
import type { Argument, Reply, Script } from './scripts/script.js';

/** What the overview needs of its engine. */
export interface RedisOverviewHost {
  run(script: Script, ...args: readonly Argument[]): Promise<Reply>;
  readonly report: OnError;
}

/** What reads many executions at once. */
export class RedisOverview {
  private cursors = new Cursors('');

  constructor(private readonly host: RedisOverviewHost) {}

  /** `mark` tells the cursors of this docket from those of others. */
  open(mark: string): void {
    this.cursors = new Cursors(mark);
  }

  async list({ owner, cursor, limit }: ListQuery): Promise<RecordPage> {
    const found = (await this.host.run(listScript, owner, this.before(cursor), limit)) as [string, Reply][];
    const page = found.slice(0, limit);
    const last = found.length > page.length ? page.at(-1) : undefined;
    const read = (fields: Reply): ExecutionRecord[] => [recordIn(fields) ?? []].flat();
    return {
      records: page.flatMap(([, fields]) => this.readable(() => read(fields))),
      ...(last && { nextCursor: this.cursors.after(Number(last[0])) }),
    };
  }

  /** A page of all executions. The lists of the states are paged together: each is in the order in which they were added. */
  async browse({ state, component = '', cursor, limit }: BrowseQuery): Promise<SummaryPage> {
    const states = state === undefined ? executionStates : [state];
    const reply = await this.host.run(browseScript, this.before(cursor), limit, component, ...states);
    const [found, next] = reply as readonly [found: readonly Reply[], next: string];
    const read = (fields: Reply): RecordSummary[] => [summaryIn(fields)];
    return {
      summaries: found.flatMap((fields) => this.readable(() => read(fields))),
      ...(next !== '' && { nextCursor: this.cursors.after(Number(next)) }),
    };
  }

  /** How much there is, counted by the lists themselves, so that no crash leaves a wrong count. */
  async stats(): Promise<DocketStats> {
    const reply = await this.host.run(statsScript);
    const [counts, openQuestions, workers, waiting] = reply as readonly [readonly number[], number, number, string];
    const states = executionStates.map((state, index) => [state, counts[index] ?? 0] as const);
    return {
      states: Object.fromEntries(states) as DocketStats['states'],
      openQuestions,
      workers,
      ...(waiting !== '' && { oldestWaiting: Number(waiting) }),
    };
  }

  /** Where a page begins, as scripts take it. */
  private before(cursor: string | undefined): string {
    return cursor === undefined ? '+inf' : `(${this.cursors.read(cursor)}`;
  }

  /** What cannot be read is left out of a list: the others are not to be missed for its sake. */
  private readable<T>(read: () => readonly T[]): readonly T[] {
    try {
      return read();
    } catch (error) {
      this.host.report(error);
      return [];
    }
  }
}
