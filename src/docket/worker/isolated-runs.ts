import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Consumer, Delivery, Engine } from '../engine/engine.js';

/** How long a worker waits for its other runs before it gives up isolation, in milliseconds. Doubles each time it gives up. */
const firstPatience = 30_000;
const longestPatience = 600_000;

/**
 * How long an isolated run must wait for an answer to count as harmless, in milliseconds. Without this, a slow user would
 * keep the whole component from running. Code that crashes a worker does so soon.
 */
const probation = 10_000;

/** The runs of one worker that must run alone because they may be killing workers. At most one at a time does. */
export class IsolatedRuns {
  /** The runs that wait to be alone, each with a function that ends its wait. */
  private readonly entering = new Map<string, () => void>();
  private current: string | undefined;
  private stopProbation: (() => void) | undefined;
  private patience = firstPatience;

  constructor(
    private readonly engine: Engine,
    private readonly consumer: Consumer,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Stops intake. Resolves with `true` once no other run holds a slot, or `false` if that takes too long. */
  enter(run: string): Promise<boolean> {
    const alone = this.consumer.isolate(run);
    if (alone === undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (isAlone: boolean): void => {
        stop();
        this.entering.delete(run);
        resolve(isAlone);
      };
      const stop = this.clock.schedule(this.patience, () => {
        this.patience = Math.min(this.patience * 2, longestPatience);
        settle(false);
      });
      this.entering.set(run, () => settle(false));
      void alone.then(() => {
        if (!this.entering.has(run)) return;
        this.patience = firstPatience;
        this.current = run;
        settle(true);
      });
    });
  }

  /** Whether the run waits for the others to end. */
  isEntering(run: string): boolean {
    return this.entering.has(run);
  }

  /** Ends the wait of a run that must not begin. */
  giveUp(run: string): void {
    this.entering.get(run)?.();
  }

  /** Ends all waits: the worker stops. */
  giveUpAll(): void {
    for (const giveUp of [...this.entering.values()]) giveUp();
  }

  /** Parks a run. An isolated one keeps the worker to itself until its probation is over. */
  park({ record, run }: Delivery): void {
    if (run !== this.current) return this.consumer.park(run);
    this.stopProbation = this.clock.schedule(probation, () => {
      this.ended(run);
      this.consumer.park(run);
      this.engine.exonerate(record.key, run).catch((error: unknown) => {
        this.logger.warning('A component stays isolated although a call of it was harmless', {
          component: record.component,
          error,
        });
      });
    });
  }

  /** Resumes a run. Resolves once it has a slot. */
  unpark(run: string): Promise<void> {
    if (run !== this.current) return this.consumer.unpark(run);
    this.stopProbation?.();
    return Promise.resolve();
  }

  /** The run has ended, or is no longer isolated. */
  ended(run: string): void {
    if (run !== this.current) return;
    this.stopProbation?.();
    this.stopProbation = undefined;
    this.current = undefined;
  }
}
