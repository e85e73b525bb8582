import type { Disposer } from '../../base/disposal.js';

/** Marks an empty slot. `undefined` cannot, because an absent optional injects it. */
export const unfilled: unique symbol = Symbol('unfilled');

/** The view of a container that a step builds from. */
export interface StepContext<Frame = unknown> {
  readonly slots: readonly unknown[];
  readonly frame: Frame;
  /** Returns the function that `lazy` injects. */
  lazily(root: LazyRoot<Frame>): () => Promise<unknown>;
}

/** Builds one instance from what earlier steps put into their slots. */
export interface Step<Frame = unknown> {
  /** The slot for the instance; also the step's position in the order of creation. Dependencies have lower slots. */
  readonly slot: number;
  /** Steps that must come first. */
  readonly needs: readonly Step<Frame>[];
  /** Steps that must run too, but may come later: the target of a `delay`. */
  readonly after: Step<Frame>[];
  /** For a step that injects a `lazy` function: what the function builds. */
  readonly root?: LazyRoot<Frame>;
  /** Returns a value that is known without a call. Such a step makes nothing. */
  readonly given?: () => unknown;
  readonly make: (context: StepContext<Frame>) => unknown;
  /** Whether a promise from `make` is awaited. */
  readonly awaits: boolean;
  /** Whether the instance may be `undefined`. */
  optional: boolean;
  /** Makes the error for a forbidden `undefined`, where the provider is not to blame. */
  readonly absent?: (() => Error) | undefined;
  /** Finds the disposer of a new instance. */
  readonly disposal?: (instance: unknown) => Disposer | undefined;
  /** Turns what `make` has thrown into the error that names the provider. Without it, the step has none to name. */
  readonly blame?: (thrown: unknown) => unknown;
  /** The path from the component, for messages. */
  readonly path: { toString(): string };
}

/** The error to throw for what a step has thrown. */
export const blamed = <Frame>(step: Step<Frame>, thrown: unknown): unknown => step.blame?.(thrown) ?? thrown;

/** The value that a `lazy` function builds. */
export interface LazyRoot<Frame = unknown> {
  target: Step<Frame> | undefined;
  /** The target and everything below it, in the order of creation. */
  steps: readonly Step<Frame>[];
  readonly path: { toString(): string };
}
