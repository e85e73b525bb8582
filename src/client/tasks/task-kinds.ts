import {
  CallToolResultSchema,
  GetPromptResultSchema,
  ReadResourceResultSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { z } from 'zod';
import type { GetPromptResult, ReadResourceResult, ServerCapabilities } from '../../protocol/types.js';
import { PromptTask, ResourceTask, ToolTask, type HandleParts, type ToolCallResult } from './task-handle.js';

/** A kind of request that can run as a task. */
export interface Kind<R extends object, Handle> {
  readonly method: string;
  /** The schema of its result. */
  readonly result: z.ZodType<R>;
  readonly Handle: new (parts: HandleParts<R>) => Handle;
  /** Whether the server declares that it runs such requests as tasks. */
  readonly isDeclared: (server: ServerCapabilities) => boolean;
}

export const toolCall: Kind<ToolCallResult, ToolTask> = {
  method: 'tools/call',
  result: CallToolResultSchema,
  Handle: ToolTask<unknown>,
  isDeclared: (server) => declares(server, 'tools', 'call'),
};

export const promptGet: Kind<GetPromptResult, PromptTask> = {
  method: 'prompts/get',
  result: GetPromptResultSchema,
  Handle: PromptTask,
  isDeclared: (server) => declares(server, 'prompts', 'get'),
};

export const resourceRead: Kind<ReadResourceResult, ResourceTask> = {
  method: 'resources/read',
  result: ReadResourceResultSchema,
  Handle: ResourceTask,
  isDeclared: (server) => declares(server, 'resources', 'read'),
};

/** The specification knows tasks of tools only. Servers that have the other two declare them in the same place. */
function declares({ tasks }: ServerCapabilities, what: 'tools' | 'prompts' | 'resources', method: string): boolean {
  const requests = tasks?.requests as Record<string, Record<string, unknown> | undefined> | undefined;
  return requests?.[what]?.[method] !== undefined;
}
