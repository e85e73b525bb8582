import { markCopy } from '../base/package-copy.js';
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
 * Everything about the current call: the token that most tools inject. It works the same in the foreground, inside the
 * client's request, and in the background, as a task in a worker. Once the call has ended, its methods reject.
 */
export class Context {
  static {
    markCopy(this);
  }

  /** @internal */
  constructor(private readonly frame: CallFrame) {}

  /** The name of the running component. */
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

  /** The id of the MCP task; undefined unless a client asked for one. */
  get taskId(): string | undefined {
    return this.frame.taskId;
  }

  /** The JSON-RPC id of the client's request; in the background, of the request that created the task. */
  get requestId(): string | number | undefined {
    return this.frame.requestId;
  }

  /**
   * The id of the client's session, if the transport has sessions. A stateless listener merely echoes what the client
   * sent, so do not use it there to protect anything.
   */
  get sessionId(): string | undefined {
    return this.frame.sessionId;
  }

  /** The caller. */
  get principal(): CurrentPrincipal {
    return this.frame.caller.principal;
  }

  /** The capabilities that the client declared; empty for a job, which has no client. */
  get clientCapabilities(): ClientCapabilities {
    return this.frame.client?.capabilities ?? {};
  }

  /** The client's name and version; undefined for a job, or if the client did not say. */
  get clientInfo(): Implementation | undefined {
    return this.frame.client?.info;
  }

  /** Aborted when the call is cancelled, its timeout passes or its worker stops. */
  get signal(): AbortSignal {
    return this.frame.scope.signal;
  }

  /**
   * Asks the user a question. A waiting call holds no worker slot. When an execution runs again, questions answered in an
   * earlier run return at once.
   *
   * @param message - the question, as shown to the user
   * @param schema - a flat object (strings, numbers, booleans, enums), or a single scalar or enum
   * @param options - `key` names the question for the life of the execution; `deadline` (default 1 hour) limits how long
   * it stays open, after which the answer is `{ action: 'cancel' }`
   * @returns the user's action, with content validated and typed by the schema
   * @throws {ErrandError} `CLIENT_CANNOT_ELICIT` at once if the client did not declare `elicitation`; `NO_CLIENT` in a
   * job; `ELICITATION_SCHEMA` for a nested schema; `QUESTION_DUPLICATE` while an identical question without a key of its
   * own is open. Answers to all questions follow one rule in both modes: `ANSWER_FAILED` if the client answers with an
   * error, `ANSWER_INVALID` if the result has another shape or the content does not fit. Uncaught, either ends the call.
   * It is not retried, because another attempt would find the same answer.
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
   * Sends the user to a web page, for anything the client must not see: a password, a payment, an authorization. The
   * answer says only whether the user agreed to go there; your page knows when it is done. Otherwise like
   * {@link Context.elicit}.
   *
   * @param url - http or https, or a function that builds the URL from the elicitation's id
   * @throws {ErrandError} `CLIENT_CANNOT_ELICIT` if the client did not declare `elicitation.url`; `ELICITATION_URL`
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
   * Notifies the client that the user has finished at the URL, so that it can continue by itself.
   *
   * @param elicitationId - returned by {@link Context.elicitUrl} for this client
   * @throws {ErrandError} `CLIENT_CANNOT_ELICIT`, `NO_CLIENT`
   */
  elicitationComplete(elicitationId: string): Promise<void> {
    return ignorable(this.complete(elicitationId));
  }

  /**
   * Has the client's model generate a message. The client chooses the model, and its user may change or refuse the request.
   *
   * @param prompt - the user's message, or a whole conversation
   * @throws {ErrandError} `CLIENT_CANNOT_SAMPLE` at once if the client did not declare `sampling` (for tools also
   * `sampling.tools`, for context `sampling.context`); `NO_CLIENT` in a job; `ANSWER_FAILED` also when the deadline
   * (default 1 hour) passes; otherwise as {@link Context.elicit}.
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
   * Asks for the folders and files that the client lets the server work on.
   *
   * @throws {ErrandError} `CLIENT_HAS_NO_ROOTS` at once if the client did not declare `roots`; `NO_CLIENT` in a job;
   * `ANSWER_FAILED` also when the deadline (default 1 hour) passes; otherwise as {@link Context.elicit}.
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
   * Reports progress to the client. Shares its state with the token `Progress`.
   *
   * @param progress - at least 0; fractions are kept, and a value lower than before is ignored
   */
  reportProgress(progress: number, total?: number, message?: string): Promise<void> {
    return this.frame.progress.report(progress, total, message);
  }

  /**
   * Logs to the client, which receives messages of the level it asked for and above. In the foreground, it resolves once
   * there is room on the client's stream. After `slowReaders.wait` the message is dropped.
   */
  log(level: LoggingLevel, message: string, fields?: Record<string, unknown>): Promise<void> {
    return ignorable(this.send(level, message, fields));
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

  private async send(level: LoggingLevel, message: string, fields?: Record<string, unknown>): Promise<void> {
    this.frame.scope.check();
    const data = fields === undefined ? message : (throughJson({ message, ...fields }, 'ctx.log: fields') ?? message);
    await this.frame.channel.notify({ type: 'log', level, logger: this.component, data });
  }
}
