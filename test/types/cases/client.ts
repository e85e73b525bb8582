/** What must and must not compile with clients. Compiled by test/types/types.test.ts, never run. */
import { Context, createServer, defineJob, defineTool, type ErrandServer, param, Progress, text, tool } from 'errand';
import {
  type Client,
  type ClientOf,
  connect,
  type PromptTask,
  type ResourceTask,
  type TaskEvent,
  type ToolMap,
  type ToolTask,
} from 'errand/client';
import { z } from 'zod';
import { Quarter, same, type Same, Warehouse } from './components.js';

const search = defineTool({
  name: 'search',
  input: z.object({
    query: z.string(),
    limit: z.number().default(10),
    day: z
      .codec(z.iso.date(), z.date(), {
        decode: (iso) => new Date(iso),
        encode: (date) => date.toISOString(),
      })
      .optional(),
  }),
  output: z.object({ hits: z.array(z.string()), took: z.number() }),
  run: ({ query, limit }) => ({ hits: [query], took: limit }),
});
const count = defineTool({ name: 'count', output: z.number(), task: true, run: () => 7 });
const list = defineTool({ name: 'list', output: z.array(z.string()), run: () => ['one'] });
const greet = defineTool({ name: 'greet', inject: [Progress], run: (_input, progress) => `Hi ${progress.current}` });
const sweep = defineJob({ name: 'sweep', run: () => 'swept' });
const page = defineTool({ name: 'page', input: z.object({ from: z.number().default(0) }), run: ({ from }) => from });
const ping = defineTool({ name: 'ping', input: z.object({}), run: () => 'pong' });
declare const anyName: string;
const renamed = defineTool({ name: anyName, run: () => 'any' });
const numbered = defineTool({ name: anyName, input: z.object({ no: z.number() }), run: ({ no }) => no });

// Components that are defined: everything is known.
const defined = createServer({
  name: 'defined',
  version: '1.0.0',
  components: [search, count, list, greet, page, ping, sweep],
});

export async function definedTools(): Promise<unknown[]> {
  const client = await connect(defined);
  const found = await client.callTool('search', { query: 'x', day: '2026-11-20' });
  same<Same<typeof found.isError, boolean | undefined>>();
  const hits: string[] | undefined = found.structuredContent?.hits;
  const counted = await client.callTool('count');
  const result: number | undefined = counted.structuredContent?.result;
  const listed: string[] | undefined = (await client.callTool('list', {})).structuredContent?.result;
  const greeting: Record<string, unknown> | undefined = (await client.callTool('greet', undefined, { timeout: 5 }))
    .structuredContent;
  const task = await client.callTool('search', { query: 'x', limit: 3 }, { task: true, ttl: 60_000 });
  const took: number | undefined = (await task.result()).structuredContent?.took;
  const counting = await client.callTool('count', {}, { task: true });
  await client.callTool('count', undefined, { task: true });
  for await (const event of counting) same<Same<typeof event, TaskEvent>>();
  return [
    hits,
    result,
    listed,
    greeting,
    took,
    // What demands nothing need not be given.
    client.callTool('page'),
    client.callTool('page', { from: 5 }),
    client.callTool('page', undefined, { task: true }),
    client.callTool('ping'),
    // @ts-expect-error: it is a number
    client.callTool('page', { from: 'start' }),
    // @ts-expect-error: there is no such tool
    client.callTool('serach', { query: 'x' }),
    // @ts-expect-error: a job is no tool
    client.callTool('sweep'),
    // @ts-expect-error: it needs its arguments
    client.callTool('search'),
    // @ts-expect-error: the query is missing
    client.callTool('search', { limit: 3 }),
    // @ts-expect-error: the limit is a number
    client.callTool('search', { query: 'x', limit: '3' }),
    // @ts-expect-error: a day travels as text
    client.callTool('search', { query: 'x', day: new Date() }),
    // @ts-expect-error: as a task it is the same
    client.callTool('search', { query: 3 }, { task: true }),
    // @ts-expect-error: it takes nothing
    client.callTool('count', { from: 1 }),
    // @ts-expect-error: only a task has a ttl
    client.callTool('count', {}, { ttl: 60_000 }),
    // @ts-expect-error: the structured content is another
    found.structuredContent?.misses.length,
    // @ts-expect-error: a handle is not awaited for its result
    (await counting).content,
  ];
}

// The same by a URL.
export async function byUrl(): Promise<unknown[]> {
  const client = await connect<typeof defined>('http://127.0.0.1:3000/mcp');
  same<Same<typeof client, ClientOf<typeof defined>>>();
  const derived = await connect(defined.with({ override: [] }));
  same<Same<typeof derived, typeof client>>();
  await connect<typeof classes>({ command: 'node', args: ['server.js'] });
  return [
    client.callTool('count'),
    // @ts-expect-error: there is no such tool
    client.callTool('counts'),
    // @ts-expect-error: a server has a type
    connect<string>('http://127.0.0.1:3000/mcp'),
  ];
}

// Classes: names and arguments of methods, and any other name, because decorators may rename.
const Search = z.object({
  since: z.codec(z.iso.date(), z.date(), { decode: (iso) => new Date(iso), encode: (date) => date.toISOString() }),
  tags: z.array(z.string()),
  page: z.object({ from: z.number().default(0), size: z.number() }),
});

class Reports {
  readonly title = 'Reports';

  @tool({ input: Search })
  find({ since, tags, page }: z.output<typeof Search>) {
    return [since.getTime(), tags.length, page.from];
  }

  @tool({ input: Quarter })
  build({ quarter }: Quarter, ctx: Context) {
    return `${quarter} ${ctx.component}`;
  }

  @tool({ input: Quarter })
  after(progress: Progress, { quarter }: Quarter) {
    return `${quarter} ${progress.current}`;
  }

  @tool()
  named(@param('text', z.string()) given: string) {
    return text(given);
  }

  @tool()
  nothing() {
    return 7;
  }

  @tool()
  stock(warehouse: Warehouse) {
    return warehouse.count();
  }

  @tool({ name: 'renamed_tool', input: Quarter })
  renamed({ quarter }: Quarter) {
    return quarter;
  }
}

const jobs = createServer({ name: 'jobs', version: '1.0.0', components: [sweep] });
// @ts-expect-error: it has no tool
void connect(jobs).then((client) => client.callTool('sweep'));

const classes = createServer({
  name: 'classes',
  version: '1.0.0',
  components: [{ component: Reports, lifetime: 'singleton' }, search],
  providers: [Warehouse],
});

export async function classTools(): Promise<unknown[]> {
  const client = await connect(classes);
  const built = await client.callTool('build', { quarter: 'Q1' });
  same<Same<typeof built.structuredContent, Record<string, unknown> | undefined>>();
  const task = await client.callTool('build', { quarter: 'Q1' }, { task: true });
  same<Same<typeof task, ToolTask>>();
  const hits: string[] | undefined = (await client.callTool('search', { query: 'x' })).structuredContent?.hits;
  return [
    hits,
    client.callTool('after', { quarter: 'Q1' }),
    client.callTool('named', { text: 'x' }),
    client.callTool('nothing'),
    client.callTool('build'),
    client.callTool('find', { since: '2026-11-20', tags: ['one'], page: { size: 3 } }),
    client.callTool('find' as string, { since: 2026 }),
    // @ts-expect-error: a tag is a string
    client.callTool('find', { tags: [1] }),
    // @ts-expect-error: a size is a number
    client.callTool('find', { page: { size: '3' } }),
    client.callTool('stock', {}),
    client.callTool('renamed_tool', { quarter: 'Q1' }),
    // @ts-expect-error: a quarter is a string
    client.callTool('build', { quarter: 1 }),
    // @ts-expect-error: there is no year
    client.callTool('build', { quarter: 'Q1', year: 2026 }),
    // @ts-expect-error: it takes nothing
    client.callTool('nothing', { quarter: 'Q1' }),
    // @ts-expect-error: what is defined is known fully, also beside a class
    client.callTool('search', { query: 1 }),
  ];
}

// Of several tools whose names are not known, nothing is; what is known beside them stays so.
export async function namelessTools(): Promise<unknown[]> {
  const nameless = createServer({ name: 'nameless', version: '1.0.0', components: [renamed, numbered, search] });
  const client = await connect(nameless);
  const hits: string[] | undefined = (await client.callTool('search', { query: 'x' })).structuredContent?.hits;
  return [
    hits,
    client.callTool('seven', { no: 7 }),
    client.callTool('any'),
    // @ts-expect-error: a query is a string
    client.callTool('search', { query: 7 }),
  ];
}

// Where nothing is known, everything is fine.
export async function unknownTools(server: ErrandServer, foreign: { connect(transport: unknown): Promise<void> }) {
  const components: Parameters<typeof createServer>[0]['components'] = [];
  const clients: Client[] = [
    await connect(server),
    await connect(foreign),
    await connect('npx server'),
    await connect(new URL('http://127.0.0.1:3000/mcp'), { name: 'me' }),
    await connect({ command: 'node', args: ['server.js'] }),
    await connect(classes as ErrandServer),
    await connect(createServer({ name: 'unnamed', version: '1.0.0', components: [renamed] })),
    await connect(createServer({ name: 'list', version: '1.0.0', components })),
  ];
  const client = clients[0] as Client;
  same<Same<typeof client.listTasks, () => AsyncGenerator<Awaited<ReturnType<ToolTask['status']>>, void, undefined>>>();
  const prompt = await client.getPrompt('any', { language: 'en' }, { task: true });
  same<Same<typeof prompt, PromptTask>>();
  const { messages } = await client.getPrompt('any');
  const resource = await client.readResource('file:///x', { task: true });
  same<Same<typeof resource, ResourceTask>>();
  const { contents } = await client.readResource('file:///x');
  const known: ToolTask = client.toolTask('id', { onProgress: ({ progress }) => console.log(progress) });
  return [
    messages,
    contents,
    known,
    client.callTool('any', { any: 'thing' }),
    client.callTool('any', undefined, { task: true }),
    client.callTool('any'),
    // @ts-expect-error: arguments have names
    client.callTool('any', 'thing'),
    // @ts-expect-error: arguments of prompts are text
    client.getPrompt('any', { count: 3 }),
    // @ts-expect-error: there is no such target
    connect(42),
  ];
}

export const everyServerIsOne: ErrandServer[] = [defined, classes];
export const everyClientIsOne = (client: ClientOf<typeof defined>): Client => client;
export const noTools: ToolMap = {};

// A prefix of a component class is part of the names of its tools.
class Listed {
  @tool()
  list({ page }: { page: number }) {
    return page;
  }
}
const prefixed = createServer({
  name: 'prefixed',
  version: '1',
  components: [{ component: Listed, prefix: 'users_' }],
});
export async function prefixes() {
  const client = await connect(prefixed);
  await client.callTool('users_list', { page: 1 });
  // @ts-expect-error the page is a number
  await client.callTool('users_list', { page: 'one' });
  await client.callTool('list', { page: 'one' });
}
