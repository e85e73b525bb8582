import { ErrandError } from '../../base/errors.js';
import type { NewSchedule, ScheduleRecord } from '../../docket/engine/engine.js';
import { nextTick } from '../../docket/engine/timetable.js';
import type { OnError } from '../../docket/engine/watchers.js';
import { executionFields, scheduleIn, timetableIn } from '../codec.js';
import type { Reply, ScriptRunner } from '../connection/script-runner.js';
import type { Damages } from '../damage.js';
import { lua } from '../lua/bundle.js';

/** A tick that is due, as Redis reports it to the process that checks first. */
export type DueTick = readonly [id: string, when: string, tick: string];

/**
 * The schedules of a docket in Redis. Each process computes the next tick from the time of Redis, and Redis accepts it from
 * the process that comes first.
 */
export class Schedules {
  /** Those that this process has set. */
  private readonly own = new Map<string, NewSchedule>();
  /** Schedules whose tick failed in this process. Each is reported once, since other processes may know its time zone. */
  private readonly failing = new Set<string>();

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly damages: Damages,
    private readonly report: OnError,
  ) {}

  /** Returns the schedule and the milliseconds until its next tick. */
  async set(schedule: NewSchedule): Promise<readonly [record: ScheduleRecord, wait: number]> {
    const { id, when, ...execution } = schedule;
    const first = nextTick(when, Number(await this.scripts.run(lua.schedules.time)));
    const fields = executionFields({ key: id, ...execution });
    const reply = await this.scripts.run(lua.schedules.set, id, JSON.stringify(when), first, ...fields);
    this.own.set(id, schedule);
    const [next, wait] = (reply as readonly Reply[]).map(Number) as [number, number];
    return [{ id, when, component: execution.component, owner: execution.owner, next }, wait];
  }

  /** Sets those of this process again, because the list of all was lost. */
  async restore(): Promise<void> {
    await Promise.all([...this.own.values()].map((schedule) => this.set(schedule)));
  }

  async delete(id: string): Promise<boolean> {
    this.own.delete(id);
    return (await this.scripts.run(lua.schedules.delete, id)) === 1;
  }

  async list(): Promise<readonly ScheduleRecord[]> {
    const found = (await this.scripts.run(lua.schedules.list)) as readonly Reply[];
    const idOf = (fields: Reply): string => String((fields as readonly Reply[])[0]);
    return this.damages
      .readable('schedule', found, idOf, scheduleIn)
      .sort((a, b) => a.next - b.next || (a.id < b.id ? -1 : 1));
  }

  /**
   * Adds the execution of a tick. Returns its queue job and the milliseconds until the following tick. There is no job if
   * another process was first, or if the previous execution has not ended.
   */
  async tick(
    [id, when, tick]: DueTick,
    now: number,
  ): Promise<{ readonly job?: readonly Reply[]; readonly wait: number }> {
    try {
      const following = nextTick(timetableIn(when, id), now, Number(tick));
      const job = (await this.scripts.run(lua.schedules.tick, id, when, tick, following)) as readonly Reply[] | null;
      this.failing.delete(id);
      return { wait: following - now, ...(job !== null && { job }) };
    } catch (error) {
      if (ErrandError.is(error, 'DOCKET_DAMAGED')) this.damages.note('schedule', id, error);
      else if (!this.failing.has(id)) this.report(error);
      this.failing.add(id);
      return { wait: Infinity };
    }
  }
}
