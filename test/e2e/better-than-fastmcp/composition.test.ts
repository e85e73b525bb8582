import { afterEach, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { Context, createServer, CurrentServer, defineTool, Logger, type ErrandServer } from '../../../src/index.js';
import { modes } from '../../helpers/in-memory.js';
import { request, startTask } from '../../helpers/raw-calls.js';
import { connectInMemory } from '../../helpers/transports.js';

const logger = new Logger(() => undefined);
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

/** Says in which server and in which mode it runs. */
const where = defineTool({
  name: 'where',
  task: 'optional',
  inject: [CurrentServer, Context],
  run: (_input, { name }, { mode }) => `${name}, ${mode}`,
});

/** A client within a tool, as an orchestrator has it. */
async function clientOf(server: ErrandServer): Promise<Client> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  const client = new Client({ name: 'inner', version: '1.0.0' });
  await client.connect(near);
  opened.push(client);
  return client;
}

const textOf = ({ content: [first] }: { content: unknown[] }): string => (first as { text: string }).text;

describe.each(modes)('a tool in the %s that calls other servers of its process', (mode) => {
  it('runs tasks there, each in its own server, and hands none of its own mode on [F14] [F28]', async () => {
    const inner = createServer({ name: 'inner', version: '1.0.0', components: [where], logger });
    const asks = defineTool({
      name: 'asks',
      task: 'optional',
      inject: [Context],
      run: async (_input, ctx) => {
        const heard: string[] = [ctx.mode];
        for (const server of [inner, outer]) {
          const client = await clientOf(server);
          const { taskId } = await startTask(client, 'where');
          heard.push(textOf(await client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema)));
          heard.push(textOf(CallToolResultSchema.parse(await client.callTool({ name: 'where' }))));
        }
        return { heard };
      },
    });
    const outer: ErrandServer = createServer({ name: 'outer', version: '1.0.0', components: [asks, where], logger });
    opened.push(inner, outer);
    await using peer = await connectInMemory(outer);
    const params = { name: 'asks', ...(mode === 'background' && { task: {} }) };
    const answered = await request(peer.client, 'tools/call', params);
    const { task } = answered as { task?: { taskId: string } };
    const result = task ? await request(peer.client, 'tasks/result', { taskId: task.taskId }) : answered;
    expect(result.structuredContent).toEqual({
      heard: [mode, 'inner, background', 'inner, foreground', 'outer, background', 'outer, foreground'],
    });
  });
});
