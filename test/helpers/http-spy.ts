/** One HTTP exchange of a client. */
export interface Exchange {
  /** `GET`, or the JSON-RPC method that was posted; `response` for a posted answer, `pong` for one to a ping. */
  readonly what: string;
  /** What has come back so far. */
  text: string;
  /** The media type of the response; empty as long as there is none. */
  type: string;
  /** Whether the server has ended the response. */
  ended: boolean;
  /** Drops the response as a client does that loses its network. */
  readonly drop: () => void;
}

/** A `fetch` that keeps what came back on each stream, and can drop streams. */
export class HttpSpy {
  readonly exchanges: Exchange[] = [];

  readonly fetch: typeof fetch = async (input, init) => {
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    // The signal of a client is the same for all its requests.
    const forget = (): void => init?.signal?.removeEventListener('abort', abort);
    init?.signal?.addEventListener('abort', abort, { once: true });
    const exchange: Exchange = { what: whatOf(init), text: '', type: '', ended: false, drop: abort };
    this.exchanges.push(exchange);
    const response = await fetch(input, { ...init, signal: controller.signal });
    exchange.type = response.headers.get('content-type') ?? '';
    if (response.body === null) {
      forget();
      return response;
    }
    const [ours, theirs] = response.body.tee();
    void collect(ours, exchange).finally(forget);
    const { status, statusText, headers } = response;
    return new Response(theirs, { status, statusText, headers });
  };

  /** The exchanges of that kind, in the order in which they began. */
  of(what: string): Exchange[] {
    return this.exchanges.filter((exchange) => exchange.what === what);
  }
}

function whatOf(init: RequestInit | undefined): string {
  if (typeof init?.body !== 'string') return init?.method ?? 'GET';
  const message = JSON.parse(init.body) as { method?: string; result?: object };
  const isPong = message.result !== undefined && Object.keys(message.result).length === 0;
  return message.method ?? (isPong ? 'pong' : 'response');
}

async function collect(body: ReadableStream<Uint8Array>, exchange: Exchange): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      exchange.text += decoder.decode(chunk, { stream: true });
    }
    exchange.ended = true;
  } catch {
    // Dropped: what came before is what there is.
  }
}
