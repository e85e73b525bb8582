import { settlesWithin } from '../base/disposal.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { shown } from '../base/shown.js';
import { parse } from '../components/parse.js';
import type { Component } from '../components/component.js';
import type { CallContainer } from '../injection/injector.js';
import { elicit } from './elicitation.js';
import type { CallFrame } from './frame.js';

/**
 * The validated input of a component.
 *
 * @throws {ErrandError} `INPUT_INVALID`, naming the field.
 */
export function parseInput(component: Component<CallFrame>, input: unknown): unknown {
  const parsed = parse(component.schema, withoutPrototype(component.argumentsOf(input) ?? {}));
  return parsed instanceof Promise ? parsed.then(accept) : accept(parsed);

  function accept(result: Awaited<typeof parsed>): unknown {
    if (result.ok) return result.value;
    throw new ErrandError(
      'INPUT_INVALID',
      `Invalid arguments for ${component.kind} '${component.name}': ${result.issues}`,
      { exposed: true },
    );
  }
}

/** Of an ordinary object every argument named `constructor` or `toString` would be there, also when it was not sent. */
const withoutPrototype = (input: unknown): unknown => Object.assign(Object.create(null), input);

/** One call under way. It begins with the construction. */
export class RunningCall {
  /** What the method returned, after disposal. Rejects with what it threw, or at once with the reason of an early end. */
  readonly answer: Promise<unknown>;
  private container: CallContainer | undefined;
  private stopGrace: (() => void) | undefined;
  private released = false;

  /**
   * @param onReleased - called once: the method is over and the container disposed, or the call was ended early and its
   * grace has passed
   */
  constructor(
    private readonly frame: CallFrame,
    private readonly onReleased: () => void,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.run().then(
        (value) => {
          this.release();
          resolve(value);
        },
        (error: unknown) => {
          this.release();
          reject(error);
        },
      );
      frame.life.onEnd((reason) => {
        reject(reason);
        this.abandonAfterGrace();
      });
    });
  }

  private async run(): Promise<unknown> {
    const { frame } = this;
    const { life, component } = frame;
    let value: unknown;
    try {
      const answers = component.asks.length === 0 ? none : await this.answers();
      const opened = component.plan.open(frame);
      this.container = opened instanceof Promise ? await opened : opened;
      life.check();
      value = await component.invoke(this.container, frame.input, answers);
    } catch (error) {
      life.finish();
      await this.disposeAfter(error);
      throw error;
    }
    life.finish();
    if (this.container.disposable) await this.disposeAfterSuccess();
    return value;
  }

  /** The values of `@ask` parameters; asked for together, before anything that lives as long as the call is built. */
  private answers(): Promise<unknown[]> {
    const { frame } = this;
    return Promise.all(
      frame.component.asks.map(async ({ key, message, schema }) => {
        const text = typeof message === 'string' ? message : message(frame.input as never);
        const answer = await elicit(frame, text, schema, { key });
        if (answer.action === 'accept') return answer.content;
        throw new ErrandError(
          'QUESTION_DECLINED',
          `"${shown(text)}" was answered with ${answer.action}, so ${frame.component.name} did not run.`,
          { exposed: true },
        );
      }),
    );
  }

  /** What cannot be disposed may not have been finished (a transaction, a file), so the call has failed. */
  private async disposeAfterSuccess(): Promise<void> {
    try {
      await this.dispose();
    } catch (cause) {
      throw new ErrandError(
        'DISPOSAL_FAILED',
        `${this.frame.component.name} returned, but disposal failed: ${messageOf(cause)}.`,
        { cause },
      );
    }
  }

  /** The error of the method is the one that counts; errors of disposal after it are logged, so that none is lost. */
  private async disposeAfter(error: unknown): Promise<void> {
    try {
      await this.dispose();
    } catch (disposal) {
      this.frame.logger.error('Disposal failed after a failed call', { error: disposal, after: error });
    }
  }

  /** Ends what was made for the call. Nobody waits longer for it than the grace. */
  private async dispose(): Promise<void> {
    if (this.container?.disposable !== true) return;
    const { grace, logger, component, life } = this.frame;
    const disposal = this.container.dispose();
    if (await settlesWithin(disposal, grace, life.clock)) return;
    logger.warning('Disposal did not end within its grace and is left alone', { component: component.name, grace });
    disposal.catch((error: unknown) => logger.error('Disposal failed after its grace', { error }));
  }

  private abandonAfterGrace(): void {
    if (this.released) return;
    const { grace, logger, component, life } = this.frame;
    this.stopGrace = life.clock.schedule(grace, () => {
      logger.warning('A call that was ended did not stop within its grace; its container is disposed', {
        component: component.name,
        grace,
      });
      this.dispose()
        .catch((error: unknown) => logger.error('Disposal of an abandoned call failed', { error }))
        .finally(() => this.release());
    });
  }

  private release(): void {
    if (this.released) return;
    this.released = true;
    this.stopGrace?.();
    this.onReleased();
  }
}

const none: readonly unknown[] = [];
