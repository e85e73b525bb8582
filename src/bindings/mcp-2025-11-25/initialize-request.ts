import { InitializeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { describeIssues } from '../../base/issues.js';
import type { RareLog } from '../../base/rare-log.js';

/** Whether a message initializes a session. */
export function isInitialize(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'method' in message && message.method === 'initialize';
}

/**
 * The fault of an `initialize`; undefined for a good one. It is logged, because its client may not show the error: the
 * SDK takes the request for none at all, or repeats the whole schema.
 */
export function problemOfInitialize(message: unknown, log: RareLog): string | undefined {
  const parsed = InitializeRequestSchema.safeParse(message);
  if (parsed.success) return undefined;
  const problem = `Invalid initialize: ${describeIssues(parsed.error)}`;
  log.write('warning', 'A client could not initialize', { problem });
  return problem;
}
