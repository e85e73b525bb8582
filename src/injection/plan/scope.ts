import type { LazyRoot, Step } from './instance-container.js';
import type { Mode } from './plan.js';
import type { InjectionToken } from '../tokens.js';

/** The steps of everything that lives equally long: of the server, or of the calls of one plan. */
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
    const nothing = (): undefined => undefined;
    const added = {
      needs: [],
      after: [],
      make: nothing,
      awaits: false,
      optional: false,
      ...step,
      slot: this.steps.length,
    };
    this.steps.push(added);
    return added;
  }

  /** The step that was added for `key` before, else the one that `add` adds. */
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

  /** Forgets what was added since there were `count` steps. */
  rollBack(count: number, lazyRoots: number): void {
    this.steps.length = count;
    this.lazyRoots.length = lazyRoots;
    for (const [key, step] of this.shared) if (step.slot >= count) this.shared.delete(key);
  }
}
