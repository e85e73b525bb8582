/** The severity of a log message (RFC 5424). */
export type LoggingLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical' | 'alert' | 'emergency';

/** An icon that clients show next to a name. */
export type Icon = {
  /** Its URL: https or data. */
  src: string;
  /** Its media type, if the URL does not show it. */
  mimeType?: string;
  /** Such as `'48x48'`, or `'any'`. */
  sizes?: string[];
  /** The theme it is designed for. */
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
  /** A description for people. */
  description?: string;
  /** A web page for people. */
  websiteUrl?: string;
  /** Icons to show next to it. */
  icons?: Icon[];
};

/** What a server can do, as it tells its clients. Each part may hold more than is listed here. */
export type ServerCapabilities = {
  /** Capabilities outside the specification. */
  experimental?: Record<string, object>;
  /** The server sends its log. */
  logging?: object;
  /** The server completes arguments. */
  completions?: object;
  /** The server has tools. */
  tools?: {
    /** It notifies the client when they change. */
    listChanged?: boolean;
  };
  /** The server has prompts. */
  prompts?: {
    /** It notifies the client when they change. */
    listChanged?: boolean;
  };
  /** The server has resources. */
  resources?: {
    /** It notifies the client when they change. */
    listChanged?: boolean;
    /** It notifies the client when one that the client subscribed to changes. */
    subscribe?: boolean;
  };
  /** The server runs requests as tasks. */
  tasks?: {
    /** It lists tasks. */
    list?: object;
    /** It cancels tasks. */
    cancel?: object;
    /** The requests that may run as tasks, as `{ tools: { call: {} } }`. */
    requests?: { [name: string]: unknown };
  };
};

/** The capabilities that a client can declare, in either generation. */
export type ClientCapabilities = {
  /** Capabilities outside the specification. */
  experimental?: Record<string, object>;
  /** The client lets servers ask its model. */
  sampling?: {
    /** With context of servers. */
    context?: object;
    /** With tools. */
    tools?: object;
  };
  /** The client lets servers ask its user. */
  elicitation?: {
    /** With forms. */
    form?: { [name: string]: unknown };
    /** At a URL. */
    url?: object;
  };
  /** The client lists the folders that the server may work on. */
  roots?: {
    /** It notifies the server when they change. */
    listChanged?: boolean;
  };
  /** The requests to the client that may run as tasks. */
  tasks?: { [name: string]: unknown };
  /** Extensions of the protocol, by their names. */
  extensions?: Record<string, object>;
};

/** The audience and importance of a piece of content. */
export type Annotations = {
  /** The audience. */
  audience?: ('user' | 'assistant')[];
  /** From 0 to 1. */
  priority?: number;
  /** ISO 8601. */
  lastModified?: string;
};

/** Metadata of MCP (`_meta`), by key. */
export type Meta = { [name: string]: unknown };

/** Text for the model or the user. */
export type TextContent = {
  /** Always `text`. */
  type: 'text';
  /** The text. */
  text: string;
  /** Its audience and importance. */
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
  /** Its audience and importance. */
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
  /** Its audience and importance. */
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
  /** Its audience and importance. */
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
  /** The content for the model and the user. */
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
  /** Who speaks. */
  role: 'user' | 'assistant';
  /** The content of the message. */
  content: ContentBlock;
};

/** The result of a prompt. */
export type GetPromptResult = {
  /** A description of the prompt. */
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
  /** Its purpose. */
  description?: string;
  /** Whether it must be given. */
  required?: boolean;
};

/** A prompt, as listed. */
export type Prompt = {
  /** Its name, for programs. */
  name: string;
  /** Its name, for people. */
  title?: string;
  /** Its purpose. */
  description?: string;
  /** Icons to show next to it. */
  icons?: Icon[];
  /** Its arguments. */
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
  /** A description. */
  description?: string;
  /** Its media type. */
  mimeType?: string;
  /** Its size in bytes. */
  size?: number;
  /** Icons to show next to it. */
  icons?: Icon[];
  /** Its audience and importance. */
  annotations?: Annotations;
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** A resource template, as listed. */
export type ResourceTemplate = Omit<Resource, 'uri' | 'size'> & {
  /** A URI template (RFC 6570). */
  uriTemplate: string;
};

/** Hints about a tool. A client must not rely on those of a server that it does not trust. */
export type ToolAnnotations = {
  /** Its name, for people. */
  title?: string;
  /** The tool changes nothing. */
  readOnlyHint?: boolean;
  /** Its changes may destroy or overwrite something. */
  destructiveHint?: boolean;
  /** A second call with the same arguments changes nothing more. */
  idempotentHint?: boolean;
  /** The tool reaches beyond the server, to the web for example. */
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
  /** A description for the model. */
  description?: string;
  /** The JSON schema of its arguments. */
  inputSchema: ObjectSchema;
  /** The JSON schema of its structured content. */
  outputSchema?: ObjectSchema;
  /** Hints about it. */
  annotations?: ToolAnnotations;
  /** Icons to show next to it. */
  icons?: Icon[];
  /** How it may run. */
  execution?: {
    /** Whether it can or must run as a task. Default `forbidden`. */
    taskSupport?: 'optional' | 'required' | 'forbidden';
  };
  /** Metadata of MCP. */
  _meta?: Meta;
};

/** A task, as clients see it. */
export type Task = {
  /** Its id. */
  taskId: string;
  /** Its status. */
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  /** The status for people. */
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

/** The types of a tool, for typed clients. */
export interface ToolShape {
  /** Its arguments on the wire; `undefined` if it takes none. */
  readonly input: object | undefined;
  /** Its structured content; `unknown` if that cannot be inferred. */
  readonly structured: unknown;
}

/** The tools of a server by name, as far as they can be inferred. */
export type ToolMap = Record<string, ToolShape>;
