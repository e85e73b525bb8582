import { randomUUID } from 'node:crypto';
// The SDK recommends McpServer, which breaks two rules of tasks; this is the class beneath it.
import { Server as SdkServer } from '@modelcontextprotocol/sdk/server/index.js';
import {
  EmptyResultSchema,
  LATEST_PROTOCOL_VERSION,
  LoggingLevelSchema,
  type JSONRPCRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { ErrandError, messageOf } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import { shown } from '../../base/shown.js';
import type { Answer } from '../../call/channel.js';
import { mayBeAsked } from '../../call/questions/client-needs.js';
import type { Unwatch } from '../../docket/engine/engine.js';
import { answerWithin } from '../../docket/engine/size-limits.js';
import { ProtocolError, rpcCode, toWireError } from '../../protocol/errors.js';
import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';
import type { Transport } from '../../protocol/transport.js';
import type { LoggingLevel } from '../../protocol/types.js';
import { catchUp, type AnswerAddress, relayAnswer, relayReceipt, relayTo } from '../../tasks/relay.js';
import type { Core } from '../core.js';
import { acceptsTask, serverCapabilities, isTaskMethod, offersTasks } from './capabilities.js';
import { callComponent, type ConnectionFacts } from './component-calls.js';
import { parseParams, type TaskMethod } from './component-requests.js';
import { ForegroundCalls } from './foreground/foreground-calls.js';
import type { ClientAccount } from '../shares.js';
import { Unread } from '../unread.js';
import { News } from './news.js';
import { ForegroundQuestions, isForegroundQuestion } from './foreground/foreground-questions.js';
import { failureOfRequest } from './failed-request.js';
import { problemOfInitialize } from './initialize-request.js';
import { listPrompts, listResources, listResourceTemplates, listTools } from './listings.js';
import { observed } from './observed-request.js';
import { QuestionDelivery } from './tasks/question-delivery.js';
import { parseQuestionId, parseReceiptId } from './tasks/question-ids.js';
import type { KnownClient } from './http/session-token.js';
import type { RequestExtra } from './request-extra.js';
import { oneStream, streamPerRequest, type Streams } from './streams.js';
import { TaskFeed } from './tasks/task-feed.js';
import { TaskRequests } from './tasks/task-requests.js';
import { leasesOf, type ConnectionLeases } from './tasks/connection-leases.js';
import { WireTransport, type WireTaps } from './wire-transport.js';

type Route = (params: unknown, extra: RequestExtra) => object | Promise<object>;

/** How a connection depends on its transport. */
export interface ConnectionOptions {
  /** Default: a single stream that is always open. */
  readonly streams?: Streams;
  /** The id under which tasks find this connection. Default: a new one. */
  readonly session?: string;
  /** Whether all requests on this connection come from one user, so that listing tasks reveals nothing about others. */
  readonly oneUser: boolean;
  /** The client as one of many; absent where there is only one. */
  readonly account?: ClientAccount;
  /** The client, if it did not initialize on this connection. */
  readonly client?: KnownClient;
  /** The id of this connection among those that serve the session. Default: a new one. */
  readonly connectionId?: string;
  /** Called with an answer that nothing here waits for; another connection of the session may have asked. */
  readonly onForeignAnswer?: (message: JSONRPCMessage) => void;
  /** Called when the client sets its log level. */
  readonly onLevel?: (level: LoggingLevel) => void;
}

/** stdio and in-memory transports have one user and one stream; HTTP has many of both. */
export function optionsFor(transport: Transport): ConnectionOptions {
  return 'handleRequest' in transport ? { streams: streamPerRequest(), oneUser: false } : { oneUser: true };
}

const levels = LoggingLevelSchema.options;
const SetLevelParams = z.object({ level: LoggingLevelSchema });

/** How long a client may take to answer the ping that shows it has processed earlier messages, in milliseconds. */
const pingTimeout = 250;

/** A client that never initialized. */
const unknownClient: KnownClient = { capabilities: {}, protocolVersion: LATEST_PROTOCOL_VERSION };

/** One client's connection, speaking MCP 2025-11-25 or an earlier revision. */
export class Connection {
  private readonly sdk: SdkServer;
  private readonly session: string;
  private readonly streams: Streams;
  private readonly feed: TaskFeed;
  private readonly transport: WireTransport;
  private readonly routes: ReadonlyMap<string, Route>;
  private readonly delivery: QuestionDelivery;
  private readonly leases: ConnectionLeases;
  /** To run once the response to a request has been handed to the transport. */
  private readonly afterResponse = new Map<RequestId, () => void>();
  private readonly calls = new ForegroundCalls();
  private readonly news: News;
  private readonly questions = new ForegroundQuestions((message, related) => this.news.force(message, related));
  private draining = false;
  /** Whether the current message came through another connection, so that it is not forwarded again. */
  private isForwarded = false;
  /** An index into {@link levels}. */
  private minimumLevel = 0;
  private protocolVersion: string | undefined;
  private unwatch: Unwatch | undefined;
  private tasks: TaskRequests | undefined;
  private readonly stopLeaseEvents: Unwatch | undefined;

  private constructor(
    private readonly core: Core,
    inner: Transport,
    private readonly onClosed: (connection: Connection) => void,
    private readonly options: ConnectionOptions,
  ) {
    const {
      streams = oneStream(new Unread(core.clock, core.slowReaders)),
      session = randomUUID(),
      oneUser,
      client: known = unknownClient,
    } = options;
    const { connectionId = core.engine?.newConnectionId() ?? '' } = options;
    const send = (message: JSONRPCMessage, related?: RequestId): void => this.send(message, related);
    this.news = new News(streams, (...message) => this.transport.send(...message), core.meters);
    this.leases = leasesOf(core, connectionId, known.sessionId ?? session);
    this.delivery = new QuestionDelivery({
      streams,
      clock: core.clock,
      patience: core.questionPatience,
      leases: this.leases,
      send,
      processed: () => this.processed(),
      mayAsk: (question) => mayBeAsked((this.client ?? known).capabilities, question),
    });
    this.stopLeaseEvents = core.engine?.questionLeases.attend(connectionId, {
      onLost: (taskId, question, by) => this.delivery.onLeaseLost({ taskId, question }, by),
      onAvailable: (taskId, question) => this.delivery.onLeaseAvailable({ taskId, question }),
    });
    const shows = (level: LoggingLevel): boolean => levels.indexOf(level) >= this.minimumLevel;
    this.session = session;
    this.streams = streams;
    this.feed = new TaskFeed(this.delivery, shows, this.news, { session, clientSession: known.sessionId });
    const facts: ConnectionFacts = {
      session,
      feed: this.feed,
      shows,
      client: () => this.client ?? known,
      calls: this.calls,
      questions: this.questions,
      news: this.news,
      account: options.account,
      streams,
      afterResponse: (request, run) => this.afterResponse.set(request, run),
    };
    this.routes = this.makeRoutes(facts, oneUser);
    const taps: WireTaps = {
      acceptsTask: (method) => acceptsTask(core.catalog, method),
      problemOfInitialize: (message) => problemOfInitialize(message, core.rareLog),
      onNegotiated: (version) => (this.protocolVersion = version),
      onAnswer: (id, message, principal) => this.onAnswer(id, message, principal),
      onCancelled: (request) => {
        this.calls.cancel(request);
        // A cancelled request never gets a response.
        this.takeAfterResponse(request)?.();
      },
      afterResponse: (request) => this.takeAfterResponse(request),
    };
    this.transport = new WireTransport(inner, taps, known.sessionId);
    this.sdk = this.makeSdkServer(oneUser);
  }

  /** Connects a transport. `onClosed` is called when the connection ends, from either side. */
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
      connection.handleClosed();
      throw error;
    }
    return connection;
  }

  /** The client, as it introduced itself; undefined until it has initialized on this connection. */
  get client(): KnownClient | undefined {
    if (this.protocolVersion === undefined) return undefined;
    const info = this.sdk.getClientVersion();
    return {
      capabilities: this.sdk.getClientCapabilities() ?? {},
      protocolVersion: this.protocolVersion,
      ...(info !== undefined && { info }),
    };
  }

  /** Whether the client has a question that it may still answer, whether or not a stream is open. */
  get isAsking(): boolean {
    return this.questions.isOpen || this.delivery.isAsking;
  }

  /**
   * Brings the client up to date on some tasks of its session. `servedElsewhere`: another connection may already have
   * told it some of that.
   */
  async catchUp(tasks: readonly string[], servedElsewhere: boolean): Promise<void> {
    if (this.core.engine === undefined) return;
    await catchUp(this.core.engine, tasks, servedElsewhere ? this.feed.afterAnother : this.feed);
  }

  /** Receives a message that `principal` sent to another connection of the session. */
  receive(message: JSONRPCMessage, principal: string): void {
    this.isForwarded = true;
    try {
      this.transport.receive(message, principal);
    } finally {
      this.isForwarded = false;
    }
  }

  /** From now on the client gets log messages of this level and above. */
  setLevel(level: LoggingLevel): void {
    this.minimumLevel = levels.indexOf(level);
  }

  /** Refuses new calls. Resolves once no foreground call is running. */
  async drain(): Promise<void> {
    this.draining = true;
    await this.calls.idle();
  }

  /** Ends the connection and its foreground calls. Resolves once these have settled. */
  async close(): Promise<void> {
    await this.sdk.close();
    await this.drain();
  }

  private makeRoutes(facts: ConnectionFacts, oneUser: boolean): ReadonlyMap<string, Route> {
    const { core, streams } = this;
    const routes = new Map<string, Route>([['tools/list', () => listTools(core)]]);
    routes.set('logging/setLevel', (params) => {
      const { level } = parseParams(SetLevelParams, params, 'logging/setLevel');
      this.setLevel(level);
      this.options.onLevel?.(level);
      return {};
    });
    const addCalls = (method: TaskMethod): void =>
      void routes.set(method, (params, extra) => callComponent(core, facts, method, params, extra));
    addCalls('tools/call');
    if (core.catalog.of('prompt').length > 0) {
      routes.set('prompts/list', () => listPrompts(core));
      addCalls('prompts/get');
    }
    if (core.catalog.of('resource').length > 0) {
      routes.set('resources/list', () => listResources(core));
      routes.set('resources/templates/list', () => listResourceTemplates(core));
      addCalls('resources/read');
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
      capabilities: serverCapabilities(catalog, oneUser),
      ...(instructions !== undefined && { instructions }),
      // Answers are validated against the schema of their question; a JSON schema validator per connection costs time.
      jsonSchemaValidator: { getValidator: refuseValidator },
    });
    // The SDK's own handlers parse each request and result twice, and a malformed one is an internal error to them.
    sdk.removeRequestHandler('logging/setLevel');
    sdk.fallbackRequestHandler = (request, extra) => this.route(request, extra);
    // The SDK puts whole messages into its errors.
    sdk.onerror = (error) => logger.debug('The protocol reported an error', { error: shown(messageOf(error), 1_000) });
    sdk.onclose = () => this.handleClosed();
    return sdk;
  }

  private async route({ method, params }: JSONRPCRequest, extra: RequestExtra): Promise<object> {
    const route = this.routes.get(method);
    if (route === undefined) throw new ProtocolError(rpcCode.methodNotFound, `Method not found: ${shown(method)}`);
    if (isTaskMethod(method)) this.refuseCall(extra.requestId);
    const protocolVersion = this.protocolVersion ?? LATEST_PROTOCOL_VERSION;
    try {
      const request = { method, params, extra, protocolVersion, overHttp: !this.streams.single };
      return await observed(this.core, request, async () => route(params, extra));
    } catch (error) {
      throw failureOfRequest(error, method, this.core.rareLog);
    } finally {
      // Otherwise each cancelled request would leave a stream open. Messages already on their way go out first.
      if (extra.signal.aborted) setImmediate(() => this.streams.abandon(extra.requestId));
    }
  }

  private refuseCall(request: RequestId): void {
    if (this.draining) throw new ProtocolError(rpcCode.internalError, 'The server is shutting down');
    if (!this.calls.has(request) && !this.afterResponse.has(request)) return;
    throw new ProtocolError(
      rpcCode.invalidRequest,
      `A request with the id ${shown(JSON.stringify(request))} is already in progress`,
    );
  }

  private onAnswer(id: string, message: JSONRPCMessage, principal: string): void {
    const { engine, rareLog } = this.core;
    const answer: Answer =
      'error' in message
        ? { error: toWireError(message.error) }
        : { result: ('result' in message ? message.result : null) as Json };
    if (this.questions.answered(id, answer, principal)) return;
    const { session } = this.leases;
    const receipt = parseReceiptId(id);
    if (receipt !== undefined) return this.onReceipt({ ...receipt, principal, session });
    const question = parseQuestionId(id);
    if (engine === undefined || question === undefined) {
      const { onForeignAnswer } = this.options;
      if (onForeignAnswer !== undefined && !this.isForwarded && isForegroundQuestion(id)) {
        return onForeignAnswer({ jsonrpc: '2.0', id, ...answerWithin(this.core.limits, answer) } as JSONRPCMessage);
      }
      rareLog.write('info', 'An answer was ignored', { id: shown(id), result: 'unknown' });
      return;
    }
    const wasAskedHere = this.delivery.answered(question, principal);
    const askAgain = (): void => {
      if (wasAskedHere) this.delivery.answerLost(question);
    };
    relayAnswer(engine, { ...question, principal, session }, answer, this.core).then(
      (result) => {
        if (result === 'unknown') askAgain();
      },
      (error: unknown) => {
        askAgain();
        rareLog.write('error', 'An answer could not be stored', { ...question, error });
      },
    );
  }

  /** The client has a question. If this is lost, the question is shown once more. */
  private onReceipt(from: AnswerAddress): void {
    const { engine, logger } = this.core;
    if (engine === undefined) return;
    relayReceipt(engine, from).catch((error: unknown) => {
      logger.debug('The receipt of a question could not be stored', { taskId: from.taskId, error });
    });
  }

  private takeAfterResponse(request: RequestId): (() => void) | undefined {
    const run = this.afterResponse.get(request);
    if (run !== undefined) this.afterResponse.delete(request);
    return run;
  }

  private send(message: JSONRPCMessage, related: RequestId | undefined): void {
    this.news.force(message, related).catch((error: unknown) => {
      this.core.logger.debug('A message could not be sent', { error });
    });
  }

  /** Resolves when the client has processed what was sent to it before. */
  private async processed(): Promise<void> {
    const ping = this.sdk.request({ method: 'ping' }, EmptyResultSchema, { timeout: pingTimeout });
    await ping.catch(() => undefined);
    // In memory, the answer arrives while the client is still processing earlier messages, in the same turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  private handleClosed(): void {
    this.calls.cancelAll();
    if (this.streams.single) this.streams.unread(undefined)?.end();
    this.unwatch?.();
    this.stopLeaseEvents?.();
    this.tasks?.close();
    this.delivery.clear();
    this.feed.clear();
    this.afterResponse.clear();
    this.onClosed(this);
  }
}

const refuseValidator = (): never => {
  throw new ErrandError('ELICITATION_SCHEMA', 'Errand validates answers against the schema of their question.');
};
