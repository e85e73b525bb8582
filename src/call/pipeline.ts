import { settlesWithin } from '../base/disposal.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { shown } from '../base/shown.js';
import { parse } from '../components/schema/parse.js';
import type { Component } from '../components/component.js';
import type { CallContainer } from '../injection/injector.js';
import { elicit } from './questions/elicitation.js';
import type { CallFrame, CallSettings } from './frame.js';
import { Journal } from './questions/journal.js';
import { Progress } from './progress.js';

/** What differs from call to call. */
export type CallParts = Omit<CallFrame, keyof CallSettings | 'logger' | 'journal' | 'progress'> &
  Pick<CallFrame, 'logger'> & {
    /** Default: a new one. A call that begins anew brings the one that it had. */
    readonly journal?: Journal;
  };

/** How a call ended. */
export type CallOutcome =
  /** `value` is what travels of what the method returned. */
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'failed'; readonly thrown: unknown }
  /** The call made way for a question of its client and will begin anew, from a frame with the same journal. */
  | { readonly type: 'suspended' };

/** Puts together everything that a call knows. Every frame is made here. */
export function makeFrame(settings: CallSettings, parts: CallParts): CallFrame {
  const { tracing, grace, questionDeadline, around } = settings;
  const { channel, scope, journal = new Journal() } = parts;
  const progress = new Progress(channel, scope);
  // V8 takes long for each field that comes after a copied part.
  return { tracing, grace, questionDeadline, ...(around && { around }), progress, ...parts, journal };
}

/**
 * Makes a call, whatever started it and wherever it runs: parses its input, runs what is around it, asks what its
 * parameters need of the user, opens its container, calls the method, encodes what that returned, and disposes.
 *
 * @param answers - whom the value is for: a client gets a result of the protocol, the program the value as JSON
 * @param onReleased - called once: the method is over and the container disposed, or the call was ended early and its
 * grace has passed
 */
export function runCall(frame: CallFrame, answers: 'client' | 'program', onReleased: () => void): Promise<CallOutcome> {
  return new RunningCall(frame, answers, onReleased).outcome;
}

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
class RunningCall {
  /** Known after disposal, or at once when the call is ended early. Never rejects. */
  readonly outcome: Promise<CallOutcome>;
  private input: unknown;
  private container: CallContainer | undefined;
  private stopGrace: (() => void) | undefined;
  private released = false;

  constructor(
    private readonly frame: CallFrame,
    private readonly answers: 'client' | 'program',
    private readonly onReleased: () => void,
  ) {
    this.outcome = new Promise((resolve) => {
      this.run().then(
        (value) => {
          this.release();
          resolve({ type: 'returned', value });
        },
        (thrown: unknown) => {
          this.release();
          resolve({ type: 'failed', thrown });
        },
      );
      frame.scope.onEnd((reason) => {
        resolve(reason.code === 'CALL_SUSPENDED' ? { type: 'suspended' } : { type: 'failed', thrown: reason });
        this.abandonAfterGrace();
      });
    });
  }

  private async run(): Promise<unknown> {
    const { scope, component, around, input } = this.frame;
    let value: unknown;
    try {
      const parsed = parseInput(component, input);
      this.input = parsed instanceof Promise ? await parsed : parsed;
      const returned = await (around === undefined ? this.invoke() : around(this.frame, () => this.invoke()));
      const { output } = component;
      const encoded = this.answers === 'client' ? output.toResult(returned, input) : output.toJson(returned);
      value = encoded instanceof Promise ? await encoded : encoded;
    } catch (error) {
      scope.finish();
      await this.disposeAfter(error);
      throw error;
    }
    scope.finish();
    if (this.container?.disposable === true) await this.disposeAfterSuccess();
    return value;
  }

  private async invoke(): Promise<unknown> {
    const { frame } = this;
    const { scope, component } = frame;
    const answers = component.asks.length === 0 ? none : await this.askUser();
    const opened = component.plan.open(frame);
    this.container = opened instanceof Promise ? await opened : opened;
    scope.check();
    return component.invoke(this.container, this.input, answers);
  }

  /** The values of `@ask` parameters; asked for together, before anything that lives as long as the call is built. */
  private askUser(): Promise<unknown[]> {
    const { frame } = this;
    return Promise.all(
      frame.component.asks.map(async ({ key, message, schema }) => {
        const text = typeof message === 'string' ? message : message(this.input as never);
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
    const { grace, logger, component, scope } = this.frame;
    const disposal = this.container.dispose();
    if (await settlesWithin(disposal, grace, scope.clock)) return;
    logger.warning('Disposal did not end within its grace and is left alone', { component: component.name, grace });
    disposal.catch((error: unknown) => logger.error('Disposal failed after its grace', { error }));
  }

  private abandonAfterGrace(): void {
    if (this.released) return;
    const { grace, logger, component, scope } = this.frame;
    this.stopGrace = scope.clock.schedule(grace, () => {
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
