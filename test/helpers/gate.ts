import { expect } from '@jest/globals';
import { eventually } from './eventually.js';

/** Where a tool of a test stops until the test lets it pass. One at a time. */
export class Gate {
  private open: (() => void) | undefined;

  /** For the tool: resolves when the test lets it pass. */
  readonly stop = (): Promise<void> => new Promise((resolve) => (this.open = resolve));

  /** For the test: opens as soon as the tool stops there. */
  readonly pass = async (): Promise<void> => {
    await eventually(() => expect(this.open).toBeDefined());
    this.open?.();
    this.open = undefined;
  };

  /** Forgets who stopped in a test that is over. */
  readonly clear = (): void => {
    this.open = undefined;
  };
}
