import { Cursors } from '../docket/engine/cursors.js';
import type { ListQuery, RecordPage } from '../docket/engine/engine.js';
import { executionStates, type BrowseQuery, type DocketStats, type SummaryPage } from '../docket/engine/queries.js';
import { fieldsOf, recordIn, summaryIn } from './codec.js';
import type { Damages } from './damage.js';
import type { Commands } from './connection/commands.js';
import type { Reply } from './connection/script-runner.js';
import { lua } from './lua/bundle.js';

/** Reads many executions at once. */
export class RedisOverview {
  private cursors = new Cursors('');

  constructor(
    private readonly commands: Commands,
    private readonly damages: Damages,
  ) {}

  /** Sets the mark that distinguishes cursors of this docket from those of others. */
  open(mark: string): void {
    this.cursors = new Cursors(mark);
  }

  async list({ owner, cursor, limit }: ListQuery): Promise<RecordPage> {
    const found = (await this.commands.run(lua.executions.list, owner, this.before(cursor), limit)) as [
      string,
      Reply,
    ][];
    const page = found.slice(0, limit);
    const last = found.length > page.length ? page.at(-1) : undefined;
    const records = this.damages.readable(
      'execution',
      page,
      ([, fields]) => fieldsOf(fields)['key'] ?? '',
      ([, fields]) => recordIn(fields),
    );
    return {
      records: records.flatMap((record) => record ?? []),
      ...(last && { nextCursor: this.cursors.after(Number(last[0])) }),
    };
  }

  /** Returns a page of all executions. The lists of the states are paged together, since each is in the order of addition. */
  async browse({ state, failed = false, component = '', cursor, limit }: BrowseQuery): Promise<SummaryPage> {
    const states = failed ? ['completed', 'failed'] : state === undefined ? executionStates : [state];
    const filter = [component, failed ? 'failed' : ''];
    const reply = await this.commands.run(lua.executions.browse, this.before(cursor), limit, ...filter, ...states);
    const [found, next] = reply as readonly [found: readonly Reply[], next: string];
    return {
      summaries: this.damages.readable(
        'execution',
        found,
        (fields) => String((fields as readonly Reply[])[0]),
        summaryIn,
      ),
      ...(next !== '' && { nextCursor: this.cursors.after(Number(next)) }),
    };
  }

  /** Counts executions by the length of the lists, so that no crash can leave a wrong count. */
  async stats(): Promise<DocketStats> {
    const reply = await this.commands.run(lua.executions.stats);
    const [counts, openQuestions, workers, waiting] = reply as readonly [readonly number[], number, number, string];
    const states = executionStates.map((state, index) => [state, counts[index] ?? 0] as const);
    return {
      states: Object.fromEntries(states) as DocketStats['states'],
      openQuestions,
      workers,
      ...(waiting !== '' && { oldestWaiting: Number(waiting) }),
    };
  }

  /** The start of a page, as an argument of scripts. */
  private before(cursor: string | undefined): string {
    return cursor === undefined ? '+inf' : `(${this.cursors.read(cursor)}`;
  }
}
