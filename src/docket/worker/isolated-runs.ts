import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Consumer, Delivery, Engine } from '../engine/engine.js';

/** How long a worker leaves its slots empty for an isolated run before it gives up, in milliseconds; twice as long each time it does. */
const firstPatience = 30_000;
const longestPatience = 600_000;

/**
 * An isolated run that has waited this long for an answer counts as harmless, in milliseconds: people take their time, and
 * nobody else of its component would run meanwhile. What crashes behind a question does so at once.
 */
const probation = 10_000;

/** The runs of one worker that may be what kills workers, so that nothing runs beside them. At most one at a time gets its way. */
export class IsolatedRuns {
  /** Runs that wait for the others to end, each with what ends the wait. */
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

  /** Keeps the worker from taking anything more. `true` once no other run holds a slot, `false` when that takes too long. */
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

  /** The run is not to begin any more. */
  giveUp(run: string): void {
    this.entering.get(run)?.();
  }

  /** The worker stops. */
  giveUpAll(): void {
    for (const giveUp of [...this.entering.values()]) giveUp();
  }

  /** The run waits for an answer. An isolated one keeps the worker to itself until its probation is over. */
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

  /** The run goes on. Resolves when it has a slot. */
  unpark(run: string): Promise<void> {
    if (run !== this.current) return this.consumer.unpark(run);
    this.stopProbation?.();
    return Promise.resolve();
  }

  /** The run is over, or isolated no longer. */
  ended(run: string): void {
    if (run !== this.current) return;
    this.stopProbation?.();
    this.stopProbation = undefined;
    this.current = undefined;
  }
}
