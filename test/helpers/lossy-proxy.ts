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
  ) {}

  /** A proxy before the server of the URL. */
  static async open(to: string): Promise<LossyProxy> {
    const { hostname, port, protocol } = new URL(to);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new LossyProxy(server, `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('connection', (client) => proxy.carry(client, connect(Number(port), hostname)));
    return proxy;
  }

  /** The next thing sent that contains the text gets no reply: its connection breaks when the reply comes. */
  loseReplyTo(text: string): void {
    this.awaited = text;
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
