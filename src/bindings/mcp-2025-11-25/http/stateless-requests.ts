import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { DEFAULT_NEGOTIATED_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js';
import { principalOf } from '../../../call/principal.js';
import { refuse } from '../../../protocol/errors.js';
import type { Core } from '../../core.js';
import type { Share, Shares } from '../../shares.js';
import { Connection } from '../connection.js';
import { largestBody } from '../../../transports/http/body-intake.js';
import {
  isStream,
  shuttingDown,
  type Admission,
  type HttpEndpoint,
  type HttpExchange,
  type HttpReply,
} from '../../../transports/http/http-exchange.js';
import { isInitialize } from '../initialize-request.js';
import {
  isPoll,
  refuseBatch,
  refuseInitialize,
  refuseMessages,
  sessionNotFound,
  withoutNeedlessStream,
  toSdkRequest,
} from './http-messages.js';
import { decodeSessionToken, encodeSessionToken, type KnownClient } from './session-token.js';
import { responseOnly } from '../streams.js';
import { Unread } from '../../unread.js';

/** A connection for one exchange, and its response. */
interface Exchange {
  readonly connection: Connection;
  readonly response: Response;
  readonly unread: Unread;
}

/**
 * Answers each request on a connection of its own and keeps nothing in between, so that any listener of any process can
 * serve any request. The session id carries the client's introduction; everything else is in the docket.
 */
export class StatelessRequests implements HttpEndpoint {
  private readonly open = new Set<Connection>();
  private draining = false;

  constructor(
    private readonly core: Core,
    private readonly shares: Shares,
  ) {}

  admit({ request }: HttpExchange): Admission {
    return clientOf(request.headers) === undefined ? { refused: sessionNotFound() } : { largest: largestBody };
  }

  async handle(exchange: HttpExchange): Promise<HttpReply> {
    const { request, body } = exchange;
    // There is no standalone stream, and no session that a DELETE could end.
    if (request.method !== 'POST') return { response: methodNotAllowed() };
    const malformed = refuseMessages(body);
    if (malformed !== undefined) return { response: malformed };
    if (isInitialize(body)) {
      const refused = refuseInitialize(body, this.core.rareLog);
      return refused === undefined ? this.initialize(exchange) : { response: refused };
    }
    const client = clientOf(request.headers);
    if (client === undefined) return { response: sessionNotFound() };
    const refused = refuseBatch(exchange, client.protocolVersion);
    return refused === undefined ? this.answer(exchange, client) : { response: refused };
  }

  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.open].map((connection) => connection.drain()));
  }

  async close(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.open].map((connection) => connection.close()));
  }

  /** The session id in the head depends on the negotiated revision, so the head waits for the body. */
  private async initialize(exchange: HttpExchange): Promise<HttpReply> {
    const { connection, response } = await this.serve(
      exchange,
      this.shares.of(principalOf(exchange.auth), exchange.address),
    );
    const answer = await response.text();
    const { client } = connection;
    await connection.close();
    const headers = new Headers(response.headers);
    if (client !== undefined) headers.set('mcp-session-id', encodeSessionToken(client));
    return { response: new Response(answer, { status: response.status, headers }) };
  }

  private async answer(exchange: HttpExchange, client: KnownClient): Promise<HttpReply> {
    const share = this.shares.of(principalOf(exchange.auth), exchange.address);
    const needsStream = !isPoll(exchange.body);
    const reached = needsStream ? share.take('streams') : undefined;
    if (reached !== undefined) return { response: reached.toResponse() };
    let served: Exchange;
    try {
      served = await this.serve(exchange, share, client);
    } catch (error) {
      if (needsStream) share.give('streams');
      throw error;
    }
    const { connection, response, unread } = served;
    const finish = (): void => {
      unread.end();
      if (needsStream) share.give('streams');
      // A call whose stream was dropped runs to its end: a lost stream is not a cancellation.
      connection
        .drain()
        .then(() => connection.close())
        .catch((error: unknown) => this.core.logger.error('A connection could not be closed', { error }));
    };
    if (isStream(response)) return { response, onEnd: finish, onTaken: (bytes) => unread.taken(bytes) };
    finish();
    return { response };
  }

  private async serve(
    { request, body, auth, address }: HttpExchange,
    share: Share,
    client?: KnownClient,
  ): Promise<Exchange> {
    const transport = new WebStandardStreamableHTTPServerTransport({});
    const unread = new Unread(this.core.clock, this.core.slowReaders);
    const connection = await Connection.open(this.core, transport, (closed) => this.open.delete(closed), {
      streams: responseOnly(unread),
      oneUser: !principalOf(auth).isAnonymous,
      account: { share, sender: () => this.shares.senderOf(principalOf(auth), address) },
      ...(client !== undefined && { client }),
    });
    this.open.add(connection);
    // Checked only now that it is in `open`: an earlier drain or close did not see it.
    if (this.draining) return { connection, response: shuttingDown(), unread };
    const response = await transport.handleRequest(toSdkRequest(request), {
      parsedBody: body,
      ...(auth && { authInfo: auth }),
    });
    return { connection, response: await withoutNeedlessStream(body, response), unread };
  }
}

/** The client that sends these headers; undefined if its session id is not one of ours. */
function clientOf(headers: Headers): KnownClient | undefined {
  const session = headers.get('mcp-session-id');
  if (session !== null) return decodeSessionToken(session);
  const protocolVersion = headers.get('mcp-protocol-version') ?? DEFAULT_NEGOTIATED_PROTOCOL_VERSION;
  return { capabilities: {}, protocolVersion };
}

function methodNotAllowed(): Response {
  const response = refuse(405, -32000, 'This server keeps no sessions. Use POST.');
  response.headers.set('allow', 'POST');
  return response;
}
