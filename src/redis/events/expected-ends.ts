import { isTerminal, type ExecutionEnd } from '../../docket/engine/record.js';

/** Number of executions remembered. A process that waits for an execution it has added usually begins at once. */
const maxExpected = 1_000;

/** An execution that this process has added, or is about to add, and does not await yet. */
interface Expected {
  readonly component: string;
  /** Whether Redis reports its end unasked. */
  readonly isReported: boolean;
  /** Its state when it was added. Absent until known. */
  added?: ExecutionEnd;
  /** The latest generation of its key that has ended or made way, as far as reported. */
  ended: number;
}

/**
 * Predicts which ends this process will await. Once it has awaited an execution of a component that it had added itself, it
 * registers for the end of the next one as it adds it, which saves a round trip. A wrong prediction costs one message; when
 * it is forgotten, the component is no longer predicted.
 */
export class ExpectedEnds {
  private readonly executions = new Map<string, Expected>();
  private readonly components = new Set<string>();

  /** Prepares for an execution that is about to be added. */
  expect(key: string, component: string): Expected {
    const expected = { component, isReported: this.components.has(component), ended: 0 };
    this.executions.delete(key);
    this.executions.set(key, expected);
    if (this.executions.size > maxExpected) this.forgetOldest();
    return expected;
  }

  /** Remembers the state of the execution as it was added; undefined if it was not. */
  settle(key: string, expected: Expected, added: ExecutionEnd | undefined): void {
    // Not the whole record, which would keep the input in memory.
    if (added) expected.added = endOnly(added);
    // Another execution may have been added with the same key in the meantime.
    else if (this.executions.get(key) === expected) this.executions.delete(key);
  }

  /** Handles a state reported by Redis, which may arrive before the reply to the addition. */
  receive({ key, state, generation }: ExecutionEnd): void {
    const expected = this.executions.get(key);
    if (expected) expected.ended = Math.max(expected.ended, isTerminal(state) ? generation : generation - 1);
  }

  /** Whether Redis reports the end of an execution that is not awaited yet. */
  isReported(key: string): boolean {
    return this.executions.get(key)?.isReported === true;
  }

  /**
   * Hands an execution over to a caller that waits for this generation. Returns its state as it was added, if Redis reports
   * its end unasked and has not done so yet.
   */
  handOver(key: string, generation: number | undefined): ExecutionEnd | undefined {
    const expected = this.executions.get(key);
    if (!expected?.added || expected.added.generation !== generation) return undefined;
    this.executions.delete(key);
    this.components.add(expected.component);
    return expected.isReported && expected.ended < generation ? expected.added : undefined;
  }

  /** Forgets all executions, because a report may have been missed. */
  clear(): void {
    this.executions.clear();
  }

  private forgetOldest(): void {
    for (const [key, { component, isReported }] of this.executions) {
      this.executions.delete(key);
      if (isReported) this.components.delete(component);
      return;
    }
  }
}

const endOnly = ({ key, state, generation, updatedAt }: ExecutionEnd): ExecutionEnd => ({
  key,
  state,
  generation,
  updatedAt,
});
