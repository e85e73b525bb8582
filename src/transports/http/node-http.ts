import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.js';
import { settlesWithin } from '../../base/disposal.js';
import { ErrandError } from '../../base/errors.js';
import { flushed } from '../../base/flushed.js';
import type { HttpReply } from './http-exchange.js';

/**
 * Binds a server. Resolves with its port.
 *
 * @throws {ErrandError} `LISTEN_REFUSED`, caused by the error of Node.js.
 */
export function bind(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new ErrandError(
          'LISTEN_REFUSED',
          `Cannot listen on ${host}, port ${port}: ${cause.message}. Choose another port.`,
          { cause },
        ),
      );
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** The URL of a server that is bound to `host`. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Closes a server without cutting off its responses. Must be made before the server is bound. */
export class GentleClose {
  private readonly connections = new Set<Socket>();

  constructor(private readonly server: Server) {
    server.on('connection', (connection: Socket) => {
      this.connections.add(connection);
      connection.once('close', () => this.connections.delete(connection));
    });
  }

  /**
   * Accepts no new connections, has `endResponses` end the pending responses, and ends the connections once their clients
   * have read everything, after `grace` milliseconds at the latest. Resolves with the number of connections that were cut.
   */
  async close(grace: number, clock: Clock, endResponses?: () => Promise<void>): Promise<number> {
    // Not the server's own `close`, which destroys connections whose responses have ended but are not all sent.
    NetServer.prototype.close.call(this.server);
    const read = Promise.resolve(endResponses?.()).then(() => this.read());
    try {
      await settlesWithin(read, grace, clock);
      return this.unread.length;
    } finally {
      this.server.close();
      this.server.closeAllConnections();
    }
  }

  private get unread(): Socket[] {
    return [...this.connections].filter(({ writableLength }) => writableLength > 0);
  }

  /** Resolves when no client has anything left to read. */
  private async read(): Promise<void> {
    await turn();
    while (this.unread.length > 0) {
      await Promise.all(this.unread.map(flushed));
      await turn();
    }
  }
}

/** Long enough for a response that has ended to reach its socket, and for the next chunk once there is room. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Writes a web response to Node.js. A client that goes away cancels its body. */
export async function writeReply({ response, onEnd, onTaken }: HttpReply, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let dropped = false;
  const onClose = (): void => {
    dropped = true;
    void reader.cancel().catch(() => undefined);
  };
  // A response that waits for an earlier one on the same connection gets no event when the connection is gone. Node.js
  // detaches the connection of a request whose body was not read to its end.
  const connection = outgoing.req.socket as Socket | null;
  // The client may have gone before there was anything to write.
  if (outgoing.destroyed || connection?.destroyed === true) onClose();
  else connection?.once('close', onClose);
  // A short response leaves in one packet; the head of a stream does not wait for its first message.
  const flush = setImmediate(() => outgoing.flushHeaders());
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (!outgoing.write(next.value)) await drained(outgoing, connection);
      onTaken?.(next.value.length);
    }
  } finally {
    clearImmediate(flush);
    connection?.off('close', onClose);
    onEnd?.(dropped);
    outgoing.end();
  }
}

function drained(outgoing: ServerResponse, connection: Socket | null): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off('drain', done);
      connection?.off('close', done);
      resolve();
    };
    if (connection?.destroyed === true) return resolve();
    outgoing.once('drain', done);
    connection?.once('close', done);
  });
}
