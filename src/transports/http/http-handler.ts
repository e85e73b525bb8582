import type { RareLog } from '../../base/rare-log.js';
import type { AuthInfo } from '../../protocol/auth.js';
import { refuse, rpcCode } from '../../protocol/errors.js';
import { addressOf } from '../../protocol/json-rpc/shapes.js';
import type { ClientAddresses } from './client-address.js';
import type { HostGuard } from './host-guard.js';
import type { BodyIntake } from './body-intake.js';
import type { HttpEndpoint, HttpReply, HttpRequest } from './http-exchange.js';
import { refuseMediaTypes } from './media-types.js';

/** A request as it arrives, from Node.js or from a host that speaks `fetch`. */
export interface IncomingRequest extends HttpRequest {
  /** Read only for methods that have a body, once the head of the request has been accepted. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly auth?: AuthInfo;
  /** The address of its sender, which may be a proxy. */
  readonly peer?: string | undefined;
}

/** Options of an {@link HttpHandler}. */
export interface HttpHandlerOptions {
  readonly endpoint: HttpEndpoint;
  readonly guard: HostGuard;
  /** The names of further headers that pages may send. */
  readonly allowedHeaders: readonly string[];
  readonly intake: BodyIntake;
  /** For requests that fail. */
  readonly log: RareLog;
  readonly addresses: ClientAddresses;
  /** The only path that is served. Absent if the host of the server does the routing. */
  readonly path?: string;
}

/** The headers that a browser may send for a page, besides those of {@link HttpHandlerOptions.allowedHeaders}. */
const allowedHeaders =
  'content-type, accept, authorization, mcp-session-id, mcp-protocol-version, last-event-id, traceparent, tracestate';

/**
 * Handles HTTP requests of any origin and content: checks the head, only then reads the body, and passes the exchange to an
 * endpoint.
 */
export class HttpHandler {
  /** The methods and headers that a browser may send for a page. */
  private readonly preflight: Readonly<Record<string, string>>;

  constructor(private readonly options: HttpHandlerOptions) {
    const headers = [...allowedHeaders.split(', '), ...options.allowedHeaders].map((name) => name.toLowerCase());
    this.preflight = {
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': [...new Set(headers)].join(', '),
    };
  }

  async handle(incoming: IncomingRequest): Promise<HttpReply> {
    const crossOrigin = this.options.guard.crossOrigin(incoming.headers);
    const reply = await this.answer(incoming, crossOrigin !== undefined);
    for (const [name, value] of Object.entries(crossOrigin ?? {})) reply.response.headers.set(name, value);
    return reply;
  }

  private async answer(incoming: IncomingRequest, isReadable: boolean): Promise<HttpReply> {
    const { method, url, headers, body, auth, peer } = incoming;
    const { endpoint, guard, intake, addresses } = this.options;
    const refused = guard.refuse(headers) ?? this.refusePath(url);
    if (refused !== undefined) return { response: refused };
    if (method === 'OPTIONS' && isReadable) {
      return { response: new Response(null, { status: 204, headers: this.preflight }) };
    }
    const unreadable = refuseMediaTypes(method, headers);
    if (unreadable !== undefined) return { response: unreadable };
    const address = addresses.find(peer, headers);
    const exchange = {
      request: { method, url, headers },
      ...(auth !== undefined && { auth }),
      ...(address !== undefined && { address }),
    };
    if (method !== 'POST') return this.guarded(undefined, () => endpoint.handle(exchange));
    const admission = await this.guarded(undefined, () => endpoint.admit(exchange));
    if ('response' in admission) return admission;
    if ('refused' in admission) return { response: admission.refused };
    const read = await intake.read(body, declaredLength(headers), admission.largest);
    if ('refused' in read) return { response: read.refused };
    return this.guarded(read.json, () => endpoint.handle({ ...exchange, body: read.json }));
  }

  /** Answers with an error whatever an endpoint throws. */
  private async guarded<T>(body: unknown, answer: () => Promise<T> | T): Promise<T | HttpReply> {
    try {
      return await answer();
    } catch (error) {
      const kind = `HTTP: ${(error as Partial<Error> | undefined)?.name}`;
      this.options.log.write('error', 'An HTTP request failed', { error }, kind);
      const { id, isAnswer } = addressOf(body);
      return { response: refuse(500, rpcCode.internalError, 'Internal error', isAnswer ? null : id) };
    }
  }

  private refusePath(url: string): Response | undefined {
    const { path } = this.options;
    if (path === undefined || pathOf(url) === path) return undefined;
    return refuse(404, -32000, `There is nothing here. Use ${path}.`);
  }
}

/** Undefined for a body whose length is not known before it has arrived. */
function declaredLength(headers: Headers): number | undefined {
  const length = headers.get('content-length');
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** The path of a URL. `new URL` would cost more than all the other checks. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2);
  if (start < 0) return '/';
  const query = url.indexOf('?', start);
  const path = query < 0 ? url.slice(start) : url.slice(start, query);
  const fragment = path.indexOf('#');
  return fragment < 0 ? path : path.slice(0, fragment);
}
