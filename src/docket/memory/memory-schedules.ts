import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.js';
import { copyOfJson } from '../../base/json.js';
import type { NewExecution, NewSchedule, ScheduleRecord } from '../engine/engine.js';
import { nextTick } from '../engine/timetable.js';
import type { Timer, TimerHeap } from './timer-heap.js';

interface Planned {
  readonly schedule: NewSchedule;
  next: number;
  timer: Timer;
}

/** The schedules of the memory engine. */
export class MemorySchedules {
  private readonly planned = new Map<string, Planned>();

  constructor(
    private readonly clock: Clock,
    private readonly timers: TimerHeap,
    /** Adds an execution, unless the previous one is alive. */
    private readonly add: (execution: NewExecution) => void,
  ) {}

  set(given: NewSchedule): ScheduleRecord {
    const { id } = given;
    const schedule: NewSchedule = {
      ...given,
      ...(given.input !== undefined && { input: copyOfJson(given.input) }),
      ...(given.snapshot !== undefined && { snapshot: copyOfJson(given.snapshot) }),
    };
    const known = this.planned.get(id);
    if (known) this.timers.delete(known.timer);
    const goesOn = known !== undefined && isDeepStrictEqual(known.schedule.when, schedule.when);
    const next = goesOn ? known.next : nextTick(schedule.when, this.clock.now());
    const planned: Planned = { schedule, next, timer: this.timers.add(next, () => this.tick(planned)) };
    this.planned.set(id, planned);
    return toRecord(planned);
  }

  delete(id: string): boolean {
    const known = this.planned.get(id);
    if (known) this.timers.delete(known.timer);
    return this.planned.delete(id);
  }

  list(): readonly ScheduleRecord[] {
    return [...this.planned.values()].map(toRecord).sort((a, b) => a.next - b.next || (a.id < b.id ? -1 : 1));
  }

  /** Removes all schedules; their timers have been cleared already. */
  clear(): void {
    this.planned.clear();
  }

  private tick(planned: Planned): void {
    const { id, when, ...execution } = planned.schedule;
    planned.next = nextTick(when, this.clock.now(), planned.next);
    planned.timer = this.timers.add(planned.next, () => this.tick(planned));
    this.add({ key: id, ...execution });
  }
}

function toRecord({ schedule: { id, when, component, owner }, next }: Planned): ScheduleRecord {
  return { id, when, component, owner, next };
}
