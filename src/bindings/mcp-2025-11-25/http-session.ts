import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { AuthInfo, JSONRPCMessage, RequestId } from '../../protocol/types.js';
import type { Core } from '../core.js';
import { Connection } from './connection.js';
import type { Streams } from './streams.js';

/** One HTTP request with its body parsed by the host: the SDK spends most of its time over HTTP on reading bodies. */
export interface HttpExchange {
  /** What the SDK reads of a request: `method`, `url` and `headers`. */
  readonly request: Request;
  readonly body?: unknown;
  readonly auth?: AuthInfo;
}

/**
 * One session over Streamable HTTP. The SDK's transport does not tell when a client drops a stream, and sends to a
 * dropped one in silence; so every response body passes through a stream of ours that knows.
 */
export class HttpSession implements Streams {
  readonly single = false;
  onStandalone?: () => void;
  /** When a request last came, by the clock of the core. */
  lastSeen: number;
  private readonly transport: WebStandardStreamableHTTPServerTransport;
  private readonly dropListeners = new Map<RequestId, Set<() => void>>();
  private standaloneStreams = 0;
  private openStreams = 0;
  private connection: Connection | undefined;

  private constructor(
    readonly id: string,
    private readonly core: Core,
  ) {
    this.transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    this.lastSeen = core.clock.now();
  }

  static async open(id: string, core: Core, onClosed: (session: HttpSession) => void): Promise<HttpSession> {
    const session = new HttpSession(id, core);
    const options = { streams: session, session: id, oneUser: false };
    session.connection = await Connection.open(core, session.transport, () => onClosed(session), options);
    return session;
  }

  get standalone(): boolean {
    return this.standaloneStreams > 0;
  }

  /** Whether no stream is open, so that nobody would notice if the session were gone. */
  get isIdle(): boolean {
    return this.openStreams === 0;
  }

  onDropped(request: RequestId, listener: () => void): () => void {
    const listeners = this.dropListeners.get(request) ?? new Set();
    this.dropListeners.set(request, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.dropListeners.delete(request);
    };
  }

  async handle({ request, body, auth }: HttpExchange): Promise<Response> {
    this.lastSeen = this.core.clock.now();
    const response = await this.transport.handleRequest(request, { parsedBody: body, ...(auth && { authInfo: auth }) });
    if (response.body === null || response.headers.get('content-type') !== 'text/event-stream') return response;
    if (request.method === 'GET') return this.watchStandalone(response);
    const ids = requestIds(body);
    return this.watch(response, () => {
      for (const id of ids) this.dropListeners.get(id)?.forEach((listener) => listener());
    });
  }

  async drain(): Promise<void> {
    await this.connection?.drain();
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }

  private watchStandalone(response: Response): Response {
    this.standaloneStreams++;
    const watched = this.watch(response, undefined, () => this.standaloneStreams--);
    // Once the stream is on its way to the client.
    queueMicrotask(() => this.onStandalone?.());
    return watched;
  }

  private watch(response: Response, onDropped?: () => void, onEnd?: () => void): Response {
    this.openStreams++;
    const end = (): void => {
      this.openStreams--;
      this.lastSeen = this.core.clock.now();
      onEnd?.();
    };
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await reader.read();
          if (!done) {
            controller.enqueue(value);
            return;
          }
          end();
          controller.close();
        },
        async cancel(reason) {
          end();
          onDropped?.();
          await reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { status: response.status, headers: response.headers });
  }
}

function requestIds(body: unknown): RequestId[] {
  const messages = (Array.isArray(body) ? body : [body]) as Partial<
    JSONRPCMessage & { id: RequestId; method: string }
  >[];
  return messages.flatMap(({ id, method }) => (id !== undefined && method !== undefined ? [id] : []));
}
