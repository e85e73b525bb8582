import { markCopy } from '../base/package-copy.js';
import { ErrandError } from '../base/errors.js';
import type { ClientChannel, ProgressState } from './channel.js';
import { ignorable, type CallScope } from './call-scope.js';

/**
 * Token for the progress of the call, reported to the client in both modes. Fractions are kept, and progress never goes
 * back. `ctx.reportProgress()` shares its state.
 *
 * @example
 * ```ts
 * import { Progress, tool } from 'errand';
 *
 * class Copies {
 *   @tool({ task: 'optional' })
 *   async copy(progress: Progress) {
 *     await progress.setTotal(3);
 *     for (const name of ['a', 'b', 'c']) {
 *       await progress.setMessage(`Copying ${name}`);
 *       await progress.increment();
 *     }
 *   }
 * }
 * ```
 */
export class Progress {
  static {
    markCopy(this);
  }

  private state: ProgressState = { current: 0 };

  /** @internal */
  constructor(
    private readonly channel: ClientChannel,
    private readonly scope: CallScope,
  ) {}

  /** The amount done so far. */
  get current(): number {
    return this.state.current;
  }

  /** The total amount, if known. */
  get total(): number | undefined {
    return this.state.total;
  }

  /** The current activity, as shown to the user. */
  get message(): string | undefined {
    return this.state.message;
  }

  /**
   * Sets the total amount.
   *
   * Like everything that reports progress: in the foreground, it resolves once there is room on the client's stream, after
   * `slowReaders.wait` at the latest; in the background it does not wait for the client.
   *
   * @param total - at least 0
   */
  setTotal(total: number): Promise<void> {
    return this.move(() => ({ ...this.state, total: amount(total, 'total') }));
  }

  /**
   * Adds to the amount done.
   *
   * @param by - at least 0; fractions are kept; default 1
   */
  increment(by = 1): Promise<void> {
    return this.move(() => ({ ...this.state, current: this.state.current + amount(by, 'increment') }));
  }

  /** Sets the current activity. Foreground clients see it with the next step, task status shows it at once. */
  setMessage(message: string): Promise<void> {
    return this.move(() => ({ ...this.state, message }));
  }

  /** Sets everything at once. A `current` lower than before is ignored, because progress never goes back. */
  report(current: number, total = this.state.total, message = this.state.message): Promise<void> {
    return this.move(() => ({
      current: Math.max(this.state.current, amount(current, 'progress')),
      ...(total !== undefined && { total: amount(total, 'total') }),
      ...(message !== undefined && { message }),
    }));
  }

  private move(next: () => ProgressState): Promise<void> {
    return ignorable(this.send(next));
  }

  private async send(next: () => ProgressState): Promise<void> {
    this.scope.check();
    this.state = next();
    await this.channel.progress(this.state);
  }
}

function amount(value: number, what: string): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new ErrandError('OPTIONS_INVALID', `Progress: ${what} is ${value}. Give a number of at least 0.`);
}
