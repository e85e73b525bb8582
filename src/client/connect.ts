import { isNativeError } from 'node:util/types';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { longestTimer } from '../base/clock.js';
import { ErrandError } from '../base/errors.js';
import { Client, type ClientOf } from './client.js';
import { toClientError } from './connection/client-errors.js';
import type { Target } from './connection/link.js';
import { targetOf, type ConnectableServer, type ConnectTarget } from './connection/targets.js';
import type { ConnectOptions } from './options.js';

/** Default of {@link ConnectOptions.timeout}, in milliseconds. */
const defaultTimeout = 60_000;

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
 * If the server loses the session (HTTP 404), the client begins a new one and finds its tasks again. It sends a request
 * again that the server refused for that reason. If an answer is lost with its stream, it repeats reads, lists and calls
 * of tools that say they are read-only or idempotent (`annotations`); any other request fails with `CONNECTION_LOST`.
 *
 * Whatever the client throws is an {@link ErrandError}. `REQUEST_FAILED` has the server's error as its `cause`, with the
 * code of JSON-RPC in `data.code`.
 *
 * @param target - a server, an `http(s)://` URL, a command and its arguments (as an object, or as one string in which
 * quotes keep spaces), a transport that has not been started, or a function that makes one for each session
 * @throws {ErrandError} `CONNECT_TARGET` for anything else; `CONNECT_FAILED` if no server answers in time, or the command
 * cannot be started or ends: the message has the end of what it wrote to stderr. If `signal` aborts, its reason.
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
  options: ConnectOptions = {},
): Promise<ClientOf<Server>> {
  const { timeout = defaultTimeout, signal, ...clientOptions } = options;
  if (!(timeout > 0)) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `connect was given the timeout ${timeout}. Pass milliseconds, more than 0.`,
    );
  }
  signal?.throwIfAborted();
  const to = targetOf(target);
  const client = new Client(to, clientOptions);
  const attempt = new AbortController();
  const abort = (): void => attempt.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const giveUp = (): void => attempt.abort(tooLate(to, client.missing, timeout));
  const timer = timeout <= longestTimer ? setTimeout(giveUp, timeout) : undefined;
  try {
    return (await client.open(attempt.signal)) as ClientOf<Server>;
  } catch (error) {
    if (attempt.signal.aborted) throw attempt.signal.reason;
    throw failed(to, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

/** Says which step of connecting failed, where, and what to do about it. */
function failed(to: Target, thrown: unknown): unknown {
  // A server in this process says itself why it takes no client.
  if (ErrandError.is(thrown)) return thrown;
  if (isNativeError(thrown) && 'syscall' in thrown && String(thrown.syscall).startsWith('spawn')) {
    return failure(
      `The server's command could not be started: ${thrown.message}. Pass a program on the PATH, or its full path.`,
      thrown,
    );
  }
  const isEnded = thrown instanceof McpError && !ErrandError.is(thrown.data) && thrown.code === closedCode;
  if (isEnded) return failure(`${sentence(to.where)} ended before it answered initialize.${to.lastWords()}`, thrown);
  const { code, message, data, cause } = toClientError(thrown, 'initialize', to);
  if (code === 'CONNECTION_LOST' && data === undefined) {
    const advice = to.isRenewable ? ' Start one there, or pass the URL that it listens on, including the path.' : '';
    return failure(`${message}${advice}`, cause);
  }
  const advice = wrongPath.includes(data?.status)
    ? ' Pass the URL that the server listens on, including the path.'
    : '';
  return new ErrandError('CONNECT_FAILED', `No session could be begun: ${message}${advice}`, {
    cause,
    ...(data !== undefined && { data }),
  });
}

const closedCode: number = ErrorCode.ConnectionClosed;

/** HTTP statuses of a server that does not speak MCP at this path. */
const wrongPath: readonly unknown[] = [404, 405];

const tooLate = ({ where, lastWords }: Target, missing: string, timeout: number): ErrandError =>
  failure(`${sentence(where)} did not ${missing} within ${timeout} ms.${lastWords()}`);

const failure = (message: string, cause?: unknown): ErrandError =>
  new ErrandError('CONNECT_FAILED', message, { cause });

/** The same words at the beginning of a sentence. A URL stays as it is. */
const sentence = (where: string): string => (where.startsWith('the ') ? `T${where.slice(1)}` : where);
