import { isTerminal, type ExecutionEnd } from '../../docket/engine/record.js';

/** So many executions are remembered: whoever waits for one that he has added mostly begins at once. */
const mostExpected = 1_000;

/** An execution that this process has added, or is about to add, and that nobody has waited for yet. */
interface Expected {
  readonly component: string;
  /** Whether Redis tells of its end unasked. */
  readonly told: boolean;
  /** How it stood when it was added; undefined until that is known. */
  stands?: ExecutionEnd;
  /** The last generation under its key that has ended, or made way, as far as Redis has told. */
  ended: number;
}

/**
 * Whose ends are likely to be waited for here. Where somebody has waited for an execution of a component that was added in this
 * process, Redis is asked for the end of the next one when it is added, which spares a way. What is not waited for after all
 * costs an entry, and once it is forgotten its component is not asked for any more.
 */
export class ExpectedEnds {
  private readonly executions = new Map<string, Expected>();
  private readonly components = new Set<string>();

  /** An execution is about to be added: gives what stands for it here. */
  expect(key: string, component: string): Expected {
    const expected = { component, told: this.components.has(component), ended: 0 };
    this.executions.delete(key);
    this.executions.set(key, expected);
    if (this.executions.size > mostExpected) this.giveUpOldest();
    return expected;
  }

  /** It was added, and stands so; undefined where it was not. */
  settle(key: string, expected: Expected, stands: ExecutionEnd | undefined): void {
    // Not the record itself: what was given to the execution is not kept here.
    if (stands) expected.stands = standing(stands);
    // Another may have been added under the key meanwhile.
    else if (this.executions.get(key) === expected) this.executions.delete(key);
  }

  /** Redis tells how it stands. The news may be faster than the reply to whoever has added it. */
  take({ key, state, generation }: ExecutionEnd): void {
    const expected = this.executions.get(key);
    if (expected) expected.ended = Math.max(expected.ended, isTerminal(state) ? generation : generation - 1);
  }

  /** Whether Redis tells of the end of one that nobody waits for yet. */
  isTold(key: string): boolean {
    return this.executions.get(key)?.told === true;
  }

  /**
   * Somebody waits for the execution of that generation. Gives how it stood when it was added, where its end is told unasked
   * and was not told yet.
   */
  claim(key: string, generation: number | undefined): ExecutionEnd | undefined {
    const expected = this.executions.get(key);
    if (!expected?.stands || expected.stands.generation !== generation) return undefined;
    this.executions.delete(key);
    this.components.add(expected.component);
    return expected.told && expected.ended < generation ? expected.stands : undefined;
  }

  /** Something that was told may have been missed. */
  clear(): void {
    this.executions.clear();
  }

  private giveUpOldest(): void {
    for (const [key, { component, told }] of this.executions) {
      this.executions.delete(key);
      if (told) this.components.delete(component);
      return;
    }
  }
}

const standing = ({ key, state, generation, updatedAt }: ExecutionEnd): ExecutionEnd => ({
  key,
  state,
  generation,
  updatedAt,
});
