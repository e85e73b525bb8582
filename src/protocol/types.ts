/**
 * The types of MCP that the rest of Errand speaks of, so that one folder knows where they come from.
 */
export type {
  Annotations,
  CallToolResult,
  ClientCapabilities,
  ContentBlock,
  CreateMessageRequestParams,
  CreateMessageResult,
  CreateMessageResultWithTools,
  GetPromptResult,
  Icon,
  Implementation,
  JSONRPCMessage,
  LoggingLevel,
  ModelPreferences,
  Prompt,
  PromptArgument,
  PromptMessage,
  ReadResourceResult,
  RequestId,
  Resource,
  ResourceTemplate,
  Root,
  SamplingMessageContentBlock,
  Task,
  Tool,
  ToolAnnotations,
  ToolChoice,
} from '@modelcontextprotocol/sdk/types.js';
export type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
export type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

/** What a client can know of a tool before it calls it. */
export interface ToolShape {
  /** Its arguments as they travel; `undefined` when it takes none. */
  readonly input: object | undefined;
  /** Its structured content; `unknown` where that cannot be known. */
  readonly structured: unknown;
}

/** The tools of a server by name, as far as the compiler knows them. */
export type ToolMap = Record<string, ToolShape>;
