import type { ExecutionFacts } from './frame.js';

/** Which execution this call is a run of, and an injectable token of background calls. */
export class CurrentExecution {
  /** @internal */
  constructor(private readonly facts: ExecutionFacts) {}

  /** Unique in the docket; for a task, the task's id. */
  get key(): string {
    return this.facts.key;
  }

  /** Which attempt this is; 1 is the first. */
  get attempt(): number {
    return this.facts.attempt;
  }

  /** Whether an earlier run was interrupted without an outcome, so that some of its work may have been done. */
  get redelivered(): boolean {
    return this.facts.redelivered;
  }

  /** When it was added to the docket. */
  get addedAt(): Date {
    return new Date(this.facts.addedAt);
  }
}

/** Who makes this call, and an injectable token of background calls. */
export class CurrentWorker {
  /** @internal */
  constructor(private readonly facts: ExecutionFacts) {}

  /** The worker's name. */
  get name(): string {
    return this.facts.worker;
  }
}
