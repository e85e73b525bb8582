import type { ExecutionEnd } from '../docket/record.js';

/** So many executions are remembered: whoever waits for one that he has added mostly begins at once. */
const mostExpected = 1_000;

/** An execution that this process has added, and that nobody has waited for yet. */
interface Expected {
  readonly component: string;
  /** Whether Redis tells of its end unasked. */
  readonly told: boolean;
  /** How it stood when it was added, or stands now if it has ended; undefined until it is known to have been added. */
  stands?: ExecutionEnd;
}

/**
 * Whose ends are likely to be waited for here. Where somebody has waited for an execution of a component that was added in this
 * process, Redis is asked for the end of the next one when it is added, which spares a way. What is not waited for after all
 * costs an entry, and its component is not asked for any more.
 */
export class ExpectedEnds {
  private readonly executions = new Map<string, Expected>();
  private readonly awaited = new Set<string>();

  /** An execution is about to be added. Gives whether Redis is to tell of its end. */
  expect(key: string, component: string): boolean {
    const told = this.awaited.has(component);
    this.executions.delete(key);
    this.executions.set(key, { component, told });
    if (this.executions.size > mostExpected) this.giveUpOldest();
    return told;
  }

  /** It was added, and stands so; undefined where it was not. */
  settle(key: string, stands: ExecutionEnd | undefined): void {
    const expected = this.executions.get(key);
    if (!expected || !stands) this.executions.delete(key);
    // The news of its end may have been faster.
    else if (expected.stands?.generation !== stands.generation) expected.stands = stands;
  }

  /** Redis tells how it stands. */
  take(end: ExecutionEnd): void {
    const expected = this.executions.get(end.key);
    if (expected) expected.stands = end;
  }

  /** Whether Redis tells of the end of one that nobody waits for yet. */
  isTold(key: string): boolean {
    return this.executions.get(key)?.told === true;
  }

  /** Somebody waits. Gives how it stands, where its end is told unasked. */
  claim(key: string): ExecutionEnd | undefined {
    const expected = this.executions.get(key);
    if (!expected) return undefined;
    this.executions.delete(key);
    this.awaited.add(expected.component);
    return expected.told ? expected.stands : undefined;
  }

  /** Something that was told may have been missed. */
  clear(): void {
    this.executions.clear();
  }

  private giveUpOldest(): void {
    for (const [key, { component, told }] of this.executions) {
      this.executions.delete(key);
      if (told) this.awaited.delete(component);
      return;
    }
  }
}
