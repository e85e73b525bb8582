import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  ask,
  Context,
  CurrentDocket,
  defineTool,
  inject,
  job,
  Logger,
  param,
  Progress,
  tool,
} from '../../src/index.js';
import { closeOpened, connect, serverOf } from '../helpers/in-memory.js';
import { expectNoInjected } from '../helpers/no-injected.js';

afterEach(closeOpened);

const icons = [{ src: 'https://example.com/a.png', mimeType: 'image/png', sizes: ['48x48'] }];
const annotations = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };

class Tools {
  @tool({
    name: 'all.of-it_1',
    title: 'All of it',
    description: 'Everything',
    annotations,
    icons,
    _meta: { 'example.com/x': { y: 1 } },
    input: z.object({ a: z.string() }),
    output: z.object({ b: z.number() }),
    task: 'required',
  })
  everything(given: { a: string }, ctx: Context) {
    return { b: given.a.length + ctx.component.length };
  }

  @tool()
  nothing() {}

  @tool({ output: z.array(z.string()) })
  mixed(
    ctx: Context,
    @param('name', z.string().describe('Whose')) name: string,
    progress: Progress,
    @ask('Where?', z.object({ where: z.string() })) where: { where: string },
    @inject(Logger) logger: Logger,
    docket: CurrentDocket,
    signal: AbortSignal,
    @param('count', z.number().default(1)) count: number,
  ) {
    return [ctx, name, progress, where, logger, docket, signal, count].map(String);
  }

  @job()
  hidden() {}
}

describe('tools/list', () => {
  it('says everything that a tool says of itself', async () => {
    const client = await connect(serverOf({ components: [Tools] }).server);
    const { tools } = await client.listTools();
    expect(tools[0]).toEqual({
      name: 'all.of-it_1',
      title: 'All of it',
      description: 'Everything',
      inputSchema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      outputSchema: {
        type: 'object',
        properties: { b: { type: 'number' } },
        required: ['b'],
      },
      annotations,
      icons,
      execution: { taskSupport: 'required' },
      _meta: { 'example.com/x': { y: 1 } },
    });
  });

  it('says no more than that', async () => {
    const client = await connect(serverOf({ components: [Tools] }).server);
    const { tools } = await client.listTools();
    expect(tools[1]).toEqual({ name: 'nothing', inputSchema: { type: 'object', properties: {} } });
  });

  it('shows what @param names and nothing that is injected or asked', async () => {
    const client = await connect(serverOf({ components: [Tools] }).server);
    const { tools } = await client.listTools();
    expect(tools[2]).toMatchObject({
      inputSchema: {
        type: 'object',
        properties: { name: { type: 'string', description: 'Whose' }, count: { type: 'number', default: 1 } },
        required: ['name'],
      },
      outputSchema: { properties: { result: { type: 'array', items: { type: 'string' } } }, required: ['result'] },
    });
    expect(Object.keys(tools[2]!.inputSchema.properties ?? {})).toEqual(['name', 'count']);
    expectNoInjected(tools);
  });

  it('keeps the order of components, and shows no job', async () => {
    const client = await connect(serverOf({ components: [Tools] }).server);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['all.of-it_1', 'nothing', 'mixed']);
  });
});

describe('execution.taskSupport', () => {
  const supportOf = async (tasks: unknown, task: unknown): Promise<unknown> => {
    const one = defineTool({ name: 'one', ...(task !== undefined && { task: task as boolean }), run: () => '' });
    const server = serverOf({ components: [one], ...(tasks !== undefined && { tasks: tasks as boolean }) }).server;
    const client = await connect(server);
    const { tools } = await client.listTools();
    // A client may not ask for a task of a server that does not declare tasks.
    const declared = client.getServerCapabilities()?.tasks !== undefined;
    expect(declared).toBe(tools[0]?.execution !== undefined);
    return tools[0]?.execution?.taskSupport;
  };

  it.each([
    [undefined, undefined],
    [true, 'optional'],
    [false, undefined],
    ['optional', 'optional'],
    ['required', 'required'],
    ['forbidden', undefined],
  ])('for task: %p is %p', async (task, support) => {
    expect(await supportOf(undefined, task)).toBe(support);
  });

  it.each([
    [true, undefined, 'optional'],
    ['required', undefined, 'required'],
    ['required', false, undefined],
    [true, 'required', 'required'],
    [false, true, 'optional'],
  ])("with the server's tasks: %p and task: %p is %p", async (tasks, task, support) => {
    expect(await supportOf(tasks, task)).toBe(support);
  });
});
