export { ErrandError, type ErrandErrorCode } from './base/errors.js';
export type { Duration } from './base/duration.js';
export { Logger, stderrSink, type LogFields, type LogLevel, type LogSink } from './base/logger.js';

export { inject, injectAll, type InjectOptions } from './injection/inject.js';
export { delay, injectable, type Delayed } from './injection/tsyringe.js';
export {
  lazy,
  token,
  type AbstractClass,
  type Class,
  type ClassToken,
  type Injectable,
  type InjectionRequest,
  type InjectionToken,
  type Lazy,
  type Token,
} from './injection/tokens.js';
export type { TypedParameterDecorator } from './injection/parameter-types.js';
export type { Mode } from './injection/plan/plan.js';
export type { ExternalContainer, ExternalFrame, TsyringeContainer } from './injection/external.js';
export {
  provide,
  type ClassProvider,
  type ExistingProvider,
  type FactoryProvider,
  type Lifetime,
  type Provider,
  type ValueProvider,
} from './injection/providers.js';

export { defineJob, defineTool, type DefinedComponent } from './components/define.js';
export { job } from './components/decorators/job.js';
export { ask, param } from './components/decorators/param.js';
export { prompt, type PromptDecorator } from './components/decorators/prompt.js';
export { assistantMessage, userMessage, type Message, type PromptReturn } from './components/results/prompt-output.js';
export { resource } from './components/decorators/resource.js';
export { tool, type ComponentDecorator, type Method } from './components/decorators/tool.js';
export type { ComponentEntry } from './components/component-entry.js';
export type {
  JobOptions,
  PromptOptions,
  ResourceOptions,
  ComponentLimitOptions,
  TaskMode,
  TaskOption,
  ToolOptions,
} from './components/options.js';
export type { RetryOption } from './components/retry-policy.js';
export {
  audio,
  file,
  image,
  resourceLink,
  text,
  ToolError,
  toolResult,
  type Content,
  type ContentAnnotations,
  type ToolResult,
} from './components/results/results.js';

export type { SamplingMessageContentBlock, ToolResultContent, ToolUseContent } from './protocol/sampling.js';
export type {
  Annotations,
  AudioContent,
  CallToolResult,
  ClientCapabilities,
  ContentBlock,
  EmbeddedResource,
  Icon,
  ImageContent,
  Implementation,
  PromptMessage,
  ResourceContents,
  ResourceLink,
  TextContent,
  ToolAnnotations,
  ToolMap,
  ToolShape,
} from './protocol/types.js';
export type { AuthInfo } from './protocol/auth.js';
export type { MessageExtra, SendOptions, Transport } from './protocol/transport.js';
export type {
  JsonRpcError,
  JSONRPCMessage,
  JsonRpcNotification,
  JsonRpcParams,
  JsonRpcRequest,
  JsonRpcResult,
  RequestId,
} from './protocol/json-rpc/messages.js';

export { Context } from './call/context.js';
export type { QuestionOptions } from './call/questions/ask-client.js';
export type { ElicitAnswer } from './call/questions/elicitation.js';
export type { Root } from './call/questions/roots.js';
export type { SampleContent, SampleMessage, SampleOptions, SampleResult } from './call/questions/sampling.js';
export type { ElicitUrl, ElicitUrlAnswer, ElicitUrlOptions } from './call/questions/url-elicitation.js';
export { CurrentAccessToken, CurrentHeaders, CurrentPrincipal } from './call/principal.js';
export { Progress } from './call/progress.js';
export type { ProgressState } from './call/channel.js';
export type { ErrorDisclosure } from './call/outcome.js';

export { CurrentDocket, type Docket, type Schedule } from './docket/docket.js';
export type {
  AddArguments,
  AddOptions,
  DefinitionArguments,
  DefinitionReplaceArguments,
  MethodName,
  ReplaceArguments,
  ReplaceOptions,
  ResultOf,
  ScheduleOptions,
} from './docket/add-types.js';
export type { ExecutionChange } from './docket/follow.js';
export type { AnswerOptions, QuestionAnswer } from './docket/answering.js';
export type { Execution } from './docket/execution.js';
export type { QuestionSummary } from './docket/execution-details.js';
export type { ExecutionPage, ExecutionSummary, ListOptions } from './docket/execution-summary.js';
export type { DocketStats, WorkerSummary } from './docket/engine/queries.js';
export type { WaitOptions } from './docket/wait.js';
export type { ScheduleWhen, Timetable } from './docket/engine/timetable.js';
export type { ExecutionState } from './docket/engine/record.js';
export { CurrentExecution, CurrentWorker } from './call/worker-tokens.js';

export { installCrashGuard, type CrashGuard } from './server/crash-guard.js';
export { createServer, type ErrandServer } from './server/create-server.js';
export type { WithOptions } from './server/derived.js';
export type { ServedTools } from './server/served-tools.js';
export type { DocketClient } from './docket/docket-client.js';
export type { DocketReports, ServerDocketOptions } from './redis/open-docket.js';
export type { RunningWorker, WorkerOptions, WorkOptions } from './server/background.js';
export { CurrentServer } from './server/built-ins.js';
export type { ServerHealth } from './telemetry/health.js';
export type { FetchOptions } from './transports/http/fetch.js';
export type {
  ClientLimitOptions,
  HttpLimitOptions,
  HttpOptions,
  ServerHttpOptions,
} from './transports/http/http-options.js';
export type { HttpListener, ListenOptions } from './transports/http/listen.js';
export type { Monitor, MonitorOptions } from './server/telemetry/monitor.js';
export type {
  DocketOptions,
  DocketLimitOptions,
  ServerOptions,
  SlowReaderOptions,
  StdioOptions,
} from './server/options.js';
