import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A reply that is kept back. */
export interface HeldReply {
  /** Resolves once the server has answered. */
  readonly answered: Promise<void>;
  /** Lets it go, and whatever has come behind it. */
  release(): void;
}

interface Hold {
  readonly text: string;
  readonly answered: () => void;
  /** What has come, to be sent on; undefined once it was released. */
  kept: (() => void)[] | undefined;
}

/** Stands between a client and a server, and loses or keeps replies on demand: what was sent arrives, what comes back does not. */
export class LossyProxy {
  /** How many replies were lost. */
  lost = 0;
  private readonly sockets = new Set<Socket>();
  private awaited: string | undefined;
  private hold: Hold | undefined;

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

  /** The next thing sent that contains the text gets its reply later. */
  holdReplyTo(text: string): HeldReply {
    let answered = (): void => undefined;
    const answer = new Promise<void>((resolve) => (answered = resolve));
    const hold: Hold = { text, answered, kept: [] };
    this.hold = hold;
    return {
      answered: answer,
      release: () => {
        if (this.hold === hold) this.hold = undefined;
        const kept = hold.kept ?? [];
        hold.kept = undefined;
        for (const send of kept) send();
      },
    };
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
    let holding: Hold | undefined;
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
      if (this.hold !== undefined && data.includes(this.hold.text)) {
        holding = this.hold;
        this.hold = undefined;
      }
      server.write(data);
    });
    server.on('data', (data) => {
      if (!losing) {
        const send = (): void => void client.write(data);
        if (holding?.kept) holding.kept.push(send);
        else send();
        holding?.answered();
        return;
      }
      this.lost++;
      client.destroy();
    });
  }
}
