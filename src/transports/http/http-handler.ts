import type { AuthInfo } from '../../protocol/auth.js';
import { refuse } from '../../protocol/errors.js';
import type { HostGuard } from './host-guard.js';
import { readJson } from './http-body.js';
import type { HttpEndpoint, HttpReply, HttpRequest } from './http-exchange.js';

/** A request as it arrives, from Node.js or from a host that speaks `fetch`. */
export interface IncomingRequest extends HttpRequest {
  /** Read only where the method has a body and the request may come in. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly auth?: AuthInfo;
}

/** How requests come to an endpoint. */
export interface HttpHandlerOptions {
  readonly endpoint: HttpEndpoint;
  readonly guard: HostGuard;
  /** The only path that is answered. Absent where the host of the server chose the requests already. */
  readonly path?: string;
}

/** What a page may send when its browser asks before. */
const preflight = {
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-allow-headers':
    'content-type, accept, authorization, mcp-session-id, mcp-protocol-version, last-event-id',
};

/** Answers HTTP requests, whatever brings them and whatever they say: guards, reads the body, hands over to the endpoint. */
export class HttpHandler {
  constructor(private readonly options: HttpHandlerOptions) {}

  async handle({ body: incoming, ...request }: IncomingRequest): Promise<HttpReply> {
    const { guard } = this.options;
    const { method, url, headers } = request;
    const crossOrigin = guard.crossOrigin(headers);
    const reply = (response: Response): HttpReply => ({ response, ...(crossOrigin && { headers: crossOrigin }) });
    const refused = guard.refuse(headers) ?? this.elsewhere(url);
    if (refused !== undefined) return reply(refused);
    if (method === 'OPTIONS' && crossOrigin !== undefined) {
      return reply(new Response(null, { status: 204, headers: preflight }));
    }
    const body = method === 'POST' ? await readJson(incoming) : undefined;
    if (body !== undefined && 'refused' in body) return reply(body.refused);
    const { auth, ...head } = request;
    const answer = await this.options.endpoint.handle({
      request: head,
      ...(body !== undefined && { body: body.json }),
      ...(auth !== undefined && { auth }),
    });
    return crossOrigin === undefined ? answer : { headers: crossOrigin, ...answer };
  }

  private elsewhere(url: string): Response | undefined {
    const { path } = this.options;
    if (path === undefined || pathOf(url) === path) return undefined;
    return refuse(404, -32000, `There is nothing here. Use ${path}.`);
  }
}

/** Without `new URL`, which costs more than the rest of the checks. */
export function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2);
  if (start < 0) return '/';
  const end = url.slice(start).search(/[?#]/);
  return end < 0 ? url.slice(start) : url.slice(start, start + end);
}
