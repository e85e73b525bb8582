import { isTerminal, type ExecutionState } from '../../src/docket/record.js';
import type { Verdict } from '../../src/docket/engine.js';

/** What the model knows of an execution. */
export interface ModelExecution {
  readonly key: string;
  readonly generation: number;
  readonly ttl: number;
  readonly priority: number;
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

/** The docket as the interface describes it, with nothing concurrent, nothing indexed and nothing fast. */
export class DocketModel {
  readonly executions = new Map<string, ModelExecution>();
  /** In the order of delivery. */
  readonly runs: ModelRun[] = [];
  /** Indexes of runs, in the order of revocation. */
  readonly revoked: number[] = [];
  private comingBack: ModelRun[] = [];
  private now = 0;
  private count = 0;
  private added = 0;

  constructor(private readonly concurrency: number) {}

  add(key: string, delay: number, ttl: number, limit: number, priority: number): boolean | 'refused' {
    const known = this.executions.get(key);
    if (known && !isTerminal(known.state)) return false;
    if ([...this.executions.values()].filter(({ state }) => !isTerminal(state)).length >= limit) return 'refused';
    this.enter(key, delay, ttl, priority);
    return true;
  }

  private enter(key: string, delay: number, ttl: number, priority: number): void {
    const execution: ModelExecution = {
      key,
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
    if (run) {
      run.revoked = true;
      this.revoked.push(this.runs.indexOf(run));
      this.giveUpComeback(run);
    }
    return 'cancelled';
  }

  settle(run: ModelRun, verdict: Verdict): boolean {
    const execution = this.ownedBy(run);
    if (!execution) return false;
    if (verdict.type === 'finish') {
      this.finish(execution, 'error' in verdict.outcome ? 'failed' : 'completed');
      return true;
    }
    execution.run = undefined;
    if (verdict.type !== 'retry') execution.attempt--;
    if (verdict.type === 'handBack') {
      execution.redelivered = true;
      execution.state = 'queued';
    } else {
      this.waitFor(execution, verdict.delay);
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
      const [next] = [...this.executions.values()]
        .filter(({ state, at }) => (state === 'scheduled' || isTerminal(state)) && at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order);
      if (!next) break;
      // What is due at the same time stands in line before the first of it begins.
      if (next.at > this.now) this.dispatch();
      this.now = next.at;
      if (isTerminal(next.state)) this.executions.delete(next.key);
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
