import type { z } from 'zod';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { throughJson } from '../base/json.js';
import type { Mode } from '../injection/injector.js';
import type { ClientCapabilities, Implementation, LoggingLevel } from '../protocol/types.js';
import { elicit, type ElicitAnswer } from './elicitation.js';
import type { CallFrame } from './frame.js';
import { ignorable } from './life.js';
import type { CurrentPrincipal } from './principal.js';

/**
 * Everything about this call, and the injectable token that most tools want. It works the same in the foreground,
 * inside the client's request, and in the background, as a task in a worker. After the call has ended, been cancelled
 * or timed out, its methods reject.
 */
export class Context {
  /** @internal */
  constructor(private readonly frame: CallFrame) {}

  /** The name of the component that runs. */
  get component(): string {
    return this.frame.component.name;
  }

  /** `'foreground'` or `'background'`. */
  get mode(): Mode {
    return this.frame.mode;
  }

  /** Whether the call runs from the docket. */
  get isBackground(): boolean {
    return this.frame.mode === 'background';
  }

  /** The id of the MCP task, when a client asked for one. */
  get taskId(): string | undefined {
    return this.frame.taskId;
  }

  /** The JSON-RPC id of the client's request; in the background, of the request that made the task. */
  get requestId(): string | number | undefined {
    return this.frame.requestId;
  }

  /** The session of the client's connection, where the transport has sessions. */
  get sessionId(): string | undefined {
    return this.frame.sessionId;
  }

  /** Who makes the call. */
  get principal(): CurrentPrincipal {
    return this.frame.caller.principal;
  }

  /** What the client can do; empty for a job, which has no client. */
  get clientCapabilities(): ClientCapabilities {
    return this.frame.client?.capabilities ?? {};
  }

  /** Name and version of the client, where there is one. */
  get clientInfo(): Implementation | undefined {
    return this.frame.client?.info;
  }

  /** Aborted when the client or somebody else cancels, the timeout passes or the worker stops. */
  get signal(): AbortSignal {
    return this.frame.life.signal;
  }

  /**
   * Asks the user, and waits for the answer without holding a slot of the worker. An execution that is run again gets
   * the answers of its earlier run without asking.
   *
   * @param message - what the user reads
   * @param schema - a flat object (strings, numbers, booleans, enums), or one scalar or enum
   * @param options - `key` names the question for the life of the execution; `deadline` (default 1 hour) is how long it
   * may stay open, after which the answer is `{ action: 'cancel' }`
   * @returns what the user did; the content is validated and typed by the schema
   * @throws {ErrandError} `CLIENT_CANNOT_ELICIT` at once when the client cannot ask; `NO_CLIENT` in a job;
   * `ELICITATION_SCHEMA` for a nested schema; `ANSWER_INVALID` and `ANSWER_FAILED` for what came back.
   *
   * @example
   * ```ts
   * import { Context, tool } from 'errand';
   * import { z } from 'zod';
   *
   * class Cleanup {
   *   @tool({ task: 'optional' })
   *   async empty(ctx: Context) {
   *     const answer = await ctx.elicit('Empty the bin?', z.boolean());
   *     return answer.action === 'accept' && answer.content ? 'Emptied' : 'Left alone';
   *   }
   * }
   * ```
   */
  elicit<Schema extends z.ZodType>(
    message: string,
    schema: Schema,
    options: { readonly key?: string; readonly deadline?: Duration } = {},
  ): Promise<ElicitAnswer<z.output<Schema>>> {
    return ignorable(this.ask(message, schema, options));
  }

  /**
   * Tells the client how far the call is. The same progress as the token `Progress`.
   *
   * @param progress - at least 0, fractions are kept; a lower value than before is ignored
   */
  reportProgress(progress: number, total?: number, message?: string): Promise<void> {
    return this.frame.progress.report(progress, total, message);
  }

  /** Sends a line of the log to the client, which shows those of the level it asked for. */
  log(level: LoggingLevel, message: string, fields?: Record<string, unknown>): Promise<void> {
    return ignorable(this.tell(level, message, fields));
  }

  /** {@link Context.log} at level `debug`. */
  debug(message: string, fields?: Record<string, unknown>): Promise<void> {
    return this.log('debug', message, fields);
  }

  /** {@link Context.log} at level `info`. */
  info(message: string, fields?: Record<string, unknown>): Promise<void> {
    return this.log('info', message, fields);
  }

  /** {@link Context.log} at level `warning`. */
  warning(message: string, fields?: Record<string, unknown>): Promise<void> {
    return this.log('warning', message, fields);
  }

  /** {@link Context.log} at level `error`. */
  error(message: string, fields?: Record<string, unknown>): Promise<void> {
    return this.log('error', message, fields);
  }

  private async ask<Schema extends z.ZodType>(
    message: string,
    schema: Schema,
    { key, deadline }: { readonly key?: string; readonly deadline?: Duration },
  ): Promise<ElicitAnswer<z.output<Schema>>> {
    return elicit(this.frame, message, schema, {
      ...(key !== undefined && { key }),
      ...(deadline !== undefined && { deadline: toMilliseconds(deadline, 'elicit: deadline') }),
    });
  }

  private async tell(level: LoggingLevel, message: string, fields?: Record<string, unknown>): Promise<void> {
    this.frame.life.check();
    const data = fields === undefined ? message : (throughJson({ message, ...fields }, 'ctx.log: fields') ?? message);
    await this.frame.channel.log({ level, logger: this.component, data });
  }
}
