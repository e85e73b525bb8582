import type { Mode } from './plan.js';
import type { LazyRoot, Step } from './step.js';
import type { InjectionToken } from '../tokens.js';

/** The steps for instances of the same life span: those of the server, or those of a plan's calls. */
export class Scope<Frame> {
  readonly steps: Step<Frame>[] = [];
  readonly lazyRoots: LazyRoot<Frame>[] = [];
  readonly needs = new Set<InjectionToken>();
  private readonly shared = new Map<unknown, Step<Frame>>();

  constructor(
    /** The modes of the calls; `undefined` for the server. */
    readonly modes?: readonly Mode[],
  ) {}

  add(step: Partial<Step<Frame>> & Pick<Step<Frame>, 'path'>): Step<Frame> {
    const added = {
      needs: [],
      after: [],
      make: () => undefined,
      awaits: false,
      optional: false,
      ...step,
      slot: this.steps.length,
    };
    this.steps.push(added);
    return added;
  }

  /** Returns the step for `key`, adding it if there is none yet. */
  share(key: unknown, add: () => Step<Frame>): Step<Frame> {
    const known = this.shared.get(key);
    if (known) return known;
    const step = add();
    this.shared.set(key, step);
    return step;
  }

  get sharedSteps(): Iterable<Step<Frame>> {
    return this.shared.values();
  }

  /** Removes everything beyond the given numbers of steps and lazy roots. */
  rollBack(steps: number, lazyRoots: number): void {
    this.steps.length = steps;
    this.lazyRoots.length = lazyRoots;
    for (const [key, step] of this.shared) if (step.slot >= steps) this.shared.delete(key);
  }
}
