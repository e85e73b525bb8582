import { settlesWithin } from '../base/disposal.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { shown } from '../base/shown.js';
import { parse } from '../components/schema/parse.js';
import type { Component } from '../components/component.js';
import type { CallContainer } from '../injection/injector.js';
import { elicit } from './questions/elicitation.js';
import type { Around, CallFrame, CallSettings } from './frame.js';
import { Journal } from './questions/journal.js';
import { Progress } from './progress.js';

/** The parts of a frame that differ from call to call. */
export type CallParts = Omit<CallFrame, keyof CallSettings | 'logger' | 'journal' | 'progress'> &
  Pick<CallFrame, 'logger'> & {
    /** Default: a new one. A call that starts over passes the journal of its earlier run. */
    readonly journal?: Journal;
  };

/** Who receives the value of a call. */
export type Audience = 'client' | 'program';

/** How a call ended. */
export type CallOutcome =
  /** `value` is the method's return value, encoded. */
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'failed'; readonly thrown: unknown }
  /** The call made way for a question. It starts over later, from a frame with the same journal. */
  | { readonly type: 'suspended' };

/** Builds the frame of a call. Every frame is made here. */
export function makeFrame(settings: CallSettings, parts: CallParts): CallFrame {
  const { tracing, grace, questionDeadline, around } = settings;
  const { channel, scope, journal = new Journal() } = parts;
  const progress = new Progress(channel, scope);
  // `...parts` comes last but one because V8 is slow at adding fields to a copied object.
  return { tracing, grace, questionDeadline, ...(around && { around }), progress, ...parts, journal };
}

/**
 * Runs a call, whatever started it and wherever it runs: parses the input, enters the middleware, asks the `@ask`
 * questions, opens the container, invokes the method, encodes the output and disposes.
 *
 * @param audience - who receives the value: a client gets a protocol result, the program gets the value as JSON
 * @param onReleased - called once the call has stopped completely: the method has settled and the container is
 * disposed, or the call was ended early and its grace has passed
 */
export function runCall(frame: CallFrame, audience: Audience, onReleased: () => void): Promise<CallOutcome> {
  return new RunningCall(frame, audience, onReleased).outcome;
}

/**
 * The validated input of a component.
 *
 * @throws {ErrandError} `INPUT_INVALID`, naming the field.
 */
export function parseInput(component: Component<CallFrame>, input: unknown): unknown {
  const parsed = parse(component.schema, withoutPrototype(component.argumentsOf(input) ?? {}));
  return parsed instanceof Promise ? parsed.then(valueOf) : valueOf(parsed);

  function valueOf(result: Awaited<typeof parsed>): unknown {
    if (result.ok) return result.value;
    throw new ErrandError(
      'INPUT_INVALID',
      `Invalid arguments for ${component.kind} '${component.name}': ${result.issues}`,
      { exposed: true },
    );
  }
}

/** An ordinary object would inherit arguments named `constructor` or `toString` that the client never sent. */
const withoutPrototype = (input: unknown): unknown => Object.assign(Object.create(null), input);

/** One running call. It starts when constructed. */
class RunningCall {
  /** Resolves after disposal, or at once when the call is ended early. Never rejects. */
  readonly outcome: Promise<CallOutcome>;
  private input: unknown;
  private container: CallContainer | undefined;
  private stopGrace: (() => void) | undefined;
  private released = false;

  constructor(
    private readonly frame: CallFrame,
    private readonly audience: Audience,
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
      const returned = await (around === undefined ? this.invoke() : this.invokeThrough(around));
      const { output } = component;
      const encoded = this.audience === 'client' ? output.toResult(returned, input) : output.toJson(returned);
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

  /** However often middleware calls `next`, the method runs once; and nothing is disposed before it has settled. */
  private async invokeThrough(around: Around): Promise<unknown> {
    let rest: Promise<unknown> | undefined;
    try {
      return await around(this.frame, () => (rest ??= this.invoke()));
    } finally {
      await rest?.catch(() => undefined);
    }
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

  /** The values of the `@ask` parameters. Asked together, and before any call-scoped provider is built. */
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

  /** If disposal fails, something may be unfinished (a transaction, a file), so the call has failed. */
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

  /** The method's error counts; errors of the disposal after it are only logged. */
  private async disposeAfter(error: unknown): Promise<void> {
    try {
      await this.dispose();
    } catch (disposal) {
      this.frame.logger.error('Disposal failed after a failed call', { error: disposal, after: error });
    }
  }

  /** Disposes the container, waiting for it no longer than the grace. */
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
