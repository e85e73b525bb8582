import { isNativeError } from 'node:util/types';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Transport } from '../protocol/transport.js';
import { Client, type ClientOf } from './client.js';
import type { ClientOptions } from './options.js';

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

/** What `connect` takes. */
export type ConnectTarget = ConnectableServer | ServerCommand | Transport | URL | string;

/**
 * Connects a client to a server: one in this process, one at a URL (Streamable HTTP), one that a command starts (stdio),
 * or whoever is at the other end of a transport of the MCP SDK.
 *
 * The client's tools are typed as far as the type of the server tells: for a server in this process by itself, else by
 * `connect<typeof server>(…)`. What `defineTool` made is known fully: names, arguments as they travel, and structured
 * content where there is an `output`. Of a class only its methods are known, not the options of their decorators: a
 * method's name stands for the tool's, its first parameter (unless it is injected) for the arguments, of which none is
 * demanded since its schema may have defaults, and the structured content stays unknown; as a tool may have another name,
 * every name is allowed where a server has a class. Where the parameter is not what travels, because it is an object of
 * `@param` or the schema transforms it, `callTool(name as string, …)` allows all arguments. `ErrandServer` alone says
 * nothing of its tools, so `connect(server as ErrandServer)` allows everything.
 *
 * @param target - a server, an `http(s)://` URL, a command with its arguments, both in one string divided by spaces, or
 * a transport that has not been started
 * @throws {ErrandError} `CONNECT_TARGET` for anything else, `CONNECT_FAILED` where nobody answers at a URL or a command
 * cannot be started.
 *
 * @example
 * ```ts
 * import { createServer, defineTool } from 'errand';
 * import { connect } from 'errand/client';
 * import { z } from 'zod';
 *
 * const add = defineTool({
 *   name: 'add',
 *   input: z.object({ one: z.number(), other: z.number() }),
 *   output: z.object({ sum: z.number() }),
 *   run: ({ one, other }) => ({ sum: one + other }),
 * });
 * const server = createServer({ name: 'numbers', version: '1.0.0', components: [add] });
 *
 * const client = await connect(server);
 * const { structuredContent } = await client.callTool('add', { one: 1, other: 2 });
 * const sum: number | undefined = structuredContent?.sum;
 * await client.close();
 * await server.close();
 * ```
 */
export async function connect<Server extends ConnectableServer = ConnectableServer>(
  target: Server | ConnectTarget,
  options: ClientOptions = {},
): Promise<ClientOf<Server>> {
  const transport = await transportTo(target);
  try {
    return (await new Client(options).open(transport)) as ClientOf<Server>;
  } catch (error) {
    throw notReached(target, error) ?? error;
  }
}

/** What the system says of an address or a command, in words that name it. What a server says is thrown as it is. */
function notReached(target: unknown, error: unknown): ErrandError | undefined {
  if (!isNativeError(error)) return undefined;
  const { cause } = error;
  if (error.name === 'TypeError' && isNativeError(cause)) {
    // The way of fetch to say that there was no answer. Where several addresses were tried, each has its reason.
    const reasons = 'errors' in cause && Array.isArray(cause.errors) ? (cause.errors as unknown[]) : [cause];
    const why = [...new Set(reasons.map(messageOf))].join(', ');
    return new ErrandError(
      'CONNECT_FAILED',
      `No server answers at ${shownUrl(String(target))}: ${why}. Start it there, or give the URL that it listens on, with its path.`,
      { cause: error },
    );
  }
  if (!('syscall' in error) || !String(error.syscall).startsWith('spawn')) return undefined;
  return new ErrandError(
    'CONNECT_FAILED',
    `The command of the server could not be started: ${error.message}. Give a program of the PATH, or its whole path.`,
    { cause: error },
  );
}

/** A URL may carry a token behind its question mark. */
function shownUrl(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname;
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
  } else if (isTransport(target)) {
    return target;
  }
  throw new ErrandError(
    'CONNECT_TARGET',
    `connect was given ${typeof target === 'string' ? JSON.stringify(target) : `a ${typeof target}`}. Give a server, an http:// or https:// URL, or a command such as { command: 'node', args: ['server.js'] }.`,
  );
}

async function httpTransport(url: URL): Promise<Transport> {
  if (url.username !== '' || url.password !== '') {
    throw new ErrandError(
      'CONNECT_TARGET',
      `connect was given a URL of ${url.host} with a user or a password, which are not sent. Give a StreamableHTTPClientTransport with the headers that the server wants.`,
    );
  }
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

const isTransport = (target: unknown): target is Transport =>
  typeof target === 'object' && target !== null && 'start' in target && 'send' in target;
