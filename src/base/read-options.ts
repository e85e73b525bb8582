import type { z } from 'zod';
import { ErrandError } from './errors.js';
import { describeIssues } from './issues.js';
import { nearName } from './near-name.js';
import { shown } from './shown.js';

/**
 * Validates options.
 *
 * @param where - what takes them, for example `listen`
 * @param hint - a sentence to add to the error
 * @throws {ErrandError} `OPTIONS_INVALID`, naming the option; for an unknown one, also the option that it is near to
 */
export function readOptions<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
  where: string,
  hint: (error: z.ZodError) => string = () => '',
): z.output<Schema> {
  const read = schema.safeParse(given, { error: explain });
  if (read.success) return read.data;
  throw new ErrandError('OPTIONS_INVALID', `${where}: ${describeIssues(read.error)}.${hint(read.error)}`);
}

/** Zod's own words are kept for everything but unknown options. */
function explain(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const { def } = (issue.inst as z.core.$ZodObject)._zod;
  return issue.keys.map((key) => unknownOption(key, Object.keys(def.shape))).join('; ');
}

/** Says that an option is unknown, and which one may be meant: `"timeOut" is not an option (did you mean "timeout"?)`. */
export function unknownOption(name: string, known: readonly string[]): string {
  const near = nearName(name, known);
  const wayOut = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${JSON.stringify(near)}?`;
  return `${JSON.stringify(shown(name))} is not an option (${wayOut})`;
}
