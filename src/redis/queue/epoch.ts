import { shown } from '../../base/shown.js';
import type { Schedules } from './schedules.js';

/** The facts about the docket as a whole that come with each check for what is due. */
export type Overall = readonly [mark: string, schedules: string, waiting: string];

/** How many schedules a warning names. */
const mostNamed = 20;

/** The parts of the engine that {@link Epoch} uses. */
export interface EpochHost {
  /** Name of the docket. */
  readonly name: string;
  readonly schedules: Schedules;
  /** Gives the docket a mark, if it has none, and reads it. */
  mark(): Promise<string>;
  /** Called with the mark of the docket, at the start and after a loss. */
  marked(mark: string): void;
  /** Called when Redis has lost the docket, and with it everything that this process was registered for. */
  lost(): void;
  readonly warn: (warning: string) => void;
}

/**
 * Notices that Redis has lost the docket: it was flushed, or restarted without its data. Without the mark, or with another one,
 * nothing that this process had stored is there any longer.
 */
export class Epoch {
  private mark = '';
  /** How many executions waited at the last check. */
  private waiting = 0;
  /** Messages were missed: the schedules of this process may no longer be its own. */
  private unsure = false;

  constructor(private readonly host: EpochHost) {}

  /** Begins with the docket as it is. */
  async begin(): Promise<void> {
    this.mark = await this.host.mark();
    this.host.marked(this.mark);
  }

  /** Messages to this process may have been lost. */
  missed(): void {
    this.unsure = true;
  }

  /**
   * Restores what it can if the docket is lost. If that fails, the next check does it. Returns the milliseconds until the next
   * tick of a restored schedule.
   */
  async check([mark, schedules, waiting]: Overall, now: number): Promise<number> {
    if (mark === this.mark) {
      this.waiting = Number(waiting);
      await this.host.schedules.note(Number(schedules));
      if (this.unsure) {
        await this.host.schedules.restore(mark, now);
        this.unsure = false;
      }
      return Infinity;
    }
    this.host.lost();
    const { restored, others, wait } = await this.host.schedules.restore(this.mark, now);
    await this.begin();
    this.host.warn(this.warning(restored, others));
    this.waiting = 0;
    return wait;
  }

  private warning(restored: readonly string[], others: readonly string[]): string {
    const { waiting } = this;
    const said = [`Redis has lost the docket '${this.host.name}': it was flushed, or restarted without its data.`];
    if (restored.length > 0) said.push(`This process has restored ${named(restored)}, which it had declared.`);
    if (others.length > 0) {
      said.push(`It cannot restore ${named(others)}: only a process that has declared a schedule can.`);
    }
    if (waiting > 0) {
      const are = waiting === 1 ? '1 execution was' : `${waiting} executions were`;
      said.push(`About ${are} waiting and will not run; whoever waits for a result gets EXECUTION_UNKNOWN.`);
    }
    return said.join(' ');
  }
}

function named(ids: readonly string[]): string {
  const names = ids.slice(0, mostNamed).map((id) => `'${shown(id)}'`);
  const more = ids.length > mostNamed ? ` and ${ids.length - mostNamed} more` : '';
  return `the schedule${ids.length === 1 ? '' : 's'} ${names.join(', ')}${more}`;
}
