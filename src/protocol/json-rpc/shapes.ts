import { shown } from '../../base/shown.js';
import type { JSONRPCMessage, RequestId } from './messages.js';

const envelopeKeys: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);

/** The maximum length of an id that is repeated or stored, in characters. */
export const longestId = 1_024;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is RequestId => typeof value === 'string' || Number.isSafeInteger(value);

/**
 * Why a value is no JSON-RPC 2.0 message, as MCP uses them; undefined for one. Apart from `_meta`, parameters, results and
 * error data are not checked.
 */
export function problemOf(value: unknown): string | undefined {
  if (!isObject(value)) return 'it is not an object';
  for (const key in value) if (!envelopeKeys.has(key)) return `JSON-RPC has no key '${shown(key)}'`;
  const { jsonrpc, id, method, params, result, error } = value;
  if (jsonrpc !== '2.0') return '`jsonrpc` is not "2.0"';
  if (id !== undefined && !isId(id)) return '`id` is neither a string nor an integer';
  if (method !== undefined) {
    if (typeof method !== 'string') return '`method` is not a string';
    if (result !== undefined || error !== undefined) return 'it has both a method and an outcome';
    return params === undefined ? undefined : problemOfMeta(params, 'params');
  }
  if (params !== undefined || (result === undefined && error === undefined)) return '`method` is missing';
  if (result !== undefined) {
    if (error !== undefined) return 'it has both a result and an error';
    return id === undefined ? '`id` is missing' : problemOfMeta(result, 'result');
  }
  const isError = isObject(error) && Number.isSafeInteger(error['code']) && typeof error['message'] === 'string';
  return isError ? undefined : '`error` is not an object with a code and a message';
}

/** Whether a value is a JSON-RPC 2.0 message, as {@link problemOf} defines it. */
export function isJsonRpcMessage(value: unknown): value is JSONRPCMessage {
  return problemOf(value) === undefined;
}

/** Whether a value is an id that an error may repeat. */
export const isShortId = (value: unknown): value is RequestId =>
  isId(value) && (typeof value === 'number' || value.length <= longestId);

/** The id of a value that may be no message, and whether the value is meant as an answer to a request of ours. */
export function addressOf(value: unknown): { readonly id?: RequestId; readonly isAnswer: boolean } {
  if (!isObject(value)) return { isAnswer: false };
  const { id, method, result, error } = value;
  const isAnswer = method === undefined && (result !== undefined || error !== undefined);
  return { isAnswer, ...(isShortId(id) && { id }) };
}

function problemOfMeta(content: unknown, where: string): string | undefined {
  if (!isObject(content)) return `\`${where}\` is not an object`;
  const { _meta: meta } = content;
  if (meta === undefined) return undefined;
  if (!isObject(meta)) return `\`${where}._meta\` is not an object`;
  const { progressToken } = meta;
  if (progressToken === undefined || isId(progressToken)) return undefined;
  return `\`${where}._meta.progressToken\` is neither a string nor an integer`;
}
