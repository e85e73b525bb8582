/**
 * The types of MCP that the rest of Errand speaks of, so that one folder knows where they come from.
 */
export type {
  CallToolResult,
  ClientCapabilities,
  ContentBlock,
  Icon,
  Implementation,
  JSONRPCMessage,
  LoggingLevel,
  RequestId,
  Task,
  Tool,
  ToolAnnotations,
} from '@modelcontextprotocol/sdk/types.js';
export type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
export type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
