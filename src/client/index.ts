export { ErrandError, type ErrandErrorCode } from '../base/errors.js';
export type { Transport } from '../protocol/transport.js';
export type {
  CreateMessageResult,
  CreateMessageResultWithTools,
  ModelPreferences,
  SamplingMessage,
  SamplingMessageContentBlock,
  ToolChoice,
  ToolResultContent,
  ToolUseContent,
} from '../protocol/sampling.js';
export type {
  Annotations,
  AudioContent,
  CallToolResult,
  ContentBlock,
  EmbeddedResource,
  GetPromptResult,
  Icon,
  ImageContent,
  Implementation,
  LoggingLevel,
  Prompt,
  PromptArgument,
  PromptMessage,
  ReadResourceResult,
  Resource,
  ResourceContents,
  ResourceLink,
  ResourceTemplate,
  Root,
  ServerCapabilities,
  Task,
  TextContent,
  Tool,
  ToolAnnotations,
  ToolMap,
  ToolShape,
} from '../protocol/types.js';
export { connect } from './connect.js';
export type { ConnectableServer, ConnectTarget, ServerCommand, TransportFactory } from './connection/targets.js';
export type { Client, ClientOf } from './client.js';
export type {
  CallOptions,
  CallProgress,
  ClientOptions,
  ConnectOptions,
  ServerLog,
  TaskCallOptions,
  TaskHandlers,
} from './options.js';
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
