import { disposeAll, type Disposer } from '../base/disposal.js';
import { ErrandError } from '../base/errors.js';

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
  /** Things to dispose, oldest first. */
  private disposers: Disposer[] | undefined;
  /** What is being awaited, so that two who ask at the same time get the same. */
  private pending: Map<Step<Frame>, Promise<void>> | undefined;
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
    const disposer = step.disposal?.(made);
    if (disposer) (this.disposers ??= []).push(disposer);
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
      await this.ensureAll(root.steps);
      this.refuseWhenEnded(root.path);
      return this.slots[root.target?.slot ?? -1];
    };
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

  /** Disposes what was made since `mark`, also what is still being made. */
  async disposeFrom(mark: number): Promise<void> {
    while (this.pending && this.pending.size > 0) await Promise.allSettled(this.pending.values());
    const disposers = this.disposers?.splice(mark);
    if (disposers && disposers.length > 0) await disposeAll(disposers);
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
