/** The severity of a log message (RFC 5424). */
export type LoggingLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency';

/** An icon that clients show next to a name. */
export type Icon = {
  src: string;
  mimeType?: string;
  /** Such as `'48x48'`, or `'any'`. */
  sizes?: string[];
  theme?: 'light' | 'dark';
};

/** The name and version of a client or a server. */
export type Implementation = {
  name: string;
  version: string;
  title?: string;
  description?: string;
  websiteUrl?: string;
  icons?: Icon[];
};

/** The capabilities that a client can declare, in either generation. */
export type ClientCapabilities = {
  experimental?: Record<string, object>;
  sampling?: { context?: object; tools?: object };
  elicitation?: { form?: { [name: string]: unknown }; url?: object };
  roots?: { listChanged?: boolean };
  tasks?: { [name: string]: unknown };
  extensions?: Record<string, object>;
};

/** The audience and importance of a piece of content. */
export type Annotations = {
  audience?: ('user' | 'assistant')[];
  /** From 0 to 1. */
  priority?: number;
  /** ISO 8601. */
  lastModified?: string;
};

type Meta = { [name: string]: unknown };

/** Text for the model or the user. */
export type TextContent = { type: 'text'; text: string; annotations?: Annotations; _meta?: Meta };
/** An image in base64. */
export type ImageContent = { type: 'image'; data: string; mimeType: string; annotations?: Annotations; _meta?: Meta };
/** Audio in base64. */
export type AudioContent = { type: 'audio'; data: string; mimeType: string; annotations?: Annotations; _meta?: Meta };
/** The contents of a resource: text, or bytes in base64. */
export type ResourceContents =
  | { uri: string; mimeType?: string; text: string; _meta?: Meta }
  | { uri: string; mimeType?: string; blob: string; _meta?: Meta };
/** A resource included with its contents. */
export type EmbeddedResource = {
  type: 'resource';
  resource: ResourceContents;
  annotations?: Annotations;
  _meta?: Meta;
};
/** A link to a resource that can be read by its URI. */
export type ResourceLink = Resource & { type: 'resource_link' };

/** One piece of content of a tool's result or of a message. */
export type ContentBlock = TextContent | ImageContent | AudioContent | EmbeddedResource | ResourceLink;

/** The result of a tool. Records store it in this form; a binding translates it for its generation. */
export type CallToolResult = {
  content: ContentBlock[];
  structuredContent?: { [name: string]: unknown };
  isError?: boolean;
  _meta?: Meta;
  [name: string]: unknown;
};

/** One message of a prompt. */
export type PromptMessage = { role: 'user' | 'assistant'; content: ContentBlock };

/** The result of a prompt. */
export type GetPromptResult = {
  description?: string;
  messages: PromptMessage[];
  _meta?: Meta;
  [name: string]: unknown;
};

/** The result of reading a resource. */
export type ReadResourceResult = {
  contents: ResourceContents[];
  _meta?: Meta;
  [name: string]: unknown;
};

/** An argument of a prompt, as listed. */
export type PromptArgument = { name: string; title?: string; description?: string; required?: boolean };

/** A prompt, as listed. */
export type Prompt = {
  name: string;
  title?: string;
  description?: string;
  icons?: Icon[];
  arguments?: PromptArgument[];
  _meta?: Meta;
};

/** A resource, as listed. */
export type Resource = {
  uri: string;
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
  /** In bytes. */
  size?: number;
  icons?: Icon[];
  annotations?: Annotations;
  _meta?: Meta;
};

/** A resource template, as listed. */
export type ResourceTemplate = Omit<Resource, 'uri' | 'size'> & {
  /** RFC 6570. */
  uriTemplate: string;
};

/** Hints about a tool. A client must not rely on those of a server that it does not trust. */
export type ToolAnnotations = {
  title?: string;
  readOnlyHint?: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
};

/** A JSON schema of an object. */
type ObjectSchema = {
  type: 'object';
  properties?: { [name: string]: object };
  required?: string[];
  [keyword: string]: unknown;
};

/** A tool, as listed. */
export type Tool = {
  name: string;
  title?: string;
  description?: string;
  inputSchema: ObjectSchema;
  outputSchema?: ObjectSchema;
  annotations?: ToolAnnotations;
  icons?: Icon[];
  execution?: { taskSupport?: 'optional' | 'required' | 'forbidden' };
  _meta?: Meta;
};

/** A task, as clients see it. */
export type Task = {
  taskId: string;
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  statusMessage?: string;
  /** ISO 8601. */
  createdAt: string;
  lastUpdatedAt: string;
  /** How long the task is kept after its creation, in milliseconds; null for unlimited. */
  ttl: number | null;
  /** How often to poll, in milliseconds. */
  pollInterval?: number;
};

/** A folder or file on which a client lets the server work. */
export type Root = { uri: string; name?: string; _meta?: Meta };

/** The qualities that matter in the choice of a model. */
export type ModelPreferences = {
  hints?: { name?: string }[];
  /** From 0 to 1, like the other priorities. */
  costPriority?: number;
  speedPriority?: number;
  intelligencePriority?: number;
};

/** Whether the model must use a tool. */
export type ToolChoice = { mode?: 'auto' | 'required' | 'none' };

/** A model's use of a tool. */
export type ToolUseContent = {
  type: 'tool_use';
  id: string;
  name: string;
  input: { [name: string]: unknown };
  _meta?: Meta;
};
/** The result of a tool that a model used. */
export type ToolResultContent = {
  type: 'tool_result';
  toolUseId: string;
  content: ContentBlock[];
  structuredContent?: { [name: string]: unknown };
  isError?: boolean;
  _meta?: Meta;
};

/** One piece of content of a message to or from a model. */
export type SamplingMessageContentBlock =
  TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent;

/** A message to or from a model. */
export type SamplingMessage = {
  role: 'user' | 'assistant';
  content: SamplingMessageContentBlock | SamplingMessageContentBlock[];
  _meta?: Meta;
};

/** A sampling request: the parameters of a question to a model. */
export type CreateMessageRequestParams = {
  messages: SamplingMessage[];
  maxTokens: number;
  modelPreferences?: ModelPreferences;
  systemPrompt?: string;
  includeContext?: 'none' | 'thisServer' | 'allServers';
  temperature?: number;
  stopSequences?: string[];
  metadata?: object;
  tools?: Tool[];
  toolChoice?: ToolChoice;
  task?: object;
  _meta?: Meta;
};

/** The answer of a model. */
export type CreateMessageResult = {
  model: string;
  role: 'user' | 'assistant';
  content: TextContent | ImageContent | AudioContent;
  stopReason?: string;
  _meta?: Meta;
  [name: string]: unknown;
};

/** The answer of a model that was given tools. */
export type CreateMessageResultWithTools = Omit<CreateMessageResult, 'content'> & {
  model: string;
  role: 'user' | 'assistant';
  content: SamplingMessageContentBlock | SamplingMessageContentBlock[];
};

/** The types of a tool, for typed clients. */
export interface ToolShape {
  /** Its arguments on the wire; `undefined` if it takes none. */
  readonly input: object | undefined;
  /** Its structured content; `unknown` if that cannot be inferred. */
  readonly structured: unknown;
}

/** The tools of a server by name, as far as they can be inferred. */
export type ToolMap = Record<string, ToolShape>;
