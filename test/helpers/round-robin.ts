import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that the proxy handed on. */
interface HandedOn {
  /** The JSON-RPC method that was posted, `response` for a posted answer, `pong` for one to a ping, else the method of HTTP. */
  readonly what: string;
  /** The index of the listener that got it. */
  readonly to: number;
}

/** A plain HTTP proxy in front of several listeners, which takes them in turn and knows nothing of sessions. */
export class RoundRobin implements AsyncDisposable {
  /** All requests, in the order in which they came. */
  readonly handedOn: HandedOn[] = [];
  private readonly pinned = new Map<string, number>();
  private turn = 0;

  private constructor(
    private readonly server: Server,
    private readonly listeners: readonly string[],
  ) {
    server.on('request', (incoming, outgoing) => void this.handOn(incoming, outgoing));
  }

  static async of(listeners: readonly string[]): Promise<RoundRobin> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new RoundRobin(server, listeners);
  }

  /** Where clients connect to. */
  get url(): URL {
    const { port } = this.server.address() as AddressInfo;
    return new URL(new URL(this.listeners[0]!).pathname, `http://127.0.0.1:${port}`);
  }

  /** From now on all requests of a kind go to one listener. */
  pin(what: string, to: number): this {
    this.pinned.set(what, to);
    return this;
  }

  /** The listeners that got requests of a kind. */
  whoGot(what: string): number[] {
    return [...new Set(this.handedOn.filter((each) => each.what === what).map(({ to }) => to))].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async handOn(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method = 'GET', headers } = incoming;
    const what = whatOf(method, body);
    const to = this.pinned.get(what) ?? this.turn++ % this.listeners.length;
    this.handedOn.push({ what, to });
    const onward = request(this.listeners[to]!, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
      answer.on('error', () => outgoing.destroy()).pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy()).end(body);
    outgoing.on('close', () => onward.destroy());
  }
}

function whatOf(method: string, body: Buffer): string {
  if (body.length === 0) return method;
  const message = JSON.parse(body.toString('utf8')) as { method?: string; result?: object };
  const isPong = message.result !== undefined && Object.keys(message.result).length === 0;
  return message.method ?? (isPong ? 'pong' : 'response');
}
