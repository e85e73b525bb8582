import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Context, createServer, defineTool, injectable, Logger, Progress, tool, type ErrandServer } from 'errand';
import { z } from 'zod';

/** What both servers use for their work. */
class Prices {
  of(item: string): number {
    return item.length;
  }
}

const Order = z.object({ item: z.string(), amount: z.number().int() });

@injectable()
class OrderTools {
  constructor(private readonly prices: Prices) {}

  @tool({ description: 'What an order costs', input: Order, task: 'optional' })
  cost({ item, amount }: z.infer<typeof Order>, ctx: Context, _progress: Progress, _logger: Logger) {
    return `${ctx.component}: ${this.prices.of(item) * amount}`;
  }
}

/** Three injected tokens and one service. */
export function errandServer(): ErrandServer {
  return createServer({
    name: 'bench',
    version: '1.0.0',
    components: [OrderTools],
    providers: [Prices],
    docket: { concurrency: 100 },
    logger: new Logger(() => undefined),
  });
}

const wait = defineTool({
  name: 'wait',
  task: 'required',
  inject: [Context],
  run: (_input, ctx) => ctx.elicit('Go on?', z.boolean()),
});

/** A server whose tasks stay open, because they wait for an answer. */
export function waitingServer(): ErrandServer {
  return createServer({
    name: 'bench',
    version: '1.0.0',
    components: [wait],
    docket: { limits: { openTasks: 20_000 } },
    logger: new Logger(() => undefined),
  });
}

/** The same tool on the SDK's high-level server. */
export function sdkServer(): McpServer {
  const prices = new Prices();
  const server = new McpServer({ name: 'bench', version: '1.0.0' }, { capabilities: { logging: {} } });
  server.registerTool('cost', { description: 'What an order costs', inputSchema: Order.shape }, ({ item, amount }) => ({
    content: [{ type: 'text', text: `cost: ${prices.of(item) * amount}` }],
  }));
  return server;
}

/** The same tool as a task, on the SDK's own task store. Its `tasks/result` looks again every `pollInterval` milliseconds. */
export function sdkTaskServer(pollInterval: number): McpServer {
  const prices = new Prices();
  const taskStore = new InMemoryTaskStore();
  const server = new McpServer(
    { name: 'bench', version: '1.0.0' },
    {
      capabilities: { tasks: { cancel: {}, requests: { tools: { call: {} } } } },
      taskStore,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  );
  server.experimental.tasks.registerToolTask(
    'cost',
    { description: 'What an order costs', inputSchema: Order.shape, execution: { taskSupport: 'optional' } },
    {
      createTask: async ({ item, amount }, extra) => {
        const task = await extra.taskStore.createTask({ ttl: 60_000, pollInterval });
        const result = { content: [{ type: 'text' as const, text: `cost: ${prices.of(item) * amount}` }] };
        setImmediate(() => void extra.taskStore.storeTaskResult(task.taskId, 'completed', result));
        return { task };
      },
      getTask: async (_args, extra) => extra.taskStore.getTask(extra.taskId),
      getTaskResult: async (_args, extra) => (await extra.taskStore.getTaskResult(extra.taskId)) as never,
    },
  );
  return server;
}
