import {
  CallToolResultSchema,
  GetPromptResultSchema,
  ReadResourceResultSchema,
  type Result,
  type ServerCapabilities,
} from '@modelcontextprotocol/sdk/types.js';
import type { GetPromptResult, ReadResourceResult } from '../protocol/types.js';
import { PromptTask, ResourceTask, ToolTask, type HandleParts, type ToolCallResult } from './task-handle.js';

/** One of the requests that may run as a task. */
export interface Kind<R extends object, Handle> {
  readonly method: string;
  readonly parse: (answer: Result) => R;
  readonly Handle: new (parts: HandleParts<R>) => Handle;
  /** Whether the server makes tasks of such requests. */
  readonly isDeclared: (server: ServerCapabilities) => boolean;
}

export const toolCall: Kind<ToolCallResult, ToolTask> = {
  method: 'tools/call',
  parse: (answer) => CallToolResultSchema.parse(answer),
  Handle: ToolTask<unknown>,
  isDeclared: ({ tasks }) => tasks?.requests?.tools?.call !== undefined,
};

export const promptGet: Kind<GetPromptResult, PromptTask> = {
  method: 'prompts/get',
  parse: (answer) => GetPromptResultSchema.parse(answer),
  Handle: PromptTask,
  isDeclared: (server) => declares(server, 'prompts', 'get'),
};

export const resourceRead: Kind<ReadResourceResult, ResourceTask> = {
  method: 'resources/read',
  parse: (answer) => ReadResourceResultSchema.parse(answer),
  Handle: ResourceTask,
  isDeclared: (server) => declares(server, 'resources', 'read'),
};

/** The SDK knows tasks of tools only; the other two are declared in the same place by those who have them. */
function declares({ tasks }: ServerCapabilities, what: 'prompts' | 'resources', method: string): boolean {
  const requests = tasks?.requests as Record<string, Record<string, unknown> | undefined> | undefined;
  return requests?.[what]?.[method] !== undefined;
}
