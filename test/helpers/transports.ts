import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ElicitRequestSchema,
  type ElicitRequestFormParams,
  type ElicitResult,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';
import type { ErrandServer } from '../../src/server/create-server.js';
import { asBuilt, cli, fixtureFile } from './child.js';

/** What a test sees of a question: what is asked, and a signal that the server aborts when it closes the prompt. */
export type Answering = (params: ElicitRequestFormParams, signal: AbortSignal) => ElicitResult | Promise<ElicitResult>;

/** How a stock client differs from one that only calls. */
export interface PeerOptions {
  /** What the user does when asked. Without it the client does not declare that it can elicit. */
  readonly answer?: Answering;
  /** Stands between the client and the network, to drop streams. HTTP only. */
  readonly fetch?: typeof fetch;
}

/** A stock client that is connected, with what it received. */
export interface Peer extends AsyncDisposable {
  readonly client: Client;
  /** All messages from the server after the handshake, in the order in which they came. */
  readonly received: JSONRPCMessage[];
}

/** Connects a stock client. Whoever opened the transport's other end closes it. */
async function connect(transport: Transport, { answer }: PeerOptions): Promise<Peer> {
  const client = new Client(
    { name: 'stock', version: '1.0.0' },
    { capabilities: answer === undefined ? {} : { elicitation: {} } },
  );
  if (answer !== undefined) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }, { signal }) =>
      answer(params as ElicitRequestFormParams, signal),
    );
  }
  await client.connect(transport);
  return { client, received: receivedFrom(transport), [Symbol.asyncDispose]: () => client.close() };
}

/** All messages that come from now on over the transport of a client that is connected. */
export function receivedFrom(transport: Transport): JSONRPCMessage[] {
  const received: JSONRPCMessage[] = [];
  const receive = transport.onmessage!;
  transport.onmessage = (message, extra) => {
    received.push(message);
    receive(message, extra);
  };
  return received;
}

/** A client in the same process as the server, which stays open when the client is disposed. */
export async function connectInMemory(server: ErrandServer, options: PeerOptions = {}): Promise<Peer> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  return connect(near, options);
}

/** A client of a server that listens. It resolves once its standalone stream is open. */
export async function connectHttp(url: string, options: PeerOptions = {}): Promise<Peer> {
  let opened = (): void => undefined;
  const standalone = new Promise<void>((resolve) => (opened = resolve));
  const through = options.fetch ?? fetch;
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: async (input, init) => {
      const response = await through(input, init);
      if (init?.method === 'GET') opened();
      return response;
    },
  });
  const peer = await connect(transport, options);
  await standalone;
  return peer;
}

/** The transports on which the same must hold. */
export type Wire = 'in memory' | 'http' | 'stdio';

/** Every {@link Wire}, for `describe.each`. */
export const wires: readonly Wire[] = ['in memory', 'http', 'stdio'];

/** Opens a server of `test/e2e/fixtures` over a transport. Disposing closes the client, then the server. */
export async function openFixture(wire: Wire, fixture: string, options: PeerOptions = {}): Promise<Peer> {
  if (wire === 'stdio') {
    return connect(new StdioClientTransport({ ...fixtureCommand(fixture), stderr: 'inherit' }), options);
  }
  const server = await fixtureServer(fixture);
  const peer =
    wire === 'http' ? await connectHttp((await server.listen()).url, options) : await connectInMemory(server, options);
  return {
    ...peer,
    [Symbol.asyncDispose]: async () => {
      await peer.client.close();
      await server.close();
    },
  };
}

/** A server of `test/e2e/fixtures` in this process. */
export async function fixtureServer(fixture: string): Promise<ErrandServer> {
  const { default: makeServer } = (await import(fixtureFile(`${fixture}.ts`))) as { default: () => ErrandServer };
  return makeServer();
}

/** The command that serves it over stdio. */
export function fixtureCommand(fixture: string): { command: string; args: string[]; env: Record<string, string> } {
  return { command: process.execPath, args: [cli, 'run', fixtureFile(`${fixture}.ts`)], env: asBuilt };
}
