import { ErrandError } from '../base/errors.js';
import type { Transport } from '../protocol/types.js';
import { Client, type ClientOptions } from './client.js';

/** A server in this process: anything that connects a transport. */
export interface ConnectableServer {
  /** Serves one client over the transport. */
  connect(transport: Transport): Promise<void>;
}

/** A server in a process of its own, spoken to over its stdin and stdout. */
export interface ServerCommand {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args?: readonly string[];
  /** Its environment. Default: a few harmless variables of this one. */
  readonly env?: Record<string, string>;
  /** The folder it starts in. Default: this one. */
  readonly cwd?: string;
}

/**
 * Connects a client to a server: one in this process, one at a URL (Streamable HTTP), or one that a command starts
 * (stdio).
 *
 * @param target - a server, an `http(s)://` URL, a command with its arguments, or both in one string divided by spaces
 * @throws {ErrandError} `CONNECT_TARGET` for anything else.
 *
 * @example
 * ```ts
 * import { createServer, tool } from 'errand';
 * import { connect } from 'errand/client';
 *
 * class Greetings {
 *   @tool()
 *   hello() {
 *     return 'Hello!';
 *   }
 * }
 *
 * const server = createServer({ name: 'greetings', version: '1.0.0', components: [Greetings] });
 * const client = await connect(server);
 * const { content } = await client.callTool('hello');
 * await client.close();
 * await server.close();
 * ```
 */
export async function connect(
  target: ConnectableServer | ServerCommand | URL | string,
  options: ClientOptions = {},
): Promise<Client> {
  return new Client(options).open(await transportTo(target));
}

async function transportTo(target: unknown): Promise<Transport> {
  if (target instanceof URL) return httpTransport(target);
  if (typeof target === 'string') {
    if (/^https?:\/\//i.test(target) && URL.canParse(target)) return httpTransport(new URL(target));
    const [command, ...args] = target.split(' ').filter((word) => word !== '');
    if (command !== undefined && !command.includes('://')) return stdioTransport({ command, args });
  } else if (isServer(target)) {
    const { InMemoryTransport } = await import('@modelcontextprotocol/sdk/inMemory.js');
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await target.connect(theirs);
    return ours;
  } else if (isCommand(target)) {
    return stdioTransport(target);
  }
  throw new ErrandError(
    'CONNECT_TARGET',
    `connect was given ${typeof target === 'string' ? JSON.stringify(target) : `a ${typeof target}`}. Give a server, an http:// or https:// URL, or a command such as { command: 'node', args: ['server.js'] }.`,
  );
}

async function httpTransport(url: URL): Promise<Transport> {
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  return new StreamableHTTPClientTransport(url);
}

async function stdioTransport({ command, args = [], env, cwd }: ServerCommand): Promise<Transport> {
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  return new StdioClientTransport({ command, args: [...args], ...(env && { env }), ...(cwd !== undefined && { cwd }) });
}

const isServer = (target: unknown): target is ConnectableServer =>
  typeof target === 'object' && target !== null && 'connect' in target && typeof target.connect === 'function';

const isCommand = (target: unknown): target is ServerCommand =>
  typeof target === 'object' && target !== null && 'command' in target && typeof target.command === 'string';
