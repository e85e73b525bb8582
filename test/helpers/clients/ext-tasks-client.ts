import { Client, InMemoryTransport, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { TaskId } from '@modelcontextprotocol/ext-tasks/core';
import {
  createApplicationInputHandler,
  createTaskSessionFromClient,
  resultFromTaskOutcome,
  type ToolExecution,
} from '@modelcontextprotocol/ext-tasks/client';
import {
  CallToolResultSchema,
  CreateTaskResultSchema,
  GetPromptResultSchema,
  ReadResourceResultSchema,
  ResultSchema,
  type CallToolResult,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import type { MatrixClient, MatrixTask, Target, User } from './matrix-client.js';

interface Schema<R> {
  parse(value: unknown): R;
}

/**
 * `@modelcontextprotocol/ext-tasks` on the client of the SDK 2.x. It polls, and takes questions wherever they come. It
 * calls tools only; prompts and resources are requested on the client beneath, and followed by it as tasks that somebody
 * else made.
 */
export async function openExtTasksClient(target: Target, user: User): Promise<MatrixClient> {
  const client = new Client({ name: 'ext-tasks', version: '1.0.0' }, { capabilities: { elicitation: { form: {} } } });
  // It leaves progress to its host.
  const progressOf = new Map<unknown, number[]>();
  client.setNotificationHandler('notifications/progress', ({ params }) => {
    progressOf.get(params.progressToken)?.push(params.progress);
  });
  await client.connect(await transportTo(target));
  const session = createTaskSessionFromClient(client, {
    endpointId: 'matrix',
    onInputRequest: asking(user),
    // Else it prints the questions that it cannot place.
    onError: () => undefined,
  });

  return {
    callTool: async (name, args = {}) => {
      return toolResultOf(await session.callTool(name, args, { task: { preference: 'forbid' } }));
    },
    callToolAsTask: async (name, args = {}) => {
      const { metadata, progress } = listen();
      return follow(await session.callTool(name, args, { task: { preference: 'require' }, metadata }), progress);
    },
    getPrompt: (name, args) =>
      client.request({ method: 'prompts/get', params: { name, arguments: args } }, GetPromptResultSchema),
    getPromptAsTask: (name, args) => adopt('prompts/get', { name, arguments: args }, GetPromptResultSchema),
    readResource: (uri) => client.request({ method: 'resources/read', params: { uri } }, ReadResourceResultSchema),
    readResourceAsTask: (uri) => adopt('resources/read', { uri }, ReadResourceResultSchema),
    // Sent on the client beneath: the session refuses what the tool's declaration forbids.
    callToolAnyway: (name, { task }) =>
      client.request({ method: 'tools/call', params: { name, ...(task && { task: {} }) } }, ResultSchema),
    [Symbol.asyncDispose]: async () => {
      await session.close();
      await client.close();
    },
  };

  function listen(): { metadata: { progressToken: string }; progress: number[] } {
    const progressToken = `matrix-${progressOf.size}`;
    const progress: number[] = [];
    progressOf.set(progressToken, progress);
    return { metadata: { progressToken }, progress };
  }

  /** A task that this session made. */
  function follow(made: ToolExecution<unknown>, progress: readonly number[]): MatrixTask<CallToolResult> {
    if (made.kind !== 'task') throw new Error('The server made no task');
    let execution: ToolExecution<unknown> = made;
    let detached = false;
    return {
      ...common(made.handle.taskId, CallToolResultSchema, progress),
      result: async () => {
        if (detached) execution = await session.resumeTask(made.serializeReference());
        return toolResultOf(execution);
      },
      giveUpAfter: async (patience) => {
        // It lets go of a task that nobody waits for.
        detached = true;
        await execution.settle({ signal: AbortSignal.timeout(patience) });
      },
      cancel: () => execution.cancel(),
    };
  }

  /** A task that this session only knows the id of. */
  async function adopt<R extends Result>(method: string, params: object, schema: Schema<R>): Promise<MatrixTask<R>> {
    const { metadata, progress } = listen();
    const request = { method, params: { ...params, task: {}, _meta: metadata } };
    const { task } = await client.request(request, CreateTaskResultSchema);
    const taskId = task.taskId as TaskId;
    const controller = session.task(taskId);
    const result = async (signal?: AbortSignal): Promise<R> => {
      const resultCodec = { parse: (value: unknown) => ({ success: true as const, value: schema.parse(value) }) };
      return resultFromTaskOutcome(await controller.result({ resultCodec, ...(signal !== undefined && { signal }) }));
    };
    return {
      ...common(taskId, schema, progress),
      result: () => result(),
      giveUpAfter: (patience) => result(AbortSignal.timeout(patience)),
      cancel: () => controller.cancel(),
    };
  }

  function common<R>(taskId: TaskId, schema: Schema<R>, progress: readonly number[]) {
    return {
      taskId,
      progress,
      status: async () => (await session.task(taskId).snapshot()).status,
      storedResult: async () =>
        schema.parse(await client.request({ method: 'tasks/result', params: { taskId } }, ResultSchema)),
    };
  }
}

async function toolResultOf(execution: ToolExecution<unknown>): Promise<CallToolResult> {
  return CallToolResultSchema.parse(resultFromTaskOutcome(await execution.result()));
}

function asking(user: User) {
  const cannot = (): never => {
    throw new Error('The user of the matrix only fills in forms');
  };
  return createApplicationInputHandler({
    elicitation: async ({ params: { message } }, { taskId }) =>
      user({ message: message as string, ...(taskId !== undefined && { taskId }) }),
    sampling: cannot,
    roots: cannot,
  });
}

async function transportTo(target: Target): Promise<Transport> {
  if (target instanceof URL) return new StreamableHTTPClientTransport(target);
  if ('command' in target) return new StdioClientTransport({ ...target, args: [...(target.args ?? [])] });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await target.connect(far);
  return near;
}
