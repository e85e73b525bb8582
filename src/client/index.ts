export { ErrandError, type ErrandErrorCode } from '../base/errors.js';
export type { Transport } from '../protocol/transport.js';
export type {
  Annotations,
  AudioContent,
  CallToolResult,
  ContentBlock,
  CreateMessageResult,
  CreateMessageResultWithTools,
  EmbeddedResource,
  GetPromptResult,
  Icon,
  ImageContent,
  LoggingLevel,
  ModelPreferences,
  Prompt,
  PromptArgument,
  PromptMessage,
  ReadResourceResult,
  Resource,
  ResourceContents,
  ResourceLink,
  ResourceTemplate,
  Root,
  SamplingMessage,
  SamplingMessageContentBlock,
  Task,
  TextContent,
  Tool,
  ToolAnnotations,
  ToolChoice,
  ToolMap,
  ToolResultContent,
  ToolShape,
  ToolUseContent,
} from '../protocol/types.js';
export { connect, type ConnectableServer, type ConnectTarget, type ServerCommand } from './connect.js';
export type { Client, ClientOf } from './client.js';
export type { CallOptions, CallProgress, ClientOptions, ServerLog, TaskCallOptions, TaskHandlers } from './options.js';
export type {
  ElicitHandler,
  ElicitUrlHandler,
  SampleAnswer,
  SampleHandler,
  SampleRequest,
  UrlAnswer,
  UrlQuestion,
  UserAnswer,
  UserQuestion,
} from './questions.js';
export type { PromptTask, ResourceTask, TaskEvent, TaskHandle, ToolCallResult, ToolTask } from './tasks/task-handle.js';
export type { KnownTools, ToolArguments, ToolCall, ToolName, ToolsOf, ToolStructured } from './tool-types.js';
