import { isNativeError } from 'node:util/types';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Transport } from '../protocol/transport.js';
import { Client, type ClientOf } from './client.js';
import type { ClientOptions } from './options.js';

/** A server in this process: any object that can connect a transport. */
export interface ConnectableServer {
  /** Serves one client over the transport. */
  connect(transport: Transport): Promise<void>;
}

/** A server to start in its own process and talk to over stdin and stdout. */
export interface ServerCommand {
  /** The program to run. */
  readonly command: string;
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** Environment of the process. Default: a few harmless variables of the current environment. */
  readonly env?: Record<string, string>;
  /** Working directory of the process. Default: the current one. */
  readonly cwd?: string;
}

/** A server that `connect` can reach. */
export type ConnectTarget = ConnectableServer | ServerCommand | Transport | URL | string;

/**
 * Connects a client to a server: one in this process, one at a URL (Streamable HTTP), one started by a command (stdio), or
 * one at the other end of an MCP SDK transport.
 *
 * The server's type determines how the client's tools are typed. A server in this process brings its own type; for any
 * other, write `connect<typeof server>(…)`.
 *
 * - Tools made by `defineTool` are fully typed: names, arguments as sent, and structured content if there is an `output`.
 * - For a class, TypeScript sees the methods but not the options of their decorators. The method's name stands for the
 *   tool's, and its first parameter (unless injected) for the arguments. No argument is required, since the schema may have
 *   defaults; structured content is `unknown`. Because a tool may have another name, every name is allowed.
 * - If a method's parameter differs from what is sent (`@param`, or a schema that transforms), `callTool(name as string, …)`
 *   accepts any arguments.
 * - The plain type `ErrandServer` names no tools, so `connect(server as ErrandServer)` accepts everything.
 *
 * @param target - a server, an `http(s)://` URL, a command and its arguments (as an object, or as one string separated by
 * spaces), or a transport that has not been started
 * @throws {ErrandError} `CONNECT_TARGET` for anything else; `CONNECT_FAILED` if no server answers at the URL or the command
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
    throw unreachable(target, error) ?? error;
  }
}

/** Names the address or command in an error of the operating system. Undefined for an error that the server itself sent. */
function unreachable(target: unknown, error: unknown): ErrandError | undefined {
  if (!isNativeError(error)) return undefined;
  const { cause } = error;
  if (error.name === 'TypeError' && isNativeError(cause)) {
    // This is how fetch reports that there was no answer. If it tried several addresses, each has its own reason.
    const reasons = 'errors' in cause && Array.isArray(cause.errors) ? (cause.errors as unknown[]) : [cause];
    const why = [...new Set(reasons.map(messageOf))].join(', ');
    return new ErrandError(
      'CONNECT_FAILED',
      `No server answers at ${shownUrl(String(target))}: ${why}. Start one there, or pass the URL that it listens on, including the path.`,
      { cause: error },
    );
  }
  if (!('syscall' in error) || !String(error.syscall).startsWith('spawn')) return undefined;
  return new ErrandError(
    'CONNECT_FAILED',
    `The server's command could not be started: ${error.message}. Pass a program on the PATH, or its full path.`,
    { cause: error },
  );
}

/** The query of a URL may contain a token. */
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
    `connect was given ${typeof target === 'string' ? JSON.stringify(target) : `a ${typeof target}`}. Pass a server, an http:// or https:// URL, or a command such as { command: 'node', args: ['server.js'] }.`,
  );
}

async function httpTransport(url: URL): Promise<Transport> {
  if (url.username !== '' || url.password !== '') {
    throw new ErrandError(
      'CONNECT_TARGET',
      `connect was given a URL of ${url.host} with a user or password, which are not sent. Pass a StreamableHTTPClientTransport with the headers that the server needs.`,
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
