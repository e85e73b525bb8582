import { z } from 'zod';
import { ErrandError } from '../base/errors.js';

/** What came of parsing: the value, or what is wrong in words that name the field. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: string };

/**
 * Parses at once where the schema allows it, because that costs half, and asynchronously where it has asynchronous
 * refinements.
 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> | Promise<Parsed<T>> {
  try {
    return toParsed(schema.safeParse(value));
  } catch (error) {
    if (error instanceof z.core.$ZodAsyncError) return schema.safeParseAsync(value).then(toParsed);
    throw error;
  }
}

const toParsed = <T>(result: z.ZodSafeParseResult<T>): Parsed<T> =>
  result.success ? { ok: true, value: result.data } : { ok: false, issues: describeIssues(result.error) };

/** `quarter: expected string, received undefined; year: too small` */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const path = issue.path.map(String).join('.');
      return path === '' ? issue.message : `${path}: ${issue.message}`;
    })
    .join('; ');
}

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
  const result = await z.safeEncodeAsync(schema, value);
  if (result.success) return result.data;
  throw new ErrandError(code, `${where}: ${describeIssues(result.error)}.`);
}
