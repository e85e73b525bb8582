import type { Transport } from '../protocol/transport.js';
import type { HttpEndpoint } from '../transports/http/http-exchange.js';
import type { SessionMode } from '../transports/http/http-options.js';

/** A client that is connected. */
export interface BoundConnection {
  /** Refuses new calls, and resolves when no foreground call is under way. */
  drain(): Promise<void>;
  /** Ends the connection and the foreground calls on it, and waits until they have settled. */
  close(): Promise<void>;
}

/** The code for one generation of the protocol: translates its wire to the core of one server. */
export interface Binding {
  /** Serves one client over a transport. `onClosed` is called when the connection ends, whoever ended it. */
  connect(transport: Transport, onClosed: (connection: BoundConnection) => void): Promise<BoundConnection>;
  /** Makes what answers HTTP requests of this generation. */
  endpoint(mode: SessionMode): HttpEndpoint;
}
