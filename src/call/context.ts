import type { z } from 'zod';
import { throughJson } from '../base/json.js';
import type { Mode } from '../injection/injector.js';
import type { ClientCapabilities, Implementation, LoggingLevel } from '../protocol/types.js';
import type { QuestionOptions } from './questions/ask-client.js';
import { requireOfClient } from './questions/client-needs.js';
import { elicit, type ElicitAnswer } from './questions/elicitation.js';
import type { CallFrame } from './frame.js';
import { ignorable } from './call-scope.js';
import type { CurrentPrincipal } from './principal.js';
import { listRoots, type Root } from './questions/roots.js';
import { sample, type SampleMessage, type SampleOptions, type SampleResult } from './questions/sampling.js';
import { elicitUrl, type ElicitUrl, type ElicitUrlAnswer, type ElicitUrlOptions } from './questions/url-elicitation.js';

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

  /**
   * The session of the client's connection, where the transport has sessions. A stateless listener only repeats what the
   * client brought, so nothing secret may hang on it there.
   */
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
    return this.frame.scope.signal;
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
   * `ELICITATION_SCHEMA` for a nested schema; `QUESTION_DUPLICATE` while the same question is open without a key of its
   * own. For what comes back there is one rule in both modes and for every question of this class: `ANSWER_FAILED` for an
   * error that the client answers, `ANSWER_INVALID` for a result of another shape and content that does not fit. Either
   * ends the call where it is not caught; another attempt would find the same answer, so there is none.
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
    options: QuestionOptions = {},
  ): Promise<ElicitAnswer<z.output<Schema>>> {
    return ignorable(elicit(this.frame, message, schema, options));
  }

  /**
   * Sends the user to a page of the web, for what the client must not see: a password, a payment, an authorization. The
   * answer says whether the user agrees to go there; that it is done, the page knows. Like {@link Context.elicit} in
   * everything else.
   *
   * @param url - http or https; a function is given the id of the elicitation, to be part of the URL
   * @throws {ErrandError} `CLIENT_CANNOT_ELICIT` when the client did not declare `elicitation.url`; `ELICITATION_URL`
   *
   * @example
   * ```ts
   * import { Context, tool } from 'errand';
   *
   * class Accounts {
   *   constructor(private readonly pages: { visited(id: string): Promise<void> }) {}
   *
   *   @tool({ task: 'optional' })
   *   async link(ctx: Context) {
   *     const page = (id: string) => `https://accounts.example.com/link?id=${id}`;
   *     const { action, elicitationId } = await ctx.elicitUrl('Link your account', page);
   *     if (action !== 'accept') return 'Not linked';
   *     await this.pages.visited(elicitationId);
   *     await ctx.elicitationComplete(elicitationId);
   *     return 'Linked';
   *   }
   * }
   * ```
   */
  elicitUrl(message: string, url: ElicitUrl, options: ElicitUrlOptions = {}): Promise<ElicitUrlAnswer> {
    return ignorable(elicitUrl(this.frame, message, url, options));
  }

  /**
   * Tells the client that what the user was sent to a URL for is done, so that it can go on by itself.
   *
   * @param elicitationId - of {@link Context.elicitUrl}, for this client
   * @throws {ErrandError} `CLIENT_CANNOT_ELICIT`, `NO_CLIENT`
   */
  elicitationComplete(elicitationId: string): Promise<void> {
    return ignorable(this.complete(elicitationId));
  }

  /**
   * Has the client's model generate a message. The client chooses the model, and may let its user change or refuse it.
   *
   * @param prompt - what the user says to the model, or a conversation
   * @throws {ErrandError} `CLIENT_CANNOT_SAMPLE` at once when the client did not declare `sampling`, or for tools and
   * context `sampling.tools` and `sampling.context`; `NO_CLIENT` in a job; `ANSWER_FAILED` also when the deadline
   * (default 1 hour) passes; the rest as {@link Context.elicit}.
   *
   * @example
   * ```ts
   * import { Context, param, tool } from 'errand';
   * import { z } from 'zod';
   *
   * class Summaries {
   *   @tool({ task: 'optional' })
   *   async summarize(@param('article', z.string()) article: string, ctx: Context) {
   *     const { text } = await ctx.sample(`In one sentence: ${article}`, { maxTokens: 100, temperature: 0 });
   *     return text;
   *   }
   * }
   * ```
   */
  sample(prompt: string | readonly SampleMessage[], options: SampleOptions = {}): Promise<SampleResult> {
    return ignorable(sample(this.frame, prompt, options));
  }

  /**
   * The folders and files that the client lets the server work on.
   *
   * @throws {ErrandError} `CLIENT_HAS_NO_ROOTS` at once when the client did not declare `roots`; `NO_CLIENT` in a job;
   * `ANSWER_FAILED` also when the deadline (default 1 hour) passes; the rest as {@link Context.elicit}.
   *
   * @example
   * ```ts
   * import { Context, tool } from 'errand';
   *
   * class Folders {
   *   @tool({ description: 'What the user works on' })
   *   async projects(ctx: Context) {
   *     return (await ctx.listRoots()).map(({ uri, name }) => name ?? uri);
   *   }
   * }
   * ```
   */
  listRoots(options: QuestionOptions = {}): Promise<readonly Root[]> {
    return ignorable(listRoots(this.frame, options));
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

  private async complete(elicitationId: string): Promise<void> {
    this.frame.scope.check();
    requireOfClient(this.frame, { kind: 'elicitation', params: { mode: 'url' } });
    await this.frame.channel.notify({ type: 'elicitationComplete', elicitationId });
  }

  private async tell(level: LoggingLevel, message: string, fields?: Record<string, unknown>): Promise<void> {
    this.frame.scope.check();
    const data = fields === undefined ? message : (throughJson({ message, ...fields }, 'ctx.log: fields') ?? message);
    await this.frame.channel.notify({ type: 'log', level, logger: this.component, data });
  }
}
