import type { Transport } from '../protocol/transport.js';
import type { HttpEndpoint, HttpExchange, HttpReply } from '../transports/http/http-exchange.js';
import type { ClientLimits, SessionMode } from '../transports/http/http-options.js';
import type { Binding, BoundConnection } from './binding.js';
import type { Core } from './core.js';
import { Binding2025 } from './mcp-2025-11-25/binding.js';

/** A generation of the protocol that is recognized by its messages. */
export interface Generation {
  readonly binding: Binding;
  /** Whether an HTTP request belongs to this generation. Asked before its body is read, and again with the body. */
  owns(exchange: HttpExchange): boolean;
}

/**
 * The bindings of all generations, behind one. Each message is assigned on its own, without regard to earlier ones; one
 * that no other generation owns belongs to the generation with sessions.
 */
export class Generations implements Binding {
  private readonly sessions: Binding;

  /** @param others - the generations without sessions */
  constructor(
    core: Core,
    private readonly others: readonly Generation[] = [],
  ) {
    this.sessions = new Binding2025(core);
  }

  connect(transport: Transport, onClosed: (connection: BoundConnection) => void): Promise<BoundConnection> {
    return this.sessions.connect(transport, onClosed);
  }

  endpoint(mode: SessionMode, clients: ClientLimits): HttpEndpoint {
    const sessions = this.sessions.endpoint(mode, clients);
    if (this.others.length === 0) return sessions;
    const others = this.others.map((generation) => ({
      generation,
      endpoint: generation.binding.endpoint(mode, clients),
    }));
    const all = [sessions, ...others.map(({ endpoint }) => endpoint)];
    const ownerOf = (exchange: HttpExchange): HttpEndpoint =>
      others.find(({ generation }) => generation.owns(exchange))?.endpoint ?? sessions;
    return {
      admit: (head) => ownerOf(head).admit(head),
      handle: (exchange): Promise<HttpReply> => ownerOf(exchange).handle(exchange),
      drain: async () => {
        await Promise.all(all.map((endpoint) => endpoint.drain()));
      },
      close: async () => {
        await Promise.all(all.map((endpoint) => endpoint.close()));
      },
    };
  }
}
