import { isNativeError } from 'node:util/types';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { ErrandError, messageOf } from '../../base/errors.js';
import { describeIssues } from '../../base/issues.js';
import { shown } from '../../base/shown.js';
import { toWireError } from '../../protocol/errors.js';

/** The most characters of a server's own words in a message. */
const longestQuote = 1_000;

/** HTTP statuses with which a gateway says that it does not reach the server, or that the server is overloaded. */
const unreachableStatuses: readonly number[] = [502, 503, 504];

/** Where a request was sent, for messages. */
export interface Recipient {
  /** A URL without its query, a command, or other words for the server. */
  readonly where: string;
  /** What the server's process has written to stderr, in a sentence of its own; empty if nothing is known. */
  readonly lastWords: () => string;
}

/** The error of everything that is asked of a client after its `close()`. */
export const clientClosed = (): ErrandError =>
  new ErrandError('CLIENT_CLOSED', 'This client is closed. Connect again with connect().');

/** The error of everything that still waits, and of all later requests, once the server has ended the connection. */
export const connectionEnded = ({ where, lastWords }: Recipient): ErrandError =>
  new ErrandError(
    'CONNECTION_LOST',
    `The connection to ${where} has ended. Connect again with connect().${lastWords()}`,
  );

/** The server has lost the session, and no new one could be begun. */
export const sessionLost = ({ where }: Recipient, wayOut: string, cause?: unknown): ErrandError =>
  new ErrandError('SESSION_LOST', `${where} no longer has the session of this client. ${wayOut}`, { cause });

/** The stream that would have carried an answer is gone. */
export const streamLost = ({ where }: Recipient, method: string): ErrandError =>
  new ErrandError(
    'CONNECTION_LOST',
    `The connection to ${where} broke before ${method} was answered. The server may have carried it out: check that before you repeat it.`,
  );

/** The time for an answer is over. */
export const requestTimedOut = ({ where }: Recipient, method: string, timeout: number): ErrandError =>
  new ErrandError('WAIT_TIMED_OUT', `Request timed out: ${where} did not answer ${method} within ${timeout} ms.`);

/** Turns whatever a request failed with into an error of ours. The original is its `cause`. */
export function toClientError(error: unknown, method: string, to: Recipient): ErrandError {
  if (ErrandError.is(error)) return error;
  if (error instanceof McpError) return ErrandError.is(error.data) ? error.data : answeredWith(error, method);
  if (error instanceof z.core.$ZodError) return invalidResponse(error, method);
  const status = httpStatusOf(error);
  if (status !== undefined) return refusedWith(status, error, method, to);
  return notReached(error, to) ?? refusedLocally(error, method);
}

/** Parses what a server answered. */
export function parseResponse<T>(schema: z.ZodType<T>, answer: unknown, method: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw invalidResponse(parsed.error, method);
}

/** How an error of the operating system says that nobody answers; undefined for any other error. */
export function notReached(error: unknown, { where, lastWords }: Recipient): ErrandError | undefined {
  if (!isNativeError(error)) return undefined;
  const { cause } = error;
  // This is how fetch reports that there was no answer. If it tried several addresses, each has its own reason.
  if (error.name === 'TypeError' && isNativeError(cause)) {
    const reasons = 'errors' in cause && Array.isArray(cause.errors) ? (cause.errors as unknown[]) : [cause];
    const why = [...new Set(reasons.map(messageOf))].join(', ');
    return new ErrandError('CONNECTION_LOST', `No server answers at ${where}: ${why}.`, { cause: error });
  }
  if (!('syscall' in error) && error.message !== 'Not connected') return undefined;
  return new ErrandError('CONNECTION_LOST', `${where} cannot be reached: ${error.message}.${lastWords()}`, {
    cause: error,
  });
}

/** The HTTP status in an error of the SDK's transport. */
export function httpStatusOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && typeof code === 'number' && code >= 300 && code < 600 ? code : undefined;
}

/** Whether the server itself answered the request with an error, which it would do again. */
export function isAnswer(error: unknown): boolean {
  return rpcCodeOf(error) !== undefined;
}

/** Whether the server does not know the task, or no longer does. */
export function isUnknownTask(error: unknown): boolean {
  return rpcCodeOf(error) === (ErrorCode.InvalidParams as number);
}

/** The code of the JSON-RPC error with which a server answered. */
export function rpcCodeOf(error: unknown): number | undefined {
  return ErrandError.is(error, 'REQUEST_FAILED') ? error.data?.code : undefined;
}

function answeredWith(error: McpError, method: string): ErrandError {
  const { code } = error;
  const text = shown(toWireError(error).message, longestQuote);
  return new ErrandError('REQUEST_FAILED', `The server answered ${method} with the error ${code}: ${text}`, {
    cause: error,
    data: { code },
  });
}

function refusedWith(status: number, error: unknown, method: string, { where }: Recipient): ErrandError {
  const code = unreachableStatuses.includes(status) ? 'CONNECTION_LOST' : 'REQUEST_FAILED';
  const text = shown(messageOf(error), longestQuote);
  return new ErrandError(code, `${where} answered ${method} with HTTP ${status}: ${text}`, {
    cause: error,
    data: { status },
  });
}

function invalidResponse(error: z.core.$ZodError, method: string): ErrandError {
  return new ErrandError(
    'RESPONSE_INVALID',
    `The server's answer to ${method} does not follow the protocol: ${describeIssues(error)}`,
    { cause: error },
  );
}

const refusedLocally = (error: unknown, method: string): ErrandError =>
  new ErrandError('REQUEST_FAILED', `${method} failed: ${shown(messageOf(error), longestQuote)}`, { cause: error });

/** Failures of a connection after which the request has certainly not arrived. */
const neverArrived: readonly unknown[] = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
];

/** Whether a connection broke after the request had gone out. */
export const mayHaveArrived = (error: unknown): boolean =>
  isUnreachable(error) && !neverArrived.includes(reasonOf(error));

/** Whether an error is how `fetch` reports that there was no answer. */
export const isUnreachable = (error: unknown): boolean =>
  isNativeError(error) && error.name === 'TypeError' && isNativeError(error.cause);

function reasonOf(error: unknown): unknown {
  const { cause } = error as { cause?: { code?: unknown; errors?: readonly { code?: unknown }[] } };
  return cause?.code ?? cause?.errors?.[0]?.code;
}
