import { disposeAll, type Disposer } from '../../base/disposal.js';
import { ErrandError } from '../../base/errors.js';

/** Stands in a slot that has not been filled yet, since `undefined` is what an absent optional gives. */
export const unfilled: unique symbol = Symbol('unfilled');

/** One thing to be made: what it needs is in other slots when it is its turn. */
export interface Step<Frame = unknown> {
  /** Where it is put; also its place in the order of creation: what it needs has a lower slot. */
  readonly slot: number;
  /** What must be made before. */
  readonly needs: readonly Step<Frame>[];
  /** What must be made too, but may come later: the target of a `delay`. */
  readonly after: Step<Frame>[];
  /** What the function builds that this step makes, where it makes a `lazy` function. */
  readonly root?: LazyRoot<Frame>;
  /** What is known without a call; then there is nothing to make. */
  readonly given?: () => unknown;
  readonly make: (container: Container<Frame>) => unknown;
  /** Whether a promise is awaited. */
  readonly awaits: boolean;
  /** Whether `undefined` is an answer. */
  optional: boolean;
  /** What is thrown for an `undefined` that is no answer, where it is not the provider's fault. */
  readonly absent?: (() => Error) | undefined;
  /** What ends an instance, found when it has been made. */
  readonly disposal?: (instance: unknown) => Disposer | undefined;
  /** The path to it, for messages. */
  readonly path: { toString(): string };
}

/** What a `lazy` function builds. */
export interface LazyRoot<Frame = unknown> {
  target: Step<Frame> | undefined;
  /** The target and everything below it, in the order of creation. */
  steps: readonly Step<Frame>[];
  readonly path: { toString(): string };
}

/** The instances of one call, or of the server, with what has to be done to end them. */
export class Container<Frame = unknown> {
  /** What ends the instances that can be disposed, oldest first. */
  private disposers: { readonly step: Step<Frame>; readonly dispose: Disposer }[] | undefined;
  /** What is being awaited, so that two who ask at the same time get the same. */
  private pending: Map<Step<Frame>, Promise<void>> | undefined;
  /** What the `lazy` functions that were called wait for. */
  private waits: Map<LazyRoot<Frame>, Step<Frame>> | undefined;
  private ending: Promise<void> | undefined;
  private ended = false;

  constructor(
    readonly slots: unknown[],
    readonly frame: Frame,
  ) {}

  /** Whether {@link Container.dispose} was begun, or opening failed. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Fills the slot of a step with what was made. */
  keep(step: Step<Frame>, made: unknown): void {
    if (made === undefined && !step.optional) {
      if (step.absent) throw step.absent();
      throw new ErrandError(
        'PROVIDER_UNDEFINED',
        `${step.path.toString()}: the provider gave undefined, which is never injected. Let it give null or a value; what may be absent is injected with { optional: true }.`,
      );
    }
    this.slots[step.slot] = made;
    const dispose = step.disposal?.(made);
    if (dispose) (this.disposers ??= []).push({ step, dispose });
  }

  /** Makes the step unless it has been made or is being made. Gives a promise only when there is something to wait for. */
  ensure(step: Step<Frame>): Promise<void> | undefined {
    if (this.slots[step.slot] !== unfilled) return undefined;
    const pending = this.pending?.get(step);
    if (pending) return pending;
    this.refuseWhenEnded(step.path);
    const made = step.make(this);
    if (step.awaits && isThenable(made)) return this.keepLater(step, made);
    this.keep(step, made);
    return undefined;
  }

  /** Keeps what a promise gives. */
  keepLater(step: Step<Frame>, made: PromiseLike<unknown>): Promise<void> {
    const pending = (this.pending ??= new Map<Step<Frame>, Promise<void>>());
    const kept = (async () => {
      try {
        this.keep(step, await made);
      } finally {
        pending.delete(step);
      }
    })();
    pending.set(step, kept);
    return kept;
  }

  /** Makes all steps, in order. */
  async ensureAll(steps: Iterable<Step<Frame>>): Promise<void> {
    for (const step of steps) {
      const pending = this.ensure(step);
      if (pending) await pending;
    }
  }

  /** The function that `lazy` injects. */
  lazily(root: LazyRoot<Frame>): () => Promise<unknown> {
    return async () => {
      this.refuseWhenEnded(root.path);
      // A constructor may ask while its container is being opened: what is built there at once has its turn first.
      await Promise.resolve();
      for (const step of root.steps) {
        const pending = this.ensure(step);
        if (pending) await this.waitFor(step, pending, root);
      }
      this.refuseWhenEnded(root.path);
      return this.slots[root.target?.slot ?? -1];
    };
  }

  /** @throws {ErrandError} `DEPENDENCY_CYCLE` when it would be for ever. */
  private async waitFor(step: Step<Frame>, pending: Promise<void>, root: LazyRoot<Frame>): Promise<void> {
    const waits = (this.waits ??= new Map<LazyRoot<Frame>, Step<Frame>>());
    const circle = this.circle(step, root);
    if (circle) {
      const others = circle.map(({ path }) => path.toString()).join(' and ') || 'itself';
      throw new ErrandError(
        'DEPENDENCY_CYCLE',
        `${root.path.toString()}: would wait for ever, because a factory awaits it while it is itself waited for by ${others}. Keep the function that lazy() gives, and call it when everything has been made.`,
      );
    }
    waits.set(root, step);
    try {
      await pending;
    } finally {
      if (waits.get(root) === step) waits.delete(root);
    }
  }

  /** The `lazy` functions through which `step`, which is being made, waits for the one who was given that of `root`. */
  private circle(step: Step<Frame>, root: LazyRoot<Frame>): LazyRoot<Frame>[] | undefined {
    for (const { root: held } of step.needs) {
      if (held === undefined) continue;
      if (held === root) return [];
      const next = this.waits?.get(held);
      const rest = next && this.circle(next, root);
      if (rest) return [held, ...rest];
    }
    return undefined;
  }

  /** Ends everything that was made here, the newest first. */
  dispose(): Promise<void> {
    this.ended = true;
    return (this.ending ??= this.disposeFrom(0));
  }

  /** Marks the container as ended without disposing anything yet. */
  end(): void {
    this.ended = true;
  }

  /** How many things there are to dispose now. */
  get mark(): number {
    return this.disposers?.length ?? 0;
  }

  /**
   * Disposes what was made since `mark`, also what is still being made, when it comes. What that may use stays until then;
   * the rest does not wait, so whoever gives up waiting leaves behind only what is in use.
   */
  async disposeFrom(mark: number): Promise<void> {
    const errors: unknown[] = [];
    const disposeUnlessIn = async (used: ReadonlySet<Step<Frame>>): Promise<void> => {
      const made = this.disposers?.splice(mark) ?? [];
      this.disposers?.push(...made.filter(({ step }) => used.has(step)));
      const unused = made.filter(({ step }) => !used.has(step));
      try {
        await disposeAll(unused.map(({ dispose }) => dispose));
      } catch (error) {
        errors.push(...((error as AggregateError).errors as unknown[]));
      }
    };
    while (this.pending && this.pending.size > 0) {
      const next = Promise.race([...this.pending.values()].map((each) => each.catch(() => undefined)));
      await disposeUnlessIn(this.inUse(this.pending.keys()));
      await next;
    }
    if (this.mark > mark) await disposeUnlessIn(new Set());
    if (errors.length > 0) throw new AggregateError(errors, `${errors.length} disposers failed`);
  }

  /** The steps with everything below them, also what they may have got from `lazy` functions. */
  private inUse(steps: Iterable<Step<Frame>>): Set<Step<Frame>> {
    const used = new Set(steps);
    for (const { needs, after, root } of used) {
      for (const step of [...needs, ...after]) used.add(step);
      if (root?.target) used.add(root.target);
    }
    return used;
  }

  /**
   * Disposes what was made since `mark` because `error` ended the making, and throws `error`. At once when there is
   * nothing to dispose.
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
      `${path.toString()} was asked for after its call or server had ended. Await it before the method returns.`,
    );
  }
}

/** The first error stays the one that is thrown; what went wrong while cleaning up goes with it as `disposalError`. */
function withDisposalError(error: unknown, disposal: unknown): unknown {
  if (error instanceof Error && Reflect.set(error, 'disposalError', disposal)) return error;
  return new AggregateError([error, disposal], 'An instance could not be made, and others could not be disposed');
}

/** Whether `value` has to be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
