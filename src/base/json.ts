import { types } from 'node:util';
import { ErrandError, messageOf } from './errors.js';
import { shown } from './shown.js';

/** What can be written as JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** As it is: functions and symbols give undefined. */
const stringify: (
  value: unknown,
  replacer?: (this: object, key: string, value: unknown) => unknown,
) => string | undefined = JSON.stringify;

/** How a Map, a Set, a promise, a typed array or a Buffer comes out. Most results hold none of it and are not looked at again. */
const lossy = /\{\}|\{"0":|"type":"Buffer"/;

/**
 * What is left of `value` after a journey as JSON, so that memory and Redis, foreground and background fail alike.
 * `undefined` stays `undefined`.
 *
 * @throws {ErrandError} `RESULT_NOT_JSON` for circles, bigints, functions and symbols, and for what JSON would empty in
 * silence: maps, sets, promises and bytes.
 */
export function throughJson(value: unknown, what: string): Json | undefined {
  const text = toJsonText(value, what);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}

/** The text of what {@link throughJson} gives, for those who need its size as well. It throws the same. */
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

/** Whether a text is whole: half of a pair of surrogates cannot be written as UTF-8, nor in a URL. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** A copy of what is JSON already. */
export function copyOfJson<T>(value: T): T {
  return typeof value === 'object' ? (JSON.parse(JSON.stringify(value)) as T) : value;
}

function refuseLoss(value: unknown, what: string): void {
  stringify(value, function (key, written) {
    // As it is before any toJSON: that of a Buffer gives an array of numbers.
    const found = lost(Reflect.get(this, key));
    if (found === undefined) return written;
    const [kind, wayOut] = found;
    throw new ErrandError(
      'RESULT_NOT_JSON',
      `${what} ${key === '' ? 'is' : `has, as '${shown(key)}',`} ${kind}, of which JSON keeps nothing of use. ${wayOut}.`,
    );
  });
}

/** What would be lost, and the way out. */
function lost(value: unknown): readonly [string, string] | undefined {
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    return [`bytes (${value.constructor.name})`, 'Give bytes as image(), audio() or file(), and numbers as an array'];
  }
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return undefined;
  if (types.isMap(value)) return ['a Map', 'Give Object.fromEntries(map)'];
  if (types.isSet(value)) return ['a Set', 'Give an array: [...set]'];
  return types.isPromise(value) ? ['a promise', 'Await it'] : undefined;
}
