import type { AudioContent, ContentBlock, ImageContent, Meta, TextContent, Tool } from './types.js';

/** The qualities that matter in the choice of a model. */
export type ModelPreferences = {
  /** Names of models, or parts of them, the best first. */
  hints?: {
    /** A part of the name. */
    name?: string;
  }[];
  /** How much cost matters, from 0 to 1. */
  costPriority?: number;
  /** How much speed matters, from 0 to 1. */
  speedPriority?: number;
  /** How much ability matters, from 0 to 1. */
  intelligencePriority?: number;
};

/** Whether the model must use a tool. */
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
  /** The content for the model. */
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
  /** Who speaks. */
  role: 'user' | 'assistant';
  /** The content of the message. */
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
  /** The qualities to choose a model by. */
  modelPreferences?: ModelPreferences;
  /** Instructions to the model; the client may change them. */
  systemPrompt?: string;
  /** The servers whose context the client adds. */
  includeContext?: 'none' | 'thisServer' | 'allServers';
  /** The temperature of the sampling: higher is more random. */
  temperature?: number;
  /** Texts at which the model stops. */
  stopSequences?: string[];
  /** Parameters for the provider of the model. */
  metadata?: object;
  /** Tools that the model may use. */
  tools?: Tool[];
  /** Whether the model must use a tool. */
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
  /** Who speaks. */
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
  /** Who speaks. */
  role: 'user' | 'assistant';
  /** The answer, or the tools that the model wants to use. */
  content: SamplingMessageContentBlock | SamplingMessageContentBlock[];
};
