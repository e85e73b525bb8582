import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** Stands between a client and a server, and loses replies on demand: what was sent arrives, what comes back does not. */
export class LossyProxy {
  /** How many replies were lost. */
  lost = 0;
  private readonly sockets = new Set<Socket>();
  private awaited: string | undefined;

  private constructor(
    private readonly server: Server,
    /** Where clients connect to instead. */
    readonly url: string,
    /** The server before which it stands. */
    private to: string,
  ) {}

  /** A proxy before the server of the URL. */
  static async open(to: string): Promise<LossyProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `${new URL(to).protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`;
    const proxy = new LossyProxy(server, url, to);
    server.on('connection', (client) => {
      const { hostname, port } = new URL(proxy.to);
      proxy.carry(client, connect(Number(port), hostname));
    });
    return proxy;
  }

  /** The next thing sent that contains the text gets no reply: its connection breaks when the reply comes. */
  loseReplyTo(text: string): void {
    this.awaited = text;
  }

  /** Whoever connects from now on is brought to another server. Connections that stand stay where they are. */
  leadTo(other: string): void {
    this.to = other;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private carry(client: Socket, server: Socket): void {
    let losing = false;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => {
      if (this.awaited !== undefined && data.includes(this.awaited)) {
        this.awaited = undefined;
        losing = true;
      }
      server.write(data);
    });
    server.on('data', (data) => {
      if (!losing) {
        client.write(data);
        return;
      }
      this.lost++;
      client.destroy();
    });
  }
}
