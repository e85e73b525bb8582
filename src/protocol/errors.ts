import { messageOf } from '../base/errors.js';
import { throughJson, type Json } from '../base/json.js';
import type { RequestId } from './json-rpc/messages.js';

/** An error on the wire or in a record. JSON-RPC errors have a numeric code, errors of Errand a string. */
export interface WireError {
  readonly code: number | string;
  readonly message: string;
  readonly data?: Json;
}

/** The codes of JSON-RPC that MCP uses. */
export const rpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Not in MCP: a client has reached a limit, which the data names. */
  limitReached: -32029,
} as const;

/** An error that the client gets as a JSON-RPC error with this code, message and data. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';

  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
  }
}

/** Whether an error is a JSON-RPC error: ours, or the `McpError` of any copy of an MCP SDK. */
export function isProtocolError(error: unknown): error is { code: number; message: string; data?: unknown } {
  if (error instanceof ProtocolError) return true;
  return error instanceof Error && error.name === 'McpError' && 'code' in error && Number.isSafeInteger(error.code);
}

/**
 * Converts an error for the wire. The SDK's `McpError` puts its code in front of the message on each side of the wire;
 * that prefix is removed. Data that is not JSON is left out.
 */
export function toWireError(error: { code: number; message: string; data?: unknown }): WireError {
  const text = messageOf(error instanceof Error ? error : error.message);
  const message = text.replace(new RegExp(`^(MCP error ${error.code}: )+`), '');
  const data = jsonOrNothing(error.data);
  return { code: error.code, message, ...(data !== undefined && { data }) };
}

function jsonOrNothing(data: unknown): Json | undefined {
  try {
    return throughJson(data, 'The data of an error');
  } catch {
    return undefined;
  }
}

/** An HTTP response with a JSON-RPC error. Default id: none, for an error that belongs to no request. */
export function refuse(status: number, code: number, message: string, id: RequestId | null = null): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id }, { status });
}
