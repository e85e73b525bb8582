import { messageOf } from '../base/errors.js';
import { throughJson, type Json } from '../base/json.js';

/** An error as it travels and is stored: a JSON-RPC error has a numeric code, an error of Errand its own. */
export interface WireError {
  readonly code: number | string;
  readonly message: string;
  readonly data?: Json;
}

/** The codes of JSON-RPC that MCP uses. */
export const rpcCode = {
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** Not of MCP: a client has as much as it may have. The data says how much. */
  limitReached: -32029,
} as const;

/** An error that the client shall see as a JSON-RPC error with this code, message and data. */
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

/** Whether an error is one of JSON-RPC: ours, or the `McpError` of any copy of an MCP SDK. */
export function isProtocolError(error: unknown): error is { code: number; message: string; data?: unknown } {
  if (error instanceof ProtocolError) return true;
  return error instanceof Error && error.name === 'McpError' && 'code' in error && Number.isSafeInteger(error.code);
}

/**
 * `McpError` of the SDK puts its code in front of every message, once more on each side of the wire; there the code has a
 * place of its own. Data that cannot be written as JSON is left out.
 */
export function toWireError(error: { code: number; message: string; data?: unknown }): WireError {
  const text = messageOf(error instanceof Error ? error : error.message);
  const message = text.replace(new RegExp(`^(MCP error ${error.code}: )+`), '');
  const data = travelling(error.data);
  return { code: error.code, message, ...(data !== undefined && { data }) };
}

function travelling(data: unknown): Json | undefined {
  try {
    return throughJson(data, 'The data of an error');
  } catch {
    return undefined;
  }
}

/** An HTTP answer outside of any session, as JSON-RPC wants it. */
export function refuse(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}
