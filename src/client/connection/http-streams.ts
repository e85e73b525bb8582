import type { RequestId } from '../../protocol/json-rpc/messages.js';

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** What the streams of one HTTP connection tell. */
export interface StreamListener {
  /** The stream with the answer to a request has ended, whether or not the answer came. */
  ended(request: RequestId): void;
  /** A stream was to be resumed from the event with this id, and the server has opened it, or refuses to. */
  resumed(event: string, request: Resumption): RequestId | undefined;
  /** The standalone stream has opened, or ended. */
  standalone(isOpen: boolean): void;
}

/** How a server reacted to the wish to resume a stream. */
export type Resumption = 'opened' | 'refused';

/**
 * Watches the streams of an SDK transport through its `fetch`, because the SDK tells nobody when the stream of a request
 * ends without its answer.
 */
export function watchStreams(listener: StreamListener): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    const { body } = response;
    const isStream = response.ok && body !== null && isEventStream(response);
    if (init?.method === 'GET') {
      const resumedFrom = new Headers(init.headers).get('last-event-id');
      const request = resumedFrom === null ? undefined : listener.resumed(resumedFrom, isStream ? 'opened' : 'refused');
      if (!isStream) return response;
      if (request !== undefined) return observed(response, body, () => listener.ended(request));
      listener.standalone(true);
      return observed(response, body, () => listener.standalone(false));
    }
    if (!isStream || init?.method !== 'POST') return response;
    const request = requestIn(init.body);
    return request === undefined ? response : observed(response, body, () => listener.ended(request));
  };
}

const isEventStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') === true;

/** The id of the request that was posted, if it was one. */
function requestIn(body: unknown): RequestId | undefined {
  if (typeof body !== 'string') return undefined;
  const { id, method } = JSON.parse(body) as { id?: RequestId; method?: string };
  return method === undefined ? undefined : id;
}

/** The same response, with a call when its body has ended, broken or been given up. */
function observed(response: Response, body: ReadableStream<Uint8Array>, onEnd: () => void): Response {
  const reader = body.getReader();
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      onEnd();
    },
    async cancel(reason) {
      onEnd();
      await reader.cancel(reason);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(watched, { status, statusText, headers });
}
