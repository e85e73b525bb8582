import { isTerminal, type ExecutionState } from '../../src/docket/engine/record.js';
import type { Revocation, Settlement } from '../../src/docket/engine/engine.js';

/** What is asked for when an execution is added. */
export interface ModelWork {
  /** A client asked for it; the rest is work that the program added. */
  readonly isTask: boolean;
  readonly component: string;
  readonly ttl: number;
  readonly priority: number;
}

/** What the model knows of an execution. */
export interface ModelExecution extends ModelWork {
  readonly key: string;
  readonly generation: number;
  state: ExecutionState;
  attempt: number;
  losses: number;
  redelivered: boolean;
  progress: number | undefined;
  /** Names of questions, and whether they have an answer. */
  readonly questions: Map<string, boolean>;
  openQuestions: number;
  place: number;
  /** When it becomes due, or when it expires. */
  at: number;
  /** Decides between those that are due at the same time. */
  order: number;
  run: ModelRun | undefined;
}

export interface ModelRun {
  readonly of: ModelExecution;
  slot: 'held' | 'parked' | 'awaited' | 'none';
  revoked: boolean;
  ended: boolean;
}

export interface ModelSchedule {
  readonly id: string;
  readonly every: number;
  readonly work: ModelWork;
  /** The next tick. */
  readonly at: number;
  readonly order: number;
}

/** Whether it keeps what it needs to be run again. */
export const isRepeatable = ({ state, isTask }: ModelExecution): boolean => state === 'failed' && !isTask;

/** The docket as the interface describes it, with nothing concurrent, nothing indexed and nothing fast. */
export class DocketModel {
  readonly executions = new Map<string, ModelExecution>();
  /** In the order of delivery. */
  readonly runs: ModelRun[] = [];
  readonly schedules = new Map<string, ModelSchedule>();
  /** Indexes of runs, in the order of revocation. */
  readonly revoked: { readonly run: number; readonly why: Revocation }[] = [];
  private comingBack: ModelRun[] = [];
  private now = 0;
  private count = 0;
  private added = 0;

  constructor(private readonly concurrency: number) {}

  add(key: string, delay: number, limit: number, work: ModelWork): boolean | 'refused' {
    if (this.isAlive(key)) return false;
    const open = [...this.executions.values()].filter(({ state, isTask }) => isTask && !isTerminal(state));
    if (open.length >= limit) return 'refused';
    this.enter(key, delay, work);
    return true;
  }

  replace(key: string, delay: number, work: ModelWork): boolean {
    const known = this.executions.get(key);
    if (known && this.isAlive(key)) {
      if (known.isTask || known.component !== work.component) return false;
      const { run } = known;
      known.run = undefined;
      this.enter(key, delay, work);
      if (run) this.revoke(run, 'replaced');
    } else {
      this.enter(key, delay, work);
    }
    return true;
  }

  /** Whether it runs again. */
  retry(key: string): boolean {
    const known = this.executions.get(key);
    if (!known || !isRepeatable(known)) return false;
    this.enter(key, 0, known);
    return true;
  }

  /** Gives the next tick. */
  schedule(id: string, every: number, work: ModelWork): number {
    const known = this.schedules.get(id);
    const at = known?.every === every ? known.at : this.now + every;
    this.schedules.set(id, { id, every, work, at, order: ++this.count });
    return at;
  }

  unschedule(id: string): boolean {
    return this.schedules.delete(id);
  }

  /** The time of a schedule has come. */
  tick(id: string): void {
    const schedule = this.schedules.get(id);
    if (!schedule) return;
    const at = schedule.at + schedule.every * (Math.floor(Math.max(this.now - schedule.at, 0) / schedule.every) + 1);
    this.schedules.set(id, { ...schedule, at, order: ++this.count });
    if (!this.isAlive(id)) this.enter(id, 0, schedule.work);
  }

  /** The time of an execution has come. */
  comeDue(key: string): void {
    const execution = this.executions.get(key);
    if (execution?.state === 'scheduled') this.waitFor(execution, 0);
  }

  private isAlive(key: string): boolean {
    const known = this.executions.get(key);
    return known !== undefined && !isTerminal(known.state);
  }

  private enter(key: string, delay: number, { isTask, component, ttl, priority }: ModelWork): void {
    const execution: ModelExecution = {
      key,
      isTask,
      component,
      ttl,
      priority,
      generation: ++this.added,
      state: 'queued',
      attempt: 0,
      losses: 0,
      redelivered: false,
      progress: undefined,
      questions: new Map(),
      openQuestions: 0,
      place: 0,
      at: 0,
      order: 0,
      run: undefined,
    };
    this.executions.set(key, execution);
    this.waitFor(execution, delay);
  }

  cancel(key: string): 'cancelled' | 'terminal' | 'unknown' {
    const execution = this.executions.get(key);
    if (!execution) return 'unknown';
    if (isTerminal(execution.state)) return 'terminal';
    const { run } = execution;
    this.finish(execution, 'cancelled');
    if (run) this.revoke(run, 'cancelled');
    return 'cancelled';
  }

  settle(run: ModelRun, settlement: Settlement): boolean {
    const execution = this.ownedBy(run);
    if (!execution) return false;
    if (settlement.type === 'finish') {
      this.finish(execution, 'error' in settlement.outcome ? 'failed' : 'completed');
      return true;
    }
    execution.run = undefined;
    if (settlement.type !== 'retry') execution.attempt--;
    if (settlement.delay === undefined) {
      execution.redelivered = true;
      execution.state = 'queued';
    } else {
      this.waitFor(execution, settlement.delay);
    }
    return true;
  }

  progress(run: ModelRun, current: number): boolean {
    const execution = this.ownedBy(run);
    if (execution) execution.progress = current;
    return execution !== undefined;
  }

  /** Whether the question has its answer already; `undefined` when the run may not ask. */
  ask(run: ModelRun, name: string, limit: number): boolean | 'refused' | undefined {
    const execution = this.ownedBy(run);
    if (!execution) return undefined;
    const answered = execution.questions.get(name);
    if (answered !== undefined) return answered;
    if (execution.questions.size >= limit) return 'refused';
    execution.questions.set(name, false);
    execution.openQuestions++;
    return false;
  }

  answer(key: string, name: string): 'accepted' | 'answered' | 'ended' | 'unknown' {
    const execution = this.executions.get(key);
    if (execution && isTerminal(execution.state)) return 'ended';
    const answered = execution?.questions.get(name);
    if (!execution || answered === undefined) return 'unknown';
    if (answered) return 'answered';
    execution.questions.set(name, true);
    execution.openQuestions--;
    return 'accepted';
  }

  park(run: ModelRun): void {
    if (run.slot === 'held') {
      run.slot = 'parked';
      this.slotFree();
    } else {
      this.giveUpComeback(run);
    }
  }

  unpark(run: ModelRun): void {
    if (run.slot !== 'parked' || run.revoked) return;
    run.slot = 'awaited';
    this.comingBack.push(run);
    this.slotFree();
  }

  end(run: ModelRun): void {
    if (run.ended) return;
    run.ended = true;
    const execution = this.ownedBy(run);
    if (execution) {
      execution.run = undefined;
      execution.redelivered = true;
      execution.losses++;
      execution.state = 'queued';
    }
    this.giveUpComeback(run);
    run.slot = 'none';
    this.slotFree();
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const waiting = [...this.executions.values()].filter(({ state }) => state === 'scheduled' || isTerminal(state));
      const [next] = [...waiting, ...this.schedules.values()]
        .filter(({ at }) => at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order);
      if (!next) break;
      // What is due at the same time stands in line before the first of it begins.
      if (next.at > this.now) this.dispatch();
      this.now = next.at;
      if ('every' in next) this.tick(next.id);
      else if (isTerminal(next.state)) this.executions.delete(next.key);
      else this.waitFor(next, 0);
    }
    this.dispatch();
    this.now = end;
  }

  /** Delivers what is due. To be called after each step: a step is over before the next delivery. */
  dispatch(): void {
    while (this.hasRoom()) {
      const [next] = [...this.executions.values()]
        .filter(({ state }) => state === 'queued')
        .sort((a, b) => a.priority - b.priority || a.place - b.place);
      if (!next) return;
      const run: ModelRun = { of: next, slot: 'held', revoked: false, ended: false };
      next.state = 'running';
      next.attempt++;
      next.run = run;
      this.runs.push(run);
    }
  }

  /** Milliseconds since the model began. */
  get time(): number {
    return this.now;
  }

  /** Runs that wait for a slot. */
  get awaiting(): readonly ModelRun[] {
    return this.comingBack;
  }

  private ownedBy(run: ModelRun): ModelExecution | undefined {
    return run.of.run === run ? run.of : undefined;
  }

  private waitFor(execution: ModelExecution, delay: number): void {
    execution.state = delay > 0 ? 'scheduled' : 'queued';
    if (delay > 0) execution.at = this.now + delay;
    else execution.place = ++this.count;
    execution.order = ++this.count;
  }

  private finish(execution: ModelExecution, state: ExecutionState): void {
    execution.state = state;
    execution.run = undefined;
    execution.openQuestions = 0;
    execution.questions.clear();
    execution.at = this.now + execution.ttl;
    execution.order = ++this.count;
  }

  private revoke(run: ModelRun, why: Revocation): void {
    run.revoked = true;
    this.revoked.push({ run: this.runs.indexOf(run), why });
    this.giveUpComeback(run);
  }

  private giveUpComeback(run: ModelRun): void {
    if (run.slot === 'awaited') run.slot = 'parked';
    this.comingBack = this.comingBack.filter((other) => other !== run);
  }

  private slotFree(): void {
    while (this.hasRoom() && this.comingBack.length > 0) this.comingBack.shift()!.slot = 'held';
  }

  private hasRoom(): boolean {
    return this.runs.filter((run) => run.slot === 'held').length < this.concurrency;
  }
}
