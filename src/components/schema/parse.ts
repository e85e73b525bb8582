import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { describeIssues, isCutShort } from '../../base/issues.js';
import { boundedSchema } from './bounded-schema.js';
import { filledSchema } from './filled-schema.js';

/** The result of parsing: the value, or a description of the issues that names the fields. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: string };

/**
 * Parses synchronously if possible, which costs half, and asynchronously for asynchronous refinements. In a large
 * value, looks for at most ten issues in each collection.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> | Promise<Parsed<T>> {
  try {
    return parseNow(schema, value);
  } catch (error) {
    if (error instanceof z.core.$ZodAsyncError) return parseLater(schema, value);
    throw error;
  }
}

/** As {@link parse}, for schemas without asynchronous refinements. */
export function parseNow<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  const result = z.safeParse(boundedSchema(schema), value);
  return toParsed(mayBeCounted(result, value) ? z.safeParse(schema, value) : result);
}

async function parseLater<T>(schema: z.ZodType<T>, value: unknown): Promise<Parsed<T>> {
  const result = await z.safeParseAsync(boundedSchema(schema), value);
  return toParsed(mayBeCounted(result, value) ? await z.safeParseAsync(schema, value) : result);
}

const toParsed = <T>(result: z.ZodSafeParseResult<T>): Parsed<T> =>
  result.success ? { ok: true, value: result.data } : { ok: false, issues: describeIssues(result.error) };

/**
 * Encodes a value for the wire, the reverse of parsing. Defaults, prefaults and catches apply in this direction too.
 *
 * @throws {ErrandError} with `code` when the value does not match the schema.
 */
export async function encode(
  schema: z.ZodType,
  value: unknown,
  code: 'INPUT_INVALID' | 'OUTPUT_INVALID',
  where: string,
): Promise<unknown> {
  const filled = filledSchema(schema);
  const bounded = await z.safeEncodeAsync(boundedSchema(filled), value);
  const result = mayBeCounted(bounded, value) ? await z.safeEncodeAsync(filled, value) : bounded;
  if (result.success) return result.data;
  throw new ErrandError(code, `${where}: ${describeIssues(result.error)}.`);
}

/** Whether the value is small enough to look for all its issues and report how many there are. */
const mayBeCounted = (result: z.ZodSafeParseResult<unknown>, value: unknown): boolean =>
  !result.success && isCutShort(result.error) && isSmall(value);

/** The largest size of a small value: its parts, plus the characters of its strings. */
const smallSize = 10_000;

/**
 * Counts only up to the limit. An object that is neither an array nor plain may hold anything, so it is never small.
 */
function isSmall(value: unknown): boolean {
  let room = smallSize;
  const count = (part: unknown): void => {
    room -= typeof part === 'string' ? part.length + 1 : 1;
    if (typeof part !== 'object' || part === null) return;
    if (Array.isArray(part)) {
      // Not `for in`, which first lists all indexes.
      for (let index = 0; index < part.length && room > 0; index++) count(part[index]);
    } else if ([null, Object.prototype].includes(Object.getPrototypeOf(part) as null)) {
      for (const key in part) {
        if (room <= 0) return;
        count(Reflect.get(part, key));
      }
    } else {
      room = 0;
    }
  };
  count(value);
  return room > 0;
}
