import { disposeAll, type Disposer } from '../../base/disposal.js';
import { ErrandError } from '../../base/errors.js';
import { blamed, unfilled, type LazyRoot, type Step, type StepContext } from './step.js';

/** The instances of one call or of the server, with their disposers. */
export class InstanceContainer<Frame = unknown> implements StepContext<Frame> {
  /** The disposers of the instances that have one, oldest first. */
  private disposers: { readonly step: Step<Frame>; readonly dispose: Disposer }[] | undefined;
  /** Steps under way, so that simultaneous requests share one instance. */
  private pending: Map<Step<Frame>, Promise<void>> | undefined;
  /** The step that each running `lazy` function waits for. */
  private waits: Map<LazyRoot<Frame>, Step<Frame>> | undefined;
  private ending: Promise<void> | undefined;
  private ended = false;

  constructor(
    readonly slots: unknown[],
    readonly frame: Frame,
  ) {}

  /** Whether {@link InstanceContainer.dispose} has begun, or opening failed. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Puts an instance into its step's slot. */
  keep(step: Step<Frame>, made: unknown): void {
    if (made === undefined && !step.optional) {
      if (step.absent) throw step.absent();
      throw new ErrandError(
        'PROVIDER_UNDEFINED',
        `${step.path.toString()}: the provider returned undefined, which is never injected. Return null or a value, or inject the token with { optional: true }.`,
      );
    }
    this.slots[step.slot] = made;
    const dispose = step.disposal?.(made);
    if (dispose) (this.disposers ??= []).push({ step, dispose });
  }

  /** Runs a step that has not begun yet. Returns a promise only when there is something to wait for. */
  ensure(step: Step<Frame>): Promise<void> | undefined {
    if (this.slots[step.slot] !== unfilled) return undefined;
    const pending = this.pending?.get(step);
    if (pending) return pending;
    this.refuseWhenEnded(step.path);
    try {
      const made = step.make(this);
      if (step.awaits && isThenable(made)) return this.keepLater(step, made);
      this.keep(step, made);
      return undefined;
    } catch (error) {
      throw blamed(step, error);
    }
  }

  /** Keeps the instance that a promise resolves to. */
  keepLater(step: Step<Frame>, made: PromiseLike<unknown>): Promise<void> {
    const pending = (this.pending ??= new Map<Step<Frame>, Promise<void>>());
    const kept = (async () => {
      try {
        this.keep(step, await made);
      } catch (error) {
        throw blamed(step, error);
      } finally {
        pending.delete(step);
      }
    })();
    pending.set(step, kept);
    return kept;
  }

  /** Runs all steps, in order. */
  async ensureAll(steps: Iterable<Step<Frame>>): Promise<void> {
    for (const step of steps) {
      const pending = this.ensure(step);
      if (pending) await pending;
    }
  }

  lazily(root: LazyRoot<Frame>): () => Promise<unknown> {
    return async () => {
      this.refuseWhenEnded(root.path);
      // A constructor may call this while its container opens: let the synchronous steps there go first.
      await Promise.resolve();
      for (const step of root.steps) {
        const pending = this.ensure(step);
        if (pending) await this.waitFor(step, pending, root);
      }
      this.refuseWhenEnded(root.path);
      return this.slots[root.target?.slot ?? -1];
    };
  }

  /** @throws {ErrandError} `DEPENDENCY_CYCLE` when the wait would never end. */
  private async waitFor(step: Step<Frame>, pending: Promise<void>, root: LazyRoot<Frame>): Promise<void> {
    const waits = (this.waits ??= new Map<LazyRoot<Frame>, Step<Frame>>());
    const cycle = this.cycleThrough(step, root);
    if (cycle) {
      const others = cycle.map(({ path }) => path.toString()).join(' and ') || 'itself';
      throw new ErrandError(
        'DEPENDENCY_CYCLE',
        `${root.path.toString()}: would wait forever: a factory awaits it and is in turn awaited by ${others}. Keep the function that lazy() injects, and call it once everything has been built.`,
      );
    }
    waits.set(root, step);
    try {
      await pending;
    } finally {
      if (waits.get(root) === step) waits.delete(root);
    }
  }

  /** The `lazy` functions through which `step`, which is under way, waits for the holder of `root`, if it does. */
  private cycleThrough(step: Step<Frame>, root: LazyRoot<Frame>): LazyRoot<Frame>[] | undefined {
    for (const { root: held } of step.needs) {
      if (held === undefined) continue;
      if (held === root) return [];
      const next = this.waits?.get(held);
      const rest = next && this.cycleThrough(next, root);
      if (rest) return [held, ...rest];
    }
    return undefined;
  }

  /** Disposes everything that was built here, newest first. */
  dispose(): Promise<void> {
    this.ended = true;
    return (this.ending ??= this.disposeFrom(0));
  }

  /** Marks the container as ended, without disposing anything yet. */
  end(): void {
    this.ended = true;
  }

  /** How many disposers there are now. */
  get mark(): number {
    return this.disposers?.length ?? 0;
  }

  /**
   * Disposes what was built since `mark`. Instances under way are disposed once they arrive, and what they may use
   * stays until then. The rest does not wait, so a caller that gives up leaves behind only what is in use.
   */
  async disposeFrom(mark: number): Promise<void> {
    const errors: unknown[] = [];
    const disposeExcept = async (used: ReadonlySet<Step<Frame>>): Promise<void> => {
      const built = this.disposers?.splice(mark) ?? [];
      this.disposers?.push(...built.filter(({ step }) => used.has(step)));
      const unused = built.filter(({ step }) => !used.has(step));
      try {
        await disposeAll(unused.map(({ dispose }) => dispose));
      } catch (error) {
        errors.push(...((error as AggregateError).errors as unknown[]));
      }
    };
    while (this.pending && this.pending.size > 0) {
      const next = Promise.race([...this.pending.values()].map((each) => each.catch(() => undefined)));
      await disposeExcept(this.inUse(this.pending.keys()));
      await next;
    }
    if (this.mark > mark) await disposeExcept(new Set());
    if (errors.length > 0) throw new AggregateError(errors, `${errors.length} disposers failed`);
  }

  /** The steps and everything below them, including what `lazy` functions may have built for them. */
  private inUse(steps: Iterable<Step<Frame>>): Set<Step<Frame>> {
    const used = new Set(steps);
    for (const { needs, after, root } of used) {
      for (const step of [...needs, ...after]) used.add(step);
      if (root?.target) used.add(root.target);
    }
    return used;
  }

  /**
   * Disposes what was built since `mark`, then throws the `error` that ended the building. Throws synchronously when
   * there is nothing to dispose.
   */
  abandon(error: unknown, mark: number): Promise<never> {
    if (this.mark === mark && !this.pending) throw error;
    return this.disposeFrom(mark).then(
      () => {
        throw error;
      },
      (disposal: unknown) => {
        throw withDisposalError(error, disposal);
      },
    );
  }

  private refuseWhenEnded(path: { toString(): string }): void {
    if (!this.ended) return;
    throw new ErrandError(
      'CONTAINER_DISPOSED',
      `${path.toString()} was requested after its call or server had ended. Await it before the method returns.`,
    );
  }
}

/** Keeps the first error as the one thrown, and attaches the errors of the cleanup as `disposalError`. */
function withDisposalError(error: unknown, disposal: unknown): unknown {
  if (error instanceof Error && Reflect.set(error, 'disposalError', disposal)) return error;
  return new AggregateError([error, disposal], 'An instance could not be built, and others could not be disposed');
}

/** Whether `value` can be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
