import { ErrandError, messageOf } from './errors.js';

/** What can be written as JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** As it is: functions and symbols give undefined. */
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/**
 * What is left of `value` after a journey as JSON, so that memory and Redis, foreground and background fail alike.
 * `undefined` stays `undefined`.
 *
 * @throws {ErrandError} `RESULT_NOT_JSON` for circles, bigints, functions and symbols.
 */
export function throughJson(value: unknown, what: string): Json | undefined {
  if (value === undefined) return undefined;
  let text: string | undefined;
  try {
    text = stringify(value);
  } catch (cause) {
    throw new ErrandError('RESULT_NOT_JSON', `${what} cannot be written as JSON: ${messageOf(cause)}.`, { cause });
  }
  if (text === undefined) {
    throw new ErrandError(
      'RESULT_NOT_JSON',
      `${what} is ${typeof value === 'object' ? 'an' : 'a'} ${typeof value}, which cannot be written as JSON.`,
    );
  }
  return JSON.parse(text) as Json;
}
