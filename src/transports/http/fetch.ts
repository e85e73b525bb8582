import { ErrandError } from '../../base/errors.js';
import type { AuthInfo } from '../../protocol/auth.js';
import type { HttpReply } from './http-exchange.js';
import type { HttpHandler } from './http-handler.js';

/** What the host of a server knows of a request beside the request. */
export interface FetchOptions {
  /**
   * Who sent it: the access token that the host has verified. Identity comes from here alone, never from a header.
   * Default: the principal `anonymous`.
   */
  readonly auth?: AuthInfo;
}

/**
 * Answers a web request by a handler.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` where `auth` is not what a verified token says
 */
export async function answerFetch(handler: HttpHandler, request: Request, options: unknown): Promise<Response> {
  const auth = authIn(options);
  const { method, url, headers, body, signal } = request;
  const incoming = { method, url, headers: withHost(headers, url), body: chunksOf(body), ...(auth && { auth }) };
  return responseOf(await handler.handle(incoming), signal);
}

/** Hosts hand over what they have as second argument: Bun its server, workers their environment. Only `auth` counts. */
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
    `server.fetch: auth is a ${typeof auth} that is no verified token. Give { token, clientId, scopes }, or leave it out.`,
  );
}

/** A `Request` that a program made has no Host header; its URL says the same. */
function withHost(headers: Headers, url: string): Headers {
  if (headers.has('host')) return headers;
  const all = new Headers(headers);
  all.set('host', new URL(url).host);
  return all;
}

async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // What is too large is not read to its end.
    void reader.cancel().catch(() => undefined);
  }
}

/** The answer as the host hands it on. The host cancels its body, or aborts the request, when the client goes away. */
function responseOf({ response, headers, onEnd }: HttpReply, gone: AbortSignal): Response {
  const all = new Headers(response.headers);
  for (const [name, value] of Object.entries(headers ?? {})) all.set(name, value);
  const body = response.body === null ? null : watched(response.body as ReadableStream<Uint8Array>, gone, onEnd);
  if (body === null) onEnd?.(gone.aborted);
  return new Response(body, { status: response.status, headers: all });
}

/** The same stream, which says once how it ended. */
function watched(
  stream: ReadableStream<Uint8Array>,
  gone: AbortSignal,
  onEnd: HttpReply['onEnd'],
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let isOver = false;
  const end = (dropped: boolean): void => {
    if (isOver) return;
    isOver = true;
    gone.removeEventListener('abort', drop);
    onEnd?.(dropped);
  };
  const drop = (): void => {
    end(true);
    void reader.cancel().catch(() => undefined);
  };
  if (gone.aborted) drop();
  else gone.addEventListener('abort', drop, { once: true });
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
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
