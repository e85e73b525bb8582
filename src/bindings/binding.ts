import type { Transport } from '../protocol/transport.js';
import type { HttpEndpoint } from '../transports/http/http-exchange.js';
import type { ClientLimits, SessionMode } from '../transports/http/http-options.js';

/** A connected client. */
export interface BoundConnection {
  /** Refuses new calls. Resolves once no foreground call is running. */
  drain(): Promise<void>;
  /** Ends the connection and its foreground calls. Resolves once these have settled. */
  close(): Promise<void>;
}

/** The code for one generation of the protocol. It translates the wire to the core of one server. */
export interface Binding {
  /** Serves one client over a transport. `onClosed` is called when the connection ends, from either side. */
  connect(transport: Transport, onClosed: (connection: BoundConnection) => void): Promise<BoundConnection>;
  /** Makes an endpoint for the HTTP requests of this generation. */
  endpoint(mode: SessionMode, clients: ClientLimits): HttpEndpoint;
}
