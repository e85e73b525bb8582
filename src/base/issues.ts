import type { z } from 'zod';
import { shown } from './shown.js';

/** The most issues that an error describes. A collection with this many is not checked any further. */
export const mostIssues = 10;

/** The longest description, in characters. JSON may take six bytes for each, and responses have to stay small. */
const longestDescription = 2_000;

/** Marks the issue that stands for those in the unchecked part of a collection. */
const unchecked = Object.freeze({ unchecked: true });

/** Reports that a collection was not checked to its end. Like every failure, it stops refinements and transforms. */
export const furtherIssues = (): z.core.$ZodRawIssue => ({
  code: 'custom',
  input: undefined,
  message: 'and more',
  params: unchecked,
  continue: false,
});

/** Whether {@link furtherIssues} made an issue. */
export const isFurther = (issue: z.core.$ZodIssue | z.core.$ZodRawIssue): boolean =>
  issue.code === 'custom' && issue.params === unchecked;

/** Whether the value may have more issues than the error lists. */
export const isCutShort = ({ issues }: z.core.$ZodError): boolean => issues.some(isFurther);

/** Lists the issues: `quarter: expected string, received undefined; year: too small; and 3 more`. */
export function describeIssues({ issues }: z.core.$ZodError): string {
  const found = issues.filter((issue) => !isFurther(issue));
  const parts: string[] = [];
  let room = longestDescription;
  for (const issue of found.slice(0, mostIssues)) {
    const text = describeIssue(issue);
    if (text.length > room) break;
    parts.push(text);
    room -= text.length;
  }
  const rest = found.length - parts.length;
  if (found.length < issues.length) parts.push('and more');
  else if (rest > 0) parts.push(`and ${rest} more`);
  return parts.join('; ');
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  const where = shown(path.map((key) => shown(String(key))).join('.'));
  return where === '' ? shown(message) : `${where}: ${shown(message)}`;
}
