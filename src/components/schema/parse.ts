import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { describeIssues, isCutShort } from '../../base/issues.js';
import { boundedSchema } from './bounded-schema.js';

/** What came of parsing: the value, or what is wrong in words that name the field. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: string };

/**
 * Parses at once where the schema allows it, because that costs half, and asynchronously where it has asynchronous
 * refinements. However much is wrong with a large value, ten issues of each collection are looked for.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> | Promise<Parsed<T>> {
  try {
    return parseNow(schema, value);
  } catch (error) {
    if (error instanceof z.core.$ZodAsyncError) return parseLater(schema, value);
    throw error;
  }
}

/** The same for a schema without asynchronous refinements. */
export function parseNow<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  const result = boundedSchema(schema).safeParse(value);
  return toParsed(mayBeCounted(result, value) ? schema.safeParse(value) : result);
}

async function parseLater<T>(schema: z.ZodType<T>, value: unknown): Promise<Parsed<T>> {
  const result = await boundedSchema(schema).safeParseAsync(value);
  return toParsed(mayBeCounted(result, value) ? await schema.safeParseAsync(value) : result);
}

const toParsed = <T>(result: z.ZodSafeParseResult<T>): Parsed<T> =>
  result.success ? { ok: true, value: result.data } : { ok: false, issues: describeIssues(result.error) };

/**
 * The value as it travels: the reverse of parsing.
 *
 * @throws {ErrandError} `OUTPUT_INVALID` or `INPUT_INVALID` (as `code` says) when it does not fit.
 */
export async function encode(
  schema: z.ZodType,
  value: unknown,
  code: 'INPUT_INVALID' | 'OUTPUT_INVALID',
  where: string,
): Promise<unknown> {
  const bounded = await z.safeEncodeAsync(boundedSchema(schema), value);
  const result = mayBeCounted(bounded, value) ? await z.safeEncodeAsync(schema, value) : bounded;
  if (result.success) return result.data;
  throw new ErrandError(code, `${where}: ${describeIssues(result.error)}.`);
}

/** Whether all issues of a value may be looked for, so that it can be said how many there are. */
const mayBeCounted = (result: z.ZodSafeParseResult<unknown>, value: unknown): boolean =>
  !result.success && isCutShort(result.error) && isSmall(value);

/** The parts of a value, and the characters of its texts, up to which it is small. */
const smallSize = 10_000;

/** Counts no further than it must. What is neither JSON nor a plain object may hold anything. */
function isSmall(value: unknown): boolean {
  let room = smallSize;
  const count = (part: unknown): void => {
    room -= typeof part === 'string' ? part.length + 1 : 1;
    if (typeof part !== 'object' || part === null) return;
    if (Array.isArray(part)) {
      // Not `in`, which makes a list of all places first.
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
