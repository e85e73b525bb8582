import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.js';
import { settlesWithin } from '../../base/disposal.js';
import { ErrandError } from '../../base/errors.js';
import { flushed } from '../../base/flushed.js';
import type { HttpReply } from './http-exchange.js';

/**
 * Binds a server, and gives its port.
 *
 * @throws {ErrandError} `LISTEN_REFUSED` with the error of Node as its cause.
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

/** The URL of a server that is bound to an address. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Closes a server without cutting what it has answered. Made before the server is bound. */
export class GentleClose {
  private readonly connections = new Set<Socket>();

  constructor(private readonly server: Server) {
    server.on('connection', (connection: Socket) => {
      this.connections.add(connection);
      connection.once('close', () => this.connections.delete(connection));
    });
  }

  /**
   * Takes no new connection, has `endAnswers` end those that are under way, and ends the connections once their clients
   * have read them, after `grace` milliseconds at the latest. Gives how many connections were cut then.
   */
  async close(grace: number, clock: Clock, endAnswers?: () => Promise<void>): Promise<number> {
    // Not the server's own `close`, which destroys connections whose answers have ended but are not all sent.
    NetServer.prototype.close.call(this.server);
    const read = Promise.resolve(endAnswers?.()).then(() => this.read());
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

/** Long enough for what has ended to get to its socket, and for the next piece once there is room for it. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hands a web response to Node; a client that goes away cancels the body. */
export async function writeReply({ response, headers, onEnd }: HttpReply, outgoing: ServerResponse): Promise<void> {
  if (headers !== undefined) outgoing.setHeaders(new Map(Object.entries(headers)));
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
  // An answer that waits for the one before it on the same connection is not told that this is gone. The host lets go of
  // the connection of a body that it did not read to its end.
  const connection = outgoing.req.socket as Socket | null;
  // It may have gone before there was anything to write.
  if (outgoing.destroyed || connection?.destroyed === true) onClose();
  else connection?.once('close', onClose);
  // A short answer leaves in one packet; the head of a long one does not wait for its first message.
  const flush = setImmediate(() => outgoing.flushHeaders());
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (!outgoing.write(next.value)) await drained(outgoing, connection);
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
