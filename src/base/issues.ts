import type { z } from 'zod';
import { shown } from './shown.js';

/** How many issues an error tells of, and after how many a collection is not looked at any further. */
export const mostIssues = 10;

/** The longest description. JSON may write a character in six bytes, and an answer has to stay small. */
const longestDescription = 2_000;

/** Marks the issue that stands for all that were not looked for. */
const notLookedFor = Object.freeze({ notLookedFor: true });

/** Says that a collection has more issues than were looked for. Like every failure, it ends what is done with the value. */
export const furtherIssues = (): z.core.$ZodRawIssue => ({
  code: 'custom',
  input: undefined,
  message: 'and more',
  params: notLookedFor,
  continue: false,
});

/** Whether an issue is that of {@link furtherIssues}. */
export const isFurther = (issue: z.core.$ZodIssue | z.core.$ZodRawIssue): boolean =>
  issue.code === 'custom' && issue.params === notLookedFor;

/** Whether there may be more issues than an error has. */
export const isCutShort = ({ issues }: z.core.$ZodError): boolean => issues.some(isFurther);

/** `quarter: expected string, received undefined; year: too small; and 3 more` */
export function describeIssues({ issues }: z.core.$ZodError): string {
  const found = issues.filter((issue) => !isFurther(issue));
  const told: string[] = [];
  let room = longestDescription;
  for (const issue of found.slice(0, mostIssues)) {
    const text = describeIssue(issue);
    if (text.length > room) break;
    told.push(text);
    room -= text.length;
  }
  const rest = found.length - told.length;
  if (found.length < issues.length) told.push('and more');
  else if (rest > 0) told.push(`and ${rest} more`);
  return told.join('; ');
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  const where = shown(path.map((key) => shown(String(key))).join('.'));
  return where === '' ? shown(message) : `${where}: ${shown(message)}`;
}
