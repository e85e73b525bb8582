import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import type { Transport } from '../../protocol/transport.js';
import { wordsOf } from './command-line.js';
import { watchStreams } from './http-streams.js';
import type { Target } from './link.js';

/** A server in this process: any object that can connect a transport. */
export interface ConnectableServer {
  /** Serves one client over the transport. */
  connect(transport: Transport): Promise<void>;
}

/** A server to start in its own process and talk to over stdin and stdout. Its stderr goes to that of this process. */
export interface ServerCommand {
  /** The program to run. */
  readonly command: string;
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /**
   * Variables that the process gets in addition to a few harmless ones of the current environment, such as `PATH` and
   * `HOME`. Nothing else is passed on, since it may be secret. That includes `ERRAND_DOCKET_URL`: if it is set here and
   * not in `env`, a process warning with the code `ERRAND_DOCKET_URL` says so.
   */
  readonly env?: Record<string, string>;
  /** Working directory of the process. Default: the current one. */
  readonly cwd?: string;
}

/** Makes a transport that has not been started. It is called again when the server has lost the session. */
export type TransportFactory = () => Transport | Promise<Transport>;

/** A server that `connect` can reach. */
export type ConnectTarget = ConnectableServer | ServerCommand | Transport | TransportFactory | URL | string;

/** The most characters of the stderr of a process that an error quotes, from its end. */
const longestLastWords = 2_000;

/** The name of the variable that a server needs in order to work on the docket of this process. */
const docketUrl = 'ERRAND_DOCKET_URL';

const nothingMore = { isRenewable: false, isWatched: false, isProcess: false, lastWords: () => '' };

/**
 * Understands what `connect` was given. Starts nothing.
 *
 * @throws {ErrandError} `CONNECT_TARGET`
 */
export function targetOf(target: unknown): Target {
  if (target instanceof URL) return httpTarget(target);
  if (typeof target === 'string') {
    if (/^https?:\/\//i.test(target) && URL.canParse(target)) return httpTarget(new URL(target));
    const [command, ...args] = wordsOf(target);
    if (command !== undefined && command !== '' && !command.includes('://')) return processTarget({ command, args });
  } else if (typeof target === 'function' && !isClass(target)) {
    const make = target as TransportFactory;
    return { ...nothingMore, where: 'the server', isRenewable: true, open: async () => make() };
  } else if (isServer(target)) {
    return { ...nothingMore, where: 'the server', open: () => inMemoryTransport(target) };
  } else if (isCommand(target)) {
    return processTarget(target);
  } else if (isTransport(target)) {
    return { ...nothingMore, where: 'the server', open: () => Promise.resolve(target) };
  }
  throw new ErrandError(
    'CONNECT_TARGET',
    `connect was given ${typeof target === 'string' ? JSON.stringify(target) : `a ${typeof target}`}. Pass a server, an http:// or https:// URL, or a command such as { command: 'node', args: ['server.js'] }.`,
  );
}

function httpTarget(url: URL): Target {
  if (url.username !== '' || url.password !== '') {
    throw new ErrandError(
      'CONNECT_TARGET',
      `connect was given a URL of ${url.host} with a user or password, which are not sent. Pass a function that makes a StreamableHTTPClientTransport with the headers that the server needs.`,
    );
  }
  return {
    ...nothingMore,
    // The query may contain a token.
    where: url.origin + url.pathname,
    isRenewable: true,
    isWatched: true,
    open: async (streams) => {
      const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
      return new StreamableHTTPClientTransport(url, { fetch: watchStreams(streams) });
    },
  };
}

function processTarget({ command, args = [], env, cwd }: ServerCommand): Target {
  const name = nameOf(command, args);
  let tail = '';
  return {
    ...nothingMore,
    where: `the server's command (${name})`,
    isProcess: true,
    lastWords: () => (tail.trim() === '' ? '' : ` It wrote to stderr: ${printable(tail).trim()}`),
    open: async () => {
      warnOfDocketUrl(name, env);
      const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
      const transport = new StdioClientTransport({
        command,
        args: [...args],
        stderr: 'pipe',
        ...(env && { env }),
        ...(cwd !== undefined && { cwd }),
      });
      transport.stderr?.on('data', (chunk: Buffer) => {
        process.stderr.write(chunk);
        tail = (tail + chunk.toString()).slice(-longestLastWords);
      });
      return transport;
    },
  };
}

async function inMemoryTransport(server: ConnectableServer): Promise<Transport> {
  const { InMemoryTransport } = await import('@modelcontextprotocol/sdk/inMemory.js');
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  return ours;
}

function warnOfDocketUrl(command: string, env: ServerCommand['env']): void {
  if (process.env[docketUrl] === undefined || env?.[docketUrl] !== undefined) return;
  process.emitWarning(
    `${docketUrl} is set here but not passed on to the command that connect() starts (${command}). A server of Errand that is to work on that docket needs it in env.`,
    { code: docketUrl },
  );
}

/** The program with its first arguments, up to the first that may be secret. */
function nameOf(command: string, args: readonly string[]): string {
  const end = args.findIndex((word) => /^-|=|:\/\//.test(word));
  return shown([command, ...args.slice(0, end < 0 ? 2 : Math.min(end, 2))].join(' '));
}

/** Text of another process, without the control characters that could change a terminal. */

const printable = (text: string): string =>
  text.replace(/\x1b\[[\d;]*[A-Za-z]/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '');

const isClass = (value: object): boolean => /^class\b/.test(Function.prototype.toString.call(value));

const isServer = (target: unknown): target is ConnectableServer =>
  typeof target === 'object' && target !== null && 'connect' in target && typeof target.connect === 'function';

const isCommand = (target: unknown): target is ServerCommand =>
  typeof target === 'object' && target !== null && 'command' in target && typeof target.command === 'string';

const isTransport = (target: unknown): target is Transport =>
  typeof target === 'object' && target !== null && 'start' in target && 'send' in target;
