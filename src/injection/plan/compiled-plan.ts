import { InstanceContainer, isThenable } from './instance-container.js';
import type { CallContainer, Plan } from './plan.js';
import type { Scope } from './scope.js';
import { blamed, unfilled, type Step } from './step.js';
import type { InjectionToken } from '../tokens.js';

/** A checked plan with its steps in order: each call copies one array and walks another. */
export class CompiledPlan<Frame> implements Plan<Frame> {
  readonly needs: ReadonlySet<InjectionToken>;
  private readonly steps: readonly Step<Frame>[];
  private readonly argumentSlots: readonly number[];
  /** Whether calls hand out `lazy` functions, which must fail once the call has ended. */
  private readonly hasLazy: boolean;
  private template: readonly unknown[] | undefined;

  constructor(
    private readonly scope: Scope<Frame>,
    private readonly component: Step<Frame> | undefined,
    args: readonly Step<Frame>[],
    /** Throws when the server has been closed. */
    private readonly refuseWhenClosed: () => void,
  ) {
    this.needs = scope.needs;
    this.steps = inOrder(component ? [component, ...args] : args);
    this.argumentSlots = args.map((step) => step.slot);
    this.hasLazy = scope.lazyRoots.length > 0;
    orderLazyRoots(scope);
  }

  open(frame: Frame): CallContainer | Promise<CallContainer> {
    this.refuseWhenClosed();
    this.template ??= this.scope.steps.map((step) => (step.given ? step.given() : unfilled));
    const call = new OpenedCall(this.template.slice(), frame, this.hasLazy);
    const { steps } = this;
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as Step<Frame>;
      try {
        const made = step.make(call);
        if (step.awaits && isThenable(made)) return this.openSlowly(call, call.keepLater(step, made), index + 1);
        call.keep(step, made);
      } catch (error) {
        call.end();
        return call.abandon(blamed(step, error), 0);
      }
    }
    return this.opened(call);
  }

  /** Continues after the first promise. From here on, a `lazy` function may have run a step before its turn. */
  private async openSlowly(call: OpenedCall<Frame>, first: Promise<void>, next: number): Promise<CallContainer> {
    try {
      await first;
      await call.ensureAll(this.steps.slice(next));
    } catch (error) {
      call.end();
      return call.abandon(error, 0);
    }
    return this.opened(call);
  }

  private opened(call: OpenedCall<Frame>): CallContainer {
    const { slots } = call;
    if (this.component) call.component = slots[this.component.slot];
    const args = new Array<unknown>(this.argumentSlots.length);
    for (let index = 0; index < args.length; index++) args[index] = slots[this.argumentSlots[index] as number];
    call.args = args;
    return call;
  }
}

const none: readonly unknown[] = [];

class OpenedCall<Frame> extends InstanceContainer<Frame> implements CallContainer {
  component: unknown = undefined;
  args = none;

  constructor(
    slots: unknown[],
    frame: Frame,
    private readonly hasLazy: boolean,
  ) {
    super(slots, frame);
  }

  get disposable(): boolean {
    return this.hasLazy || this.mark > 0;
  }
}

/** The steps to run for `roots`, in the order of creation. */
export function inOrder<Frame>(roots: Iterable<Step<Frame>>): Step<Frame>[] {
  const found = new Set(roots);
  for (const step of found) {
    for (const needed of step.needs) found.add(needed);
    for (const later of step.after) found.add(later);
  }
  return [...found].filter((step) => !step.given).sort((one, other) => one.slot - other.slot);
}

/** Determines what each `lazy` function of a scope builds. */
export function orderLazyRoots<Frame>(scope: Scope<Frame>): void {
  for (const root of scope.lazyRoots) root.steps = root.target ? inOrder([root.target]) : [];
}
