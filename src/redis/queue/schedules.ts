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

/** How many schedules a process remembers, of its own and of all. */
const mostRemembered = 1_000;

/** A schedule that this process has declared. */
interface Declared {
  readonly schedule: NewSchedule;
  /** Number of the last message that Redis had sent when it registered this process for the schedule. Absent until known. */
  since?: number;
  /** Number of the last message that the schedule is no longer that of this process. */
  lost: number;
}

/**
 * The schedules of a docket in Redis. Each process computes the next tick from the time of Redis, and Redis accepts it from
 * the process that comes first.
 */
export class Schedules {
  /** Schedules whose tick failed in this process. Each is reported once, since other processes may know its time zone. */
  private readonly failing = new Set<string>();
  /** Schedules that this process has declared, and nobody has deleted or replaced: those it restores if Redis loses its data. */
  private readonly declared = new Map<string, Declared>();
  /** The ids of all schedules when they were last read, and how many there were. */
  private known = new Set<string>();
  private count = 0;

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly damages: Damages,
    private readonly report: OnError,
    /** Id of this process. */
    private readonly node = '',
  ) {}

  /** Returns the schedule and the milliseconds until its next tick. */
  async set(schedule: NewSchedule): Promise<readonly [record: ScheduleRecord, wait: number]> {
    const { id, when, component, owner } = schedule;
    const first = nextTick(when, Number(await this.scripts.run(lua.schedules.time)));
    const before = this.declared.get(id);
    const declared: Declared = { schedule, lost: 0 };
    if (before || this.declared.size < mostRemembered) this.declared.set(id, declared);
    try {
      const reply = await this.scripts.run(lua.schedules.set, this.node, ...storedForm(schedule, first));
      const [next, wait, number] = (reply as readonly Reply[]).map(Number) as [number, number, number];
      this.register(declared, number);
      return [{ id, when, component, owner, next }, wait];
    } catch (error) {
      if (before) this.declared.set(id, before);
      else this.declared.delete(id);
      throw error;
    }
  }

  /** Sets those that this process has declared again, because the list of all was damaged. */
  async setAgain(): Promise<void> {
    await Promise.all([...this.declared.values()].map(({ schedule }) => this.set(schedule)));
  }

  async delete(id: string): Promise<boolean> {
    const deleted = (await this.scripts.run(lua.schedules.delete, this.node, id)) === 1;
    this.declared.delete(id);
    this.known.delete(id);
    return deleted;
  }

  /** Handles the message that a process has deleted a schedule that this one had declared, or has replaced its timetable. */
  receive({ '@event': event, '@id': id = '' }: Readonly<Record<string, string>>, number: number): void {
    if (event === 'unscheduled') this.known.delete(id);
    const declared = this.declared.get(id);
    if (!declared) return;
    declared.lost = Math.max(declared.lost, number);
    this.register(declared, declared.since);
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

  /** Remembers the ids of all schedules, given how many there are: whoever loses them is to be told which. */
  async note(count: number): Promise<void> {
    if (count === this.count) return;
    this.known = new Set(((await this.scripts.run(lua.schedules.ids, mostRemembered)) as readonly Reply[]).map(String));
    this.count = count;
  }

  /**
   * Registers this process again for what it has declared. Restores what Redis has lost with the docket of the mark, and forgets
   * what others have deleted or replaced. Returns what was restored, what is known of and was not declared here, and the
   * milliseconds until the next tick of what was restored.
   */
  async restore(
    mark: string,
    now: number,
  ): Promise<{ readonly restored: readonly string[]; readonly others: readonly string[]; readonly wait: number }> {
    const restored: string[] = [];
    let wait = Infinity;
    await Promise.all(
      [...this.declared].map(async ([id, declared]) => {
        const first = nextTick(declared.schedule.when, now);
        const isRegistered = declared.since !== undefined;
        const step = lua.schedules.restore;
        const reply = await this.scripts.run(step, this.node, mark, ...storedForm(declared.schedule, first));
        const [status, next, number] = reply as readonly Reply[];
        if (status === 'restored') {
          restored.push(id);
          wait = Math.min(wait, Number(next));
        }
        if (status === 'gone') {
          this.known.delete(id);
          // Unless this process is about to set it.
          if (isRegistered) declared.lost = Math.max(declared.lost, Number(number) + 1);
        }
        this.register(declared, Number(number));
      }),
    );
    const others = [...this.known].filter((id) => !this.declared.has(id));
    return { restored: restored.sort(), others: others.sort(), wait };
  }

  /** Notes since when Redis tells this process of a schedule, and forgets the schedule if it has told it something since. */
  private register(declared: Declared, number: number | undefined): void {
    if (number === undefined) return;
    declared.since = Math.max(declared.since ?? 0, number);
    const { id } = declared.schedule;
    if (declared.lost > declared.since && this.declared.get(id) === declared) this.declared.delete(id);
  }
}

/** A schedule as arguments of scripts: its id, its timetable, its next tick, and the fields of its executions. */
function storedForm({ id, when, ...execution }: NewSchedule, next: number): (string | number)[] {
  return [id, JSON.stringify(when), next, ...executionFields({ key: id, ...execution })];
}
