import { markCopy } from '../base/package-copy.js';
import type { ExecutionFacts } from './frame.js';

/** Token for the execution of a background call. */
export class CurrentExecution {
  static {
    markCopy(this);
  }

  /** @internal */
  constructor(private readonly facts: ExecutionFacts) {}

  /** Its key, unique in the docket; for a task, the task's id. */
  get key(): string {
    return this.facts.key;
  }

  /** The number of this attempt, from 1. */
  get attempt(): number {
    return this.facts.attempt;
  }

  /** Whether an earlier run was interrupted, so that some of its effects may already exist. */
  get redelivered(): boolean {
    return this.facts.redelivered;
  }

  /** When the execution was added to the docket. */
  get addedAt(): Date {
    return new Date(this.facts.addedAt);
  }
}

/** Token for the worker that runs a background call. */
export class CurrentWorker {
  static {
    markCopy(this);
  }

  /** @internal */
  constructor(private readonly facts: ExecutionFacts) {}

  /** The worker's name. */
  get name(): string {
    return this.facts.worker;
  }
}
