import { types } from 'node:util';
import { ErrandError, messageOf } from './errors.js';
import { shown } from './shown.js';

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** `JSON.stringify` with its real return type: undefined for functions and symbols. */
const stringify: (
  value: unknown,
  replacer?: (this: object, key: string, value: unknown) => unknown,
) => string | undefined = JSON.stringify;

/** Traces of a Map, Set, promise, typed array or Buffer in the text. Without them, a second look is not needed. */
const lossy = /\{\}|\{"0":|"type":"Buffer"/;

/**
 * Returns `value` as it looks after a round trip through JSON, so that both engines and both modes fail alike.
 * `undefined` stays `undefined`.
 *
 * @throws {ErrandError} `RESULT_NOT_JSON` for circular references, bigints, functions and symbols, and for everything
 * that JSON would silently empty: maps, sets, promises and bytes.
 */
export function throughJson(value: unknown, what: string): Json | undefined {
  const text = toJsonText(value, what);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/** The JSON text of `value`, for callers that need its size as well. Throws as {@link throughJson} does. */
export function toJsonText(value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined;
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (cause) {
    throw new ErrandError('RESULT_NOT_JSON', `${what} cannot be written as JSON: ${shown(messageOf(cause), 500)}.`, {
      cause,
    });
  }
  if (text === undefined) {
    throw new ErrandError(
      'RESULT_NOT_JSON',
      `${what} is ${typeof value === 'object' ? 'an' : 'a'} ${typeof value}, which cannot be written as JSON.`,
    );
  }
  if (lossy.test(text)) refuseLoss(value, what);
  return text;
}

/** Whether a text has no lone surrogates, which neither UTF-8 nor a URL can hold. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** Copies a value that is known to be JSON. */
export function copyOfJson<T>(value: T): T {
  return typeof value === 'object' ? (JSON.parse(JSON.stringify(value)) as T) : value;
}

function refuseLoss(value: unknown, what: string): void {
  stringify(value, function (key, written) {
    // The value before its toJSON ran: a Buffer's returns an array of numbers.
    const found = lost(Reflect.get(this, key));
    if (found === undefined) return written;
    const [kind, wayOut] = found;
    throw new ErrandError(
      'RESULT_NOT_JSON',
      `${what} ${key === '' ? `is ${kind}` : `has ${kind} at '${shown(key)}'`}, which JSON cannot hold. ${wayOut}.`,
    );
  });
}

/** Names the kind of value that JSON would lose, and the way out. */
function lost(value: unknown): readonly [string, string] | undefined {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return [`bytes (${value.constructor.name})`, 'Use image(), audio() or file() for bytes, and an array for numbers'];
  }
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return undefined;
  if (types.isMap(value)) return ['a Map', 'Use Object.fromEntries(map)'];
  if (types.isSet(value)) return ['a Set', 'Use an array: [...set]'];
  return types.isPromise(value) ? ['a promise', 'Await it'] : undefined;
}
