import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ResponseMessage } from '@modelcontextprotocol/sdk/shared/responseMessage.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolResultSchema,
  ElicitRequestSchema,
  GetPromptResultSchema,
  ReadResourceResultSchema,
  ResultSchema,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import type { MatrixClient, MatrixTask, Target, User } from './matrix-client.js';

type Messages<R extends Result> = AsyncGenerator<ResponseMessage<R>, void, void>;

/** The client of the SDK 1.x, which drives tasks with `callToolStream` and `requestStream`. */
export async function openStockClient(target: Target, user: User): Promise<MatrixClient> {
  const client = new Client({ name: 'stock', version: '1.0.0' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
    const related = params._meta?.['io.modelcontextprotocol/related-task'];
    return user({ message: params.message, ...(related !== undefined && { taskId: related.taskId }) });
  });
  await client.connect(await transportTo(target));
  // It learns here which tools are tasks.
  await client.listTools();
  const { tasks } = client.experimental;

  return {
    callTool: async (name, args) => CallToolResultSchema.parse(await client.callTool({ name, arguments: args })),
    callToolAsTask: (name, args) =>
      follow(
        (options) => tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, options),
        (taskId, options) => tasks.getTaskResult(taskId, CallToolResultSchema, options),
      ),
    getPrompt: (name, args) => client.getPrompt({ name, arguments: args }),
    getPromptAsTask: (name, args) => {
      const request = { method: 'prompts/get' as const, params: { name, arguments: args } };
      return follow(
        (options) => tasks.requestStream(request, GetPromptResultSchema, options),
        (taskId, options) => tasks.getTaskResult(taskId, GetPromptResultSchema, options),
      );
    },
    readResource: (uri) => client.readResource({ uri }),
    readResourceAsTask: (uri) => {
      const request = { method: 'resources/read' as const, params: { uri } };
      return follow(
        (options) => tasks.requestStream(request, ReadResourceResultSchema, options),
        (taskId, options) => tasks.getTaskResult(taskId, ReadResourceResultSchema, options),
      );
    },
    callToolAnyway: (name, { task }) =>
      client.request({ method: 'tools/call', params: { name, ...(task && { task: {} }) } }, ResultSchema),
    [Symbol.asyncDispose]: () => client.close(),
  };

  async function follow<R extends Result>(
    start: (options: RequestOptions) => Messages<R>,
    stored: (taskId: string, options?: RequestOptions) => Promise<R>,
  ): Promise<MatrixTask<R>> {
    const progress: number[] = [];
    const messages = start({ task: {}, onprogress: (told) => progress.push(told.progress) });
    const { value: first } = await messages.next();
    if (first?.type === 'error') throw first.error;
    if (first?.type !== 'taskCreated') throw new Error(`The stream began with ${first?.type}`);
    const { taskId } = first.task;
    const end = endOf(messages);
    end.catch(() => undefined);
    return {
      taskId,
      progress,
      status: async () => (await tasks.getTask(taskId)).status,
      result: () => end,
      storedResult: () => stored(taskId),
      giveUpAfter: (timeout) => stored(taskId, { timeout }),
      cancel: async () => {
        await tasks.cancelTask(taskId);
      },
    };
  }
}

/** What the stream ends with, whether or not somebody waits for it. */
async function endOf<R extends Result>(messages: Messages<R>): Promise<R> {
  for await (const message of messages) {
    if (message.type === 'error') throw message.error;
    if (message.type === 'result') return message.result;
  }
  throw new Error('The stream ended without a result');
}

async function transportTo(target: Target): Promise<Transport> {
  if (target instanceof URL) return new StreamableHTTPClientTransport(target);
  if ('command' in target) return new StdioClientTransport({ ...target, args: [...(target.args ?? [])] });
  const [near, far] = InMemoryTransport.createLinkedPair();
  await target.connect(far);
  return near;
}
