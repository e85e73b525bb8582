import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CallToolResultSchema, McpError, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';

/** The result of a task, by a client whose requests time out and are repeated until one is answered. */
export async function impatientResult(
  { experimental }: Client,
  taskId: string,
  timeout = 1_000,
): Promise<CallToolResult> {
  for (;;) {
    try {
      return await experimental.tasks.getTaskResult(taskId, CallToolResultSchema, { timeout });
    } catch (error) {
      if (!(error instanceof McpError) || error.code !== -32001) throw error;
    }
  }
}
