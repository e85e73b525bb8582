import {
  CallToolResultSchema,
  GetPromptResultSchema,
  ReadResourceResultSchema,
  type Result,
  type ServerCapabilities,
} from '@modelcontextprotocol/sdk/types.js';
import type { GetPromptResult, ReadResourceResult } from '../../protocol/types.js';
import { PromptTask, ResourceTask, ToolTask, type HandleParts, type ToolCallResult } from './task-handle.js';

/** A kind of request that can run as a task. */
export interface Kind<R extends object, Handle> {
  readonly method: string;
  readonly parse: (answer: Result) => R;
  readonly Handle: new (parts: HandleParts<R>) => Handle;
  /** Whether the server declares that it runs such requests as tasks. */
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

/** The SDK knows tasks of tools only. Servers that have the other two declare them in the same place. */
function declares({ tasks }: ServerCapabilities, what: 'prompts' | 'resources', method: string): boolean {
  const requests = tasks?.requests as Record<string, Record<string, unknown> | undefined> | undefined;
  return requests?.[what]?.[method] !== undefined;
}
