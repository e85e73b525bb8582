import type { JSONRPCMessage, RequestId } from '../../protocol/json-rpc/messages.js';

/** A request that a client sends. */
export type Request = JSONRPCMessage & { id: RequestId; method: string; params?: Record<string, unknown> };

/** Requests that change nothing, so that they may be sent again when their answer is lost. */
const reads: ReadonlySet<string> = new Set([
  'ping',
  'completion/complete',
  'logging/setLevel',
  'prompts/get',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/templates/list',
  'tasks/get',
  'tasks/list',
  'tools/list',
]);

/** Finds out whether a tool changes nothing, or nothing more when it is called again. */
export type ToolLookup = (name: string) => Promise<boolean>;

/**
 * Whether a request that may have reached the server can be sent again: a read, or the call of a tool that says it is
 * read-only or idempotent. One that creates a task is not, since there would be two. `tasks/result` has its own way.
 */
export async function isRepeatable({ method, params }: Request, isHarmless: ToolLookup): Promise<boolean> {
  if (params?.task !== undefined) return false;
  if (reads.has(method)) return true;
  return method === 'tools/call' && typeof params?.name === 'string' && (await isHarmless(params.name));
}
