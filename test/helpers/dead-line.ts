import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One connection through the line. */
interface Carried {
  readonly sockets: readonly [client: Socket, server: Socket];
  isDead: boolean;
}

/**
 * A line to a server that goes dead as behind a middlebox that has forgotten its connections: the sockets stay open and take
 * every byte, and nothing arrives, in neither direction. No error and no end tells either side.
 */
export class DeadLine {
  /** How many connections were made so far. */
  opened = 0;
  private readonly carried = new Set<Carried>();
  private isDown = false;

  private constructor(
    private readonly server: Server,
    /** Where clients connect to instead. */
    readonly url: string,
    readonly port: number,
  ) {}

  static async open(to: string): Promise<DeadLine> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const line = new DeadLine(server, `${new URL(to).protocol}//127.0.0.1:${port}`, port);
    server.on('connection', (client) => {
      const { hostname, port } = new URL(to);
      line.carry(client, connect({ host: hostname, port: Number(port), allowHalfOpen: true }));
    });
    return line;
  }

  /** Lets all present connections go dead. New ones go through. */
  forget(): void {
    for (const each of this.carried) each.isDead = true;
  }

  /** Lets all present and new connections go dead. */
  cut(): void {
    this.isDown = true;
    this.forget();
  }

  /** Lets new connections through again. Dead ones stay dead. */
  heal(): void {
    this.isDown = false;
  }

  /** How many connections carry what is sent. */
  get live(): number {
    return [...this.carried].filter(({ isDead }) => !isDead).length;
  }

  async close(): Promise<void> {
    for (const { sockets } of this.carried) for (const socket of sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private carry(client: Socket, server: Socket): void {
    const carried: Carried = { sockets: [client, server], isDead: this.isDown };
    this.opened++;
    this.carried.add(carried);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (data) => {
        if (!carried.isDead) to.write(data);
      });
      from.on('end', () => {
        if (!carried.isDead) to.end();
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        if (!carried.isDead) to.destroy();
        if (client.destroyed && (server.destroyed || carried.isDead)) {
          server.destroy();
          this.carried.delete(carried);
        }
      });
    }
  }
}
