import type { Transport } from '../protocol/transport.js';
import type { HttpEndpoint, HttpExchange, HttpReply } from '../transports/http/http-exchange.js';
import type { SessionMode } from '../transports/http/http-options.js';
import type { Binding, BoundConnection } from './binding.js';
import type { Core } from './core.js';
import { Binding2025 } from './mcp-2025-11-25/binding.js';

/** One generation of the protocol. */
interface Generation {
  /** Whether an HTTP request is of it. The first that says so answers. */
  readonly takes: (exchange: HttpExchange) => boolean;
  readonly binding: Binding;
}

/**
 * All generations of the protocol behind one door. It looks at each message by itself and remembers nothing; where a
 * message says nothing of its generation, it is of the one with sessions.
 */
export class Generations implements Binding {
  private readonly sessions: Binding;
  /** A further generation is an entry before the last, which takes everything. */
  private readonly all: readonly Generation[];

  constructor(core: Core) {
    this.sessions = new Binding2025(core);
    this.all = [{ takes: () => true, binding: this.sessions }];
  }

  connect(transport: Transport, onClosed: (connection: BoundConnection) => void): Promise<BoundConnection> {
    return this.sessions.connect(transport, onClosed);
  }

  endpoint(mode: SessionMode): HttpEndpoint {
    const [only, ...others] = this.all.map(({ takes, binding }) => ({ takes, endpoint: binding.endpoint(mode) }));
    if (only === undefined || others.length === 0) return only?.endpoint ?? this.sessions.endpoint(mode);
    return new SharedEndpoint([only, ...others]);
  }
}

interface Entry {
  readonly takes: (exchange: HttpExchange) => boolean;
  readonly endpoint: HttpEndpoint;
}

/** One endpoint for requests of several generations. */
class SharedEndpoint implements HttpEndpoint {
  constructor(private readonly entries: readonly [Entry, ...Entry[]]) {}

  handle(exchange: HttpExchange): Promise<HttpReply> {
    const { endpoint } = this.entries.find(({ takes }) => takes(exchange)) ?? this.entries[0];
    return endpoint.handle(exchange);
  }

  async drain(): Promise<void> {
    await Promise.all(this.entries.map(({ endpoint }) => endpoint.drain()));
  }

  async close(): Promise<void> {
    await Promise.all(this.entries.map(({ endpoint }) => endpoint.close()));
  }
}
