import type { Transport } from '../../protocol/transport.js';
import type { HttpEndpoint } from '../../transports/http/http-exchange.js';
import type { ClientLimits, SessionMode } from '../../transports/http/http-options.js';
import type { Binding, BoundConnection } from '../binding.js';
import type { Core } from '../core.js';
import { Shares } from '../shares.js';
import { Connection, optionsFor } from './connection.js';
import { HttpSessions } from './http/http-sessions.js';
import { StatelessRequests } from './http/stateless-requests.js';

/** The generation with sessions: MCP 2025-11-25 and the revisions before it. */
export class Binding2025 implements Binding {
  constructor(private readonly core: Core) {}

  connect(transport: Transport, onClosed: (connection: BoundConnection) => void): Promise<BoundConnection> {
    return Connection.open(this.core, transport, onClosed, optionsFor(transport));
  }

  endpoint(mode: SessionMode, clients: ClientLimits): HttpEndpoint {
    const shares = new Shares(clients, this.core.meters);
    return mode === 'stateless' ? new StatelessRequests(this.core, shares) : new HttpSessions(this.core, mode, shares);
  }
}
