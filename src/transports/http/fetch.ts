import { ErrandError } from '../../base/errors.js';
import type { AuthInfo } from '../../protocol/auth.js';
import type { Logger } from '../../base/logger.js';
import { ClientAddresses } from './client-address.js';
import { HostGuard } from './host-guard.js';
import type { HttpEndpoint, HttpReply } from './http-exchange.js';
import { HttpHandler, type HttpHandlerOptions } from './http-handler.js';
import {
  clientLimitsOf,
  sessionModeOf,
  type ClientLimits,
  type HttpOptions,
  type SessionMode,
} from './http-options.js';

/** Options of `fetch`. */
export interface FetchOptions {
  /**
   * The sender: its access token, as verified by the host. Identity comes from here alone, never from a header.
   * Default: the principal `anonymous`.
   */
  readonly auth?: AuthInfo;
  /**
   * The address of the sender, as the host knows it (`server.requestIP(request)?.address` in Bun, `info.remoteAddr.hostname` in
   * Deno). It may be a proxy, see `http.trustProxy`. Limits per address need it. Default: unknown.
   */
  readonly address?: string;
}

/** The handler behind `fetch`. The host of the server routes requests to it, so that it answers any path. */
export function createFetchHandler(
  http: HttpOptions,
  shared: Pick<HttpHandlerOptions, 'intake' | 'log' | 'allowedHeaders'>,
  logger: Logger,
  makeEndpoint: (mode: SessionMode, clients: ClientLimits) => HttpEndpoint,
): HttpHandler {
  const guard = new HostGuard(undefined, http.allowedHosts, http.allowedOrigins);
  const endpoint = makeEndpoint(sessionModeOf(http, 'createServer: http'), clientLimitsOf(http));
  return new HttpHandler({ endpoint, guard, addresses: new ClientAddresses(http.trustProxy, logger), ...shared });
}

/**
 * Answers a web request with a handler.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` if `auth` is not a verified access token.
 */
export async function answerFetch(handler: HttpHandler, request: Request, options: unknown): Promise<Response> {
  const auth = authIn(options);
  const { address } = (options ?? {}) as FetchOptions;
  const peer = typeof address === 'string' ? address : undefined;
  const { method, url, headers, body, signal } = request;
  const incoming = { method, url, headers: withHost(headers, url), body: chunksOf(body), peer, ...(auth && { auth }) };
  return toResponse(await handler.handle(incoming), signal);
}

/** The host's second argument may be anything: Bun passes its server, Workers their environment. Only `auth` and a text `address` count. */
function authIn(options: unknown): AuthInfo | undefined {
  const { auth } = (options ?? {}) as { readonly auth?: Partial<AuthInfo> | null };
  if (auth === undefined || auth === null) return undefined;
  const isAuth =
    typeof auth === 'object' &&
    typeof auth.token === 'string' &&
    typeof auth.clientId === 'string' &&
    Array.isArray(auth.scopes);
  if (isAuth) return auth as AuthInfo;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `server.fetch: auth must be a verified access token, got ${typeof auth}. Pass { token, clientId, scopes }, or leave it out.`,
  );
}

/** A `Request` made by a program has no Host header; its URL has the host. */
function withHost(headers: Headers, url: string): Headers {
  if (headers.has('host')) return headers;
  const all = new Headers(headers);
  all.set('host', new URL(url).host);
  return all;
}

/** Iterating over the stream itself would wait for the cancellation of a body that is too large. */
async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

/** When the client goes away, the host cancels the body of the response or aborts the request. */
function toResponse({ response, onEnd, onTaken }: HttpReply, clientGone: AbortSignal): Response {
  const body = response.body as ReadableStream<Uint8Array> | null;
  if (body === null || onEnd === undefined) {
    onEnd?.(clientGone.aborted);
    return response;
  }
  return new Response(watchEnd(body, clientGone, onEnd, onTaken), response);
}

/** Passes a stream on, and reports once how it ended. */
function watchEnd(
  stream: ReadableStream<Uint8Array>,
  clientGone: AbortSignal,
  onEnd: (dropped: boolean) => void,
  onTaken: HttpReply['onTaken'],
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let hasEnded = false;
  const end = (dropped: boolean): void => {
    if (hasEnded) return;
    hasEnded = true;
    clientGone.removeEventListener('abort', drop);
    onEnd(dropped);
  };
  const drop = (): void => {
    end(true);
    void reader.cancel().catch(() => undefined);
  };
  if (clientGone.aborted) drop();
  else clientGone.addEventListener('abort', drop, { once: true });
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          onTaken?.(value.length);
          return;
        }
        end(false);
        controller.close();
      } catch (error) {
        end(true);
        controller.error(error);
      }
    },
    cancel: drop,
  });
}
