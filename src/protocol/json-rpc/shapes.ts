import type { JSONRPCMessage } from './messages.js';

const envelopeKeys: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value));

/** Whether a value is an object with only the top-level keys of JSON-RPC. */
export function hasEnvelope(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  for (const key in value) if (!envelopeKeys.has(key)) return false;
  return true;
}

/** Whether a value is a JSON-RPC 2.0 message, as MCP uses them. Parameters, results and error data are not checked further. */
export function isJsonRpcMessage(value: unknown): value is JSONRPCMessage {
  if (!hasEnvelope(value) || value['jsonrpc'] !== '2.0') return false;
  const { id, method, params, result, error } = value;
  if (method !== undefined) {
    const isCall =
      typeof method === 'string' && (id === undefined || isId(id)) && (params === undefined || isObject(params));
    return isCall && result === undefined && error === undefined;
  }
  if (params !== undefined) return false;
  if (result !== undefined) return isId(id) && isObject(result) && error === undefined;
  const isError = isObject(error) && Number.isInteger(error['code']) && typeof error['message'] === 'string';
  return isError && (id === undefined || isId(id));
}
