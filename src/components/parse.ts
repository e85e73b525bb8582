import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { describeIssues } from '../base/issues.js';
import { shown } from '../base/shown.js';
import { boundedSchema } from './bounded-schema.js';

/** What came of parsing: the value, or what is wrong in words that name the field. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: string };

/**
 * Parses at once where the schema allows it, because that costs half, and asynchronously where it has asynchronous
 * refinements. Whatever is wrong with the value, no more is looked for than {@link describeIssues} tells.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> | Promise<Parsed<T>> {
  try {
    return parseNow(schema, value);
  } catch (error) {
    if (!(error instanceof z.core.$ZodAsyncError)) throw error;
    return (isLarge(value) ? boundedSchema(schema).safeParseAsync(value, brief) : schema.safeParseAsync(value)).then(
      toParsed,
    );
  }
}

/** The same for a schema without asynchronous refinements. */
export function parseNow<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  return toParsed(isLarge(value) ? boundedSchema(schema).safeParse(value, brief) : schema.safeParse(value));
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
  const result = isLarge(value)
    ? await z.safeEncodeAsync(boundedSchema(schema), value, brief)
    : await z.safeEncodeAsync(schema, value);
  if (result.success) return result.data;
  throw new ErrandError(code, `${where}: ${describeIssues(result.error)}.`);
}

/** Zod would list every key, which describes nothing and costs more than the input. */
const brief: z.core.ParseContext<z.core.$ZodIssue> = {
  error: (issue) => {
    if (issue.code !== 'unrecognized_keys' || issue.keys.length <= mostKeys) return undefined;
    const named = issue.keys.slice(0, mostKeys).map((key) => JSON.stringify(shown(key, 50)));
    return `Unrecognized keys: ${named.join(', ')} and ${issue.keys.length - mostKeys} more`;
  },
};

const mostKeys = 3;

/** Below this a value is parsed by zod as it is, which is faster: it cannot have more issues than that. */
const small = 10_000;

/** Whether there is much to look at in a value. Counts no further than it must. */
function isLarge(value: unknown): boolean {
  let room = small;
  const count = (part: unknown): void => {
    if (typeof part === 'string') {
      room -= part.length;
    } else if (typeof part !== 'object' || part === null) {
      room -= 10;
    } else if (Array.isArray(part)) {
      room -= 10;
      for (let index = 0; index < part.length && room > 0; index++) count(part[index]);
    } else if (isPlain(part)) {
      room -= 10;
      for (const key in part) {
        room -= key.length;
        if (room > 0) count(part[key]);
        else break;
      }
    } else {
      room = 0;
    }
  };
  count(value);
  return room <= 0;
}

/** Maps, sets and what classes make is not counted: it may hold anything. */
function isPlain(part: object): part is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(part);
  return prototype === null || prototype === Object.prototype;
}
