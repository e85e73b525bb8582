import { randomUUID } from 'node:crypto';
// The SDK advises McpServer, which breaks two rules of tasks; this is what it is built on.
import { Server as SdkServer } from '@modelcontextprotocol/sdk/server/index.js';
import {
  EmptyResultSchema,
  LATEST_PROTOCOL_VERSION,
  LoggingLevelSchema,
  SetLevelRequestSchema,
  type JSONRPCRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { ErrandError, messageOf } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import { shown } from '../../base/shown.js';
import type { Answer } from '../../call/channel.js';
import { mayBeAsked } from '../../call/questions/client-needs.js';
import type { Unwatch } from '../../docket/engine/engine.js';
import { answerWithin } from '../../docket/engine/size-limits.js';
import type { Question } from '../../docket/engine/record.js';
import { ProtocolError, rpcCode, toWireError } from '../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import type { Transport } from '../../protocol/transport.js';
import type { LoggingLevel } from '../../protocol/types.js';
import { catchUp, type AnswerAddress, relayAnswer, relayReceipt, relayTo } from '../../tasks/relay.js';
import type { Core } from '../core.js';
import { acceptsTask, capabilitiesOf, isTaskMethod, offersTasks } from './capabilities.js';
import { callComponent, type ConnectionFacts } from './component-calls.js';
import type { TaskMethod } from './component-requests.js';
import { ForegroundCalls } from './foreground-calls.js';
import { ForegroundQuestions, isForegroundQuestion } from './foreground-questions.js';
import { listPrompts, listResources, listResourceTemplates, listTools } from './listings.js';
import { observed } from './observed-request.js';
import { QuestionDelivery } from './tasks/question-delivery.js';
import { parseQuestionId, parseReceiptId } from './tasks/question-ids.js';
import type { KnownClient } from './http/session-token.js';
import type { RequestExtra } from './session-channel.js';
import { oneStream, streamPerRequest, type Streams } from './streams.js';
import { TaskFeed } from './tasks/task-feed.js';
import { TaskRequests } from './tasks/task-requests.js';
import { turnsOf, type Turns } from './tasks/turns.js';
import { WireTransport, type WireTaps } from './wire-transport.js';

type Route = (params: unknown, extra: RequestExtra) => object | Promise<object>;

/** What differs between transports. */
export interface ConnectionOptions {
  /** Default: one stream that is always open. */
  readonly streams?: Streams;
  /** The id under which tasks find this connection. Default: a new one. */
  readonly session?: string;
  /** Whether everybody who reaches this connection is one user, so that listing tasks tells nobody about others. */
  readonly oneUser: boolean;
  /** What is known of the client where it did not initialize this connection. */
  readonly client?: KnownClient;
  /** The name of this place, where its session is served at others too. Default: a new one. */
  readonly place?: string;
  /** Takes an answer that nobody waits for here: perhaps another place of the session asked. */
  readonly onForeignAnswer?: (message: JSONRPCMessage) => void;
  /** The client chose which log lines it is sent. */
  readonly onLevel?: (level: LoggingLevel) => void;
}

/** stdio and memory have one user and one stream; who comes over HTTP shares neither. */
export function optionsFor(transport: Transport): ConnectionOptions {
  return 'handleRequest' in transport ? { streams: streamPerRequest(), oneUser: false } : { oneUser: true };
}

const levels = LoggingLevelSchema.options;

/** How long a client may take to say that it has read what it was sent, in milliseconds; all have to answer a ping. */
const pingTimeout = 250;

/** A client that calls without having said who it is. */
const nobody: KnownClient = { capabilities: {}, protocolVersion: LATEST_PROTOCOL_VERSION };

/** One client's connection, in the words of MCP 2025-11-25. */
export class Connection {
  private readonly sdk: SdkServer;
  private readonly session: string;
  private readonly streams: Streams;
  private readonly feed: TaskFeed;
  private readonly transport: WireTransport;
  private readonly routes: ReadonlyMap<string, Route>;
  private readonly delivery: QuestionDelivery;
  private readonly turns: Turns;
  private readonly responded = new Map<RequestId, () => void>();
  private readonly calls = new ForegroundCalls();
  private readonly questions = new ForegroundQuestions((message, related) =>
    this.transport.send(message, { relatedRequestId: related }),
  );
  private draining = false;
  /** Whether a message from another place is being taken, which is not sent on. */
  private foreign = false;
  private leastLevel = 0;
  private negotiated: string | undefined;
  private unwatch: Unwatch | undefined;
  private tasks: TaskRequests | undefined;
  private readonly unattend: Unwatch | undefined;

  private constructor(
    private readonly core: Core,
    inner: Transport,
    private readonly onClosed: (connection: Connection) => void,
    private readonly options: ConnectionOptions,
  ) {
    const { streams = oneStream(), session = randomUUID(), oneUser, client: known = nobody } = options;
    const { place = core.engine?.newConnectionId() ?? '' } = options;
    const send = (message: JSONRPCMessage, related?: RequestId): void => this.send(message, related);
    const mayAsk = (question: Question): boolean => mayBeAsked((this.client ?? known).capabilities, question);
    this.turns = turnsOf(core, place, known.sessionId ?? session);
    const { turns } = this;
    this.delivery = new QuestionDelivery(streams, core.clock, send, () => this.takenIn(), mayAsk, turns);
    this.unattend = core.engine?.questionLeases.attend(place, {
      onLost: (taskId, question, by) => this.delivery.taken({ taskId, question }, by),
      onAvailable: (taskId, question) => this.delivery.free({ taskId, question }),
    });
    const shows = (level: LoggingLevel): boolean => levels.indexOf(level) >= this.leastLevel;
    this.session = session;
    this.streams = streams;
    this.feed = new TaskFeed(this.delivery, shows, send, { session, clientSession: known.sessionId });
    const facts: ConnectionFacts = {
      session,
      feed: this.feed,
      shows,
      client: () => this.client ?? known,
      calls: this.calls,
      questions: this.questions,
      streams,
      afterResponse: (request, run) => this.responded.set(request, run),
    };
    this.routes = this.makeRoutes(facts, oneUser);
    const taps: WireTaps = {
      acceptsTask: (method) => acceptsTask(core.catalog, method),
      onNegotiated: (version) => (this.negotiated = version),
      onAnswer: (id, message, principal) => this.onAnswer(id, message, principal),
      onCancelled: (request) => {
        this.calls.cancel(request);
        // A request that was cancelled is never answered.
        this.takeResponded(request)?.();
      },
      afterResponse: (request) => this.takeResponded(request),
    };
    this.transport = new WireTransport(inner, taps, known.sessionId);
    this.sdk = this.makeSdkServer(oneUser);
  }

  /** Connects a transport. `onClosed` is told when the connection ends, whoever ended it. */
  static async open(
    core: Core,
    transport: Transport,
    onClosed: (connection: Connection) => void,
    options: ConnectionOptions,
  ): Promise<Connection> {
    const connection = new Connection(core, transport, onClosed, options);
    try {
      if (core.engine !== undefined && options.streams?.lasting !== false) {
        connection.unwatch = await relayTo(core.engine, connection.session, connection.feed);
      }
      await connection.sdk.connect(connection.transport);
    } catch (error) {
      connection.closed();
      throw error;
    }
    return connection;
  }

  /** What the client said of itself; absent until it has initialized this connection. */
  get client(): KnownClient | undefined {
    if (this.negotiated === undefined) return undefined;
    const info = this.sdk.getClientVersion();
    return {
      capabilities: this.sdk.getClientCapabilities() ?? {},
      protocolVersion: this.negotiated,
      ...(info !== undefined && { info }),
    };
  }

  /** Whether the client is asked something that it may still answer, whether or not a stream is open. */
  get isAsking(): boolean {
    return this.questions.isOpen || this.delivery.isAsking;
  }

  /** Tells the client how some tasks of its session are now. What was told may have been told by another connection where it was `served` elsewhere. */
  async catchUp(tasks: readonly string[], served: boolean): Promise<void> {
    if (this.core.engine === undefined) return;
    await catchUp(this.core.engine, tasks, served ? this.feed.afterAnother : this.feed);
  }

  /** Takes a message that the client sent to another place of its session; it came from `principal`. */
  receive(message: JSONRPCMessage, principal: string): void {
    this.foreign = true;
    try {
      this.transport.receive(message, principal);
    } finally {
      this.foreign = false;
    }
  }

  /** From now on the client is sent log lines from this level up. */
  setLevel(level: LoggingLevel): void {
    this.leastLevel = levels.indexOf(level);
  }

  /** Refuses new calls, and resolves when no foreground call is under way. */
  async drain(): Promise<void> {
    this.draining = true;
    await this.calls.idle();
  }

  /** Ends the connection and the foreground calls that are under way on it, and waits until they have settled. */
  async close(): Promise<void> {
    await this.sdk.close();
    await this.drain();
  }

  private makeRoutes(facts: ConnectionFacts, oneUser: boolean): ReadonlyMap<string, Route> {
    const { core, streams } = this;
    const routes = new Map<string, Route>([['tools/list', () => listTools(core)]]);
    const runs = (method: TaskMethod): void =>
      void routes.set(method, (params, extra) => callComponent(core, facts, method, params, extra));
    runs('tools/call');
    if (core.catalog.of('prompt').length > 0) {
      routes.set('prompts/list', () => listPrompts(core));
      runs('prompts/get');
    }
    if (core.catalog.of('resource').length > 0) {
      routes.set('resources/list', () => listResources(core));
      routes.set('resources/templates/list', () => listResourceTemplates(core));
      runs('resources/read');
    }
    if (core.engine === undefined || !offersTasks(core.catalog)) return routes;
    const tasks = new TaskRequests(core.engine, facts.session, streams, this.delivery, facts.feed, core.logger);
    this.tasks = tasks;
    routes.set('tasks/get', (params, extra) => tasks.get(params, extra));
    routes.set('tasks/result', (params, extra) => tasks.result(params, extra));
    routes.set('tasks/cancel', (params, extra) => tasks.cancel(params, extra));
    if (oneUser) routes.set('tasks/list', (params, extra) => tasks.list(params, extra));
    return routes;
  }

  private makeSdkServer(oneUser: boolean): SdkServer {
    const { identity, instructions, catalog, logger } = this.core;
    const sdk = new SdkServer(identity, {
      capabilities: capabilitiesOf(catalog, oneUser),
      ...(instructions !== undefined && { instructions }),
      // Answers are validated by the schema of their question; a JSON schema validator for each connection costs time.
      jsonSchemaValidator: { getValidator: refuseValidator },
    });
    sdk.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
      this.setLevel(params.level);
      this.options.onLevel?.(params.level);
      return {};
    });
    // The low-level handlers of the SDK parse each request and result twice; these parse once.
    sdk.fallbackRequestHandler = (request, extra) => this.route(request, extra);
    // The SDK puts whole messages into its errors.
    sdk.onerror = (error) => logger.debug('The protocol reported an error', { error: shown(messageOf(error), 1_000) });
    sdk.onclose = () => this.closed();
    return sdk;
  }

  private async route({ method, params }: JSONRPCRequest, extra: RequestExtra): Promise<object> {
    const route = this.routes.get(method);
    if (route === undefined) throw new ProtocolError(rpcCode.methodNotFound, `Method not found: ${shown(method)}`);
    if (isTaskMethod(method)) this.refuseCall(extra.requestId);
    const protocolVersion = this.negotiated ?? LATEST_PROTOCOL_VERSION;
    try {
      const request = { method, params, extra, protocolVersion, overHttp: !this.streams.single };
      return await observed(this.core, request, async () => route(params, extra));
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      this.core.logger.error('A request failed', { method: shown(method), error });
      throw new ProtocolError(rpcCode.internalError, shownOf(error));
    } finally {
      // Otherwise each patience that ran out would leave a stream open. What is still said on it goes out before.
      if (extra.signal.aborted) setImmediate(() => this.streams.abandon(extra.requestId));
    }
  }

  private refuseCall(request: RequestId): void {
    if (this.draining) throw new ProtocolError(rpcCode.internalError, 'The server is shutting down');
    if (!this.calls.has(request) && !this.responded.has(request)) return;
    throw new ProtocolError(
      rpcCode.invalidRequest,
      `A request with the id ${shown(JSON.stringify(request))} is under way`,
    );
  }

  private onAnswer(id: string, message: JSONRPCMessage, principal: string): void {
    const { engine, logger } = this.core;
    const answer: Answer =
      'error' in message
        ? { error: toWireError(message.error) }
        : { result: ('result' in message ? message.result : null) as Json };
    if (this.questions.answered(id, answer, principal)) return;
    const { session } = this.turns;
    const received = parseReceiptId(id);
    if (received !== undefined) return this.onReceipt({ ...received, principal, session });
    const question = parseQuestionId(id);
    if (engine === undefined || question === undefined) {
      const { onForeignAnswer } = this.options;
      if (onForeignAnswer !== undefined && !this.foreign && isForegroundQuestion(id)) {
        return onForeignAnswer({ jsonrpc: '2.0', id, ...answerWithin(this.core.limits, answer) } as JSONRPCMessage);
      }
      logger.info('An answer was ignored', { id: shown(id), result: 'unknown' });
      return;
    }
    const wasAsked = this.delivery.answered(question, principal);
    const free = (): void => {
      if (wasAsked) this.delivery.lost(question);
    };
    relayAnswer(engine, { ...question, principal, session }, answer, this.core).then(
      (result) => {
        if (result === 'unknown') free();
      },
      (error: unknown) => {
        free();
        logger.error('An answer could not be stored', { ...question, error });
      },
    );
  }

  /** Without it, a question is shown once more. */
  private onReceipt(from: AnswerAddress): void {
    const { engine, logger } = this.core;
    if (engine === undefined) return;
    relayReceipt(engine, from).catch((error: unknown) => {
      logger.debug('It could not be stored that a client has a question', { taskId: from.taskId, error });
    });
  }

  private takeResponded(request: RequestId): (() => void) | undefined {
    const run = this.responded.get(request);
    if (run !== undefined) this.responded.delete(request);
    return run;
  }

  private send(message: JSONRPCMessage, related: RequestId | undefined): void {
    this.transport
      .send(message, related === undefined ? undefined : { relatedRequestId: related })
      .catch((error: unknown) => this.core.logger.debug('A message could not be sent', { error }));
  }

  private async takenIn(): Promise<void> {
    const ping = this.sdk.request({ method: 'ping' }, EmptyResultSchema, { timeout: pingTimeout });
    await ping.catch(() => undefined);
    // In memory the answer comes within the turn in which the client still works on what came before.
    await new Promise((resolve) => setImmediate(resolve));
  }

  private closed(): void {
    this.calls.cancelAll();
    this.unwatch?.();
    this.unattend?.();
    this.tasks?.close();
    this.delivery.clear();
    this.feed.clear();
    this.responded.clear();
    this.onClosed(this);
  }
}

const refuseValidator = (): never => {
  throw new ErrandError('ELICITATION_SCHEMA', 'Errand validates answers by the schema of their question.');
};

/** What a client may know of a request that failed. Where Redis is, and what it said, is for the log. */
function shownOf(error: unknown): string {
  if (!ErrandError.is(error)) return 'Internal error';
  if (error.exposed) return error.message;
  if (error.code !== 'DOCKET_UNAVAILABLE') return 'Internal error';
  return 'The tasks of this server are not available at the moment. Try again later.';
}
