/** The severity of a log message (RFC 5424). */
export type LoggingLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency';

/** An icon that clients show next to a name. */
export type Icon = {
  /** Its URL: https or data. */
  src: string;
  /** Its media type, where the URL does not tell. */
  mimeType?: string;
  /** Such as `'48x48'`, or `'any'`. */
  sizes?: string[];
  /** The theme that it is made for. */
  theme?: 'light' | 'dark';
};

/** The name and version of a client or a server. */
export type Implementation = {
  /** Its name, for programs. */
  name: string;
  /** Its version. */
  version: string;
  /** Its name, for people. */
  title?: string;
  /** What it does, for people. */
  description?: string;
  /** Where people read more. */
  websiteUrl?: string;
  /** Pictures that show it. */
  icons?: Icon[];
};

/** The capabilities that a client can declare, in either generation. */
export type ClientCapabilities = {
  /** Capabilities that no specification has. */
  experimental?: Record<string, object>;
  /** It lets its model answer; also with context, or with tools. */
  sampling?: {
    /** With context of servers. */
    context?: object;
    /** With tools. */
    tools?: object;
  };
  /** It asks its user; with forms, or at a URL. */
  elicitation?: {
    /** With forms. */
    form?: { [name: string]: unknown };
    /** At a URL. */
    url?: object;
  };
  /** It tells which folders the server may work on. */
  roots?: {
    /** It notifies the server when they change. */
    listChanged?: boolean;
  };
  /** Its own requests that may become tasks. */
  tasks?: { [name: string]: unknown };
  /** Extensions of the protocol, by their names. */
  extensions?: Record<string, object>;
};

/** The audience and importance of a piece of content. */
export type Annotations = {
  /** For whom it is. */
  audience?: ('user' | 'assistant')[];
  /** From 0 to 1. */
  priority?: number;
  /** ISO 8601. */
  lastModified?: string;
};

type Meta = { [name: string]: unknown };

/** Text for the model or the user. */
export type TextContent = {
  /** Always `text`. */
  type: 'text';
  /** The text. */
  text: string;
  /** For whom it is, and how much it matters. */
  annotations?: Annotations;
  /** Metadata of MCP. */
  _meta?: Meta;
};
/** A picture in base64. */
export type ImageContent = {
  /** Always `image`. */
  type: 'image';
  /** The bytes in base64. */
  data: string;
  /** The media type. */
  mimeType: string;
  /** For whom it is, and how much it matters. */
  annotations?: Annotations;
  /** Metadata of MCP. */
  _meta?: Meta;
};
/** Sound in base64. */
export type AudioContent = {
  /** Always `audio`. */
  type: 'audio';
  /** The bytes in base64. */
  data: string;
  /** The media type. */
  mimeType: string;
  /** For whom it is, and how much it matters. */
  annotations?: Annotations;
  /** Metadata of MCP. */
  _meta?: Meta;
};
/** The contents of a resource: text, or bytes in base64. */
export type ResourceContents =
  | {
      /** The URI of the resource. */
      uri: string;
      /** The media type. */
      mimeType?: string;
      /** The text. */
      text: string;
      /** Metadata of MCP. */
      _meta?: Meta;
    }
  | {
      /** The URI of the resource. */
      uri: string;
      /** The media type. */
      mimeType?: string;
      /** The bytes in base64. */
      blob: string;
      /** Metadata of MCP. */
      _meta?: Meta;
    };
/** A resource with its contents. */
export type EmbeddedResource = {
  /** Always `resource`. */
  type: 'resource';
  /** The contents. */
  resource: ResourceContents;
  /** For whom it is, and how much it matters. */
  annotations?: Annotations;
  /** Metadata of MCP. */
  _meta?: Meta;
};
/** A resource that can be read by its URI. */
export type ResourceLink = Resource & {
  /** Always `resource_link`. */
  type: 'resource_link';
};

/** One piece of content of a tool's result or of a message. */
export type ContentBlock = TextContent | ImageContent | AudioContent | EmbeddedResource | ResourceLink;

/** The result of a tool. Records store it in this form; a binding translates it for its generation. */
export type CallToolResult = {
  /** What the model and the user see. */
  content: ContentBlock[];
  /** The result for programs. */
  structuredContent?: { [name: string]: unknown };
  /** Whether the tool failed. */
  isError?: boolean;
  /** Metadata of MCP. */
  _meta?: Meta;
  [name: string]: unknown;
};

/** One message of a prompt. */
export type PromptMessage = {
  /** Who says it. */
  role: 'user' | 'assistant';
  /** What is said. */
  content: ContentBlock;
};

/** The result of a prompt. */
export type GetPromptResult = {
  /** What the prompt is for. */
  description?: string;
  /** Its messages, in order. */
  messages: PromptMessage[];
  /** Metadata of MCP. */
  _meta?: Meta;
  [name: string]: unknown;
};

/** The result of reading a resource. */
export type ReadResourceResult = {
  /** The contents of the resource, and of those below it. */
  contents: ResourceContents[];
  /** Metadata of MCP. */
  _meta?: Meta;
  [name: string]: unknown;
};

/** An argument of a prompt, as it is listed. */
export type PromptArgument = {
  /** Its name. */
  name: string;
  /** Its name, for people. */
  title?: string;
  /** What it is for. */
  description?: string;
  /** Whether it has to be given. */
  required?: boolean;
};

/** A prompt, as listed. */
export type Prompt = {
  /** Its name, for programs. */
  name: string;
  /** Its name, for people. */
  title?: string;
  /** What it is for. */
  description?: string;
  /** Pictures that show it. */
  icons?: Icon[];
  /** What it takes. */
  arguments?: PromptArgument[];
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** A resource, as listed. */
export type Resource = {
  /** Its URI. */
  uri: string;
  /** Its name, for programs. */
  name: string;
  /** Its name, for people. */
  title?: string;
  /** What it is. */
  description?: string;
  /** Its media type. */
  mimeType?: string;
  /** In bytes. */
  size?: number;
  /** Pictures that show it. */
  icons?: Icon[];
  /** For whom it is, and how much it matters. */
  annotations?: Annotations;
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** A resource template, as listed. */
export type ResourceTemplate = Omit<Resource, 'uri' | 'size'> & {
  /** RFC 6570. */
  uriTemplate: string;
};

/** Hints about a tool. A client must not rely on those of a server that it does not trust. */
export type ToolAnnotations = {
  /** Its name, for people. */
  title?: string;
  /** It changes nothing. */
  readOnlyHint?: boolean;
  /** What it changes may be lost. */
  destructiveHint?: boolean;
  /** A second call with the same arguments changes nothing more. */
  idempotentHint?: boolean;
  /** It reaches the outside world. */
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
  /** Its name, for programs. */
  name: string;
  /** Its name, for people. */
  title?: string;
  /** What it does, for the model. */
  description?: string;
  /** The JSON schema of its arguments. */
  inputSchema: ObjectSchema;
  /** The JSON schema of its structured content. */
  outputSchema?: ObjectSchema;
  /** Hints about it. */
  annotations?: ToolAnnotations;
  /** Pictures that show it. */
  icons?: Icon[];
  /** Whether it may, or has to, run as a task. */
  execution?: {
    /** Default `forbidden`. */
    taskSupport?: 'optional' | 'required' | 'forbidden';
  };
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** A task, as clients see it. */
export type Task = {
  /** Its id. */
  taskId: string;
  /** Where it stands. */
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  /** The same for people. */
  statusMessage?: string;
  /** ISO 8601. */
  createdAt: string;
  /** ISO 8601. */
  lastUpdatedAt: string;
  /** How long the task is kept after its creation, in milliseconds; null for unlimited. */
  ttl: number | null;
  /** How often to poll, in milliseconds. */
  pollInterval?: number;
};

/** A folder or file that a client lets the server work on. */
export type Root = {
  /** A `file:` URI. */
  uri: string;
  /** Its name, for people. */
  name?: string;
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** The qualities that matter in the choice of a model. */
export type ModelPreferences = {
  /** Names of models, or parts of them, the best first. */
  hints?: {
    /** A part of the name. */
    name?: string;
  }[];
  /** From 0 to 1, as the others. */
  costPriority?: number;
  /** How much speed matters. */
  speedPriority?: number;
  /** How much ability matters. */
  intelligencePriority?: number;
};

/** Whether the model has to use a tool. */
export type ToolChoice = {
  /** Default `auto`: as the model likes. */
  mode?: 'auto' | 'required' | 'none';
};

/** A model's use of a tool. */
export type ToolUseContent = {
  /** Always `tool_use`. */
  type: 'tool_use';
  /** Its id, which the result repeats. */
  id: string;
  /** The name of the tool. */
  name: string;
  /** The arguments. */
  input: { [name: string]: unknown };
  /** Metadata of MCP. */
  _meta?: Meta;
};
/** The result of a tool that a model used. */
export type ToolResultContent = {
  /** Always `tool_result`. */
  type: 'tool_result';
  /** The id of the use. */
  toolUseId: string;
  /** What the model sees. */
  content: ContentBlock[];
  /** The result for programs. */
  structuredContent?: { [name: string]: unknown };
  /** Whether the tool failed. */
  isError?: boolean;
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** One piece of content of a message to or from a model. */
export type SamplingMessageContentBlock =
  TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent;

/** A message to or from a model. */
export type SamplingMessage = {
  /** Who says it. */
  role: 'user' | 'assistant';
  /** What is said. */
  content: SamplingMessageContentBlock | SamplingMessageContentBlock[];
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** A sampling request: the parameters of a question to a model. */
export type CreateMessageRequestParams = {
  /** The conversation so far. */
  messages: SamplingMessage[];
  /** The most tokens to generate. */
  maxTokens: number;
  /** What the model should be good at. */
  modelPreferences?: ModelPreferences;
  /** What the model is told first; the client may change it. */
  systemPrompt?: string;
  /** The context of which servers the client adds. */
  includeContext?: 'none' | 'thisServer' | 'allServers';
  /** How much chance there is in the answer. */
  temperature?: number;
  /** Texts at which the model stops. */
  stopSequences?: string[];
  /** Parameters for the provider of the model. */
  metadata?: object;
  /** Tools that the model may use. */
  tools?: Tool[];
  /** Whether it has to use one. */
  toolChoice?: ToolChoice;
  /** Asks for a task. */
  task?: object;
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** The answer of a model. */
export type CreateMessageResult = {
  /** The model that answered. */
  model: string;
  /** Who says it. */
  role: 'user' | 'assistant';
  /** The answer. */
  content: TextContent | ImageContent | AudioContent;
  /** Why the model stopped. */
  stopReason?: string;
  /** Metadata of MCP. */
  _meta?: Meta;
  [name: string]: unknown;
};

/** The answer of a model that was given tools. */
export type CreateMessageResultWithTools = Omit<CreateMessageResult, 'content'> & {
  /** The model that answered. */
  model: string;
  /** Who says it. */
  role: 'user' | 'assistant';
  /** The answer, or the tools that the model wants to use. */
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
