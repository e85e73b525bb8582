import { afterEach, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  assistantMessage,
  Context,
  file,
  image,
  injectable,
  param,
  Progress,
  prompt,
  resource,
  tool,
  ToolError,
  userMessage,
} from '../../src/index.js';
import { closeOpened, connect, serverOf } from '../helpers/in-memory.js';
import { rejection, request, untilStatus } from '../helpers/raw-calls.js';

class Library {
  readonly pages = new Map([['ada lovelace', 'Notes']]);
}

const Review = z.object({
  diff: z.string().describe('The change'),
  depth: z.coerce.number().int().optional(),
});

@injectable()
class Desk {
  constructor(private readonly library: Library) {}

  @prompt({ description: 'Review a change', title: 'Review', input: Review, task: 'optional', _meta: { kept: true } })
  async review({ diff, depth }: z.infer<typeof Review>, ctx: Context, progress: Progress) {
    await progress.setTotal(1);
    const answer = await ctx.elicit('Strict?', z.boolean());
    const strict = answer.action === 'accept' && answer.content;
    await progress.increment();
    return [
      userMessage(`${strict ? 'Strictly' : 'Kindly'} review at depth ${depth ?? 1}: ${diff}`),
      assistantMessage('Yes.'),
    ];
  }

  @prompt({ name: 'say' })
  greet(@param('name', z.string()) name: string) {
    return `Greet ${name}`;
  }

  @prompt()
  picture() {
    return image(new Uint8Array([1, 2]), 'image/png');
  }

  @prompt({ task: 'required' })
  slow() {
    return 'slow';
  }

  @prompt({ task: 'optional' })
  refuse(): string {
    throw new ToolError('not on Mondays');
  }

  @prompt({ task: 'optional' })
  break(): string {
    throw new Error('a secret');
  }

  @prompt({ task: 'optional' })
  protocol(): string {
    throw new McpError(-32050, 'no', { why: 'because' });
  }

  @resource('library://{author}', { description: 'A page', mimeType: 'text/markdown', task: 'optional' })
  async page(@param('author', z.string()) author: string, ctx: Context) {
    const page = this.library.pages.get(author);
    if (page === undefined) throw new ToolError(`nothing by ${author}`);
    return `# ${page} (${ctx.mode})`;
  }

  @resource('library://index', { name: 'index' })
  index() {
    return [...this.library.pages.keys()];
  }

  @resource('library://cover/{kind}{?size}', { annotations: { audience: ['user'] } })
  cover(@param('kind', z.enum(['png', 'jpg'])) kind: string, @param('size', z.coerce.number()) size: number) {
    return new Uint8Array([size, kind.length]);
  }

  @resource('library://files', { task: 'required' })
  files() {
    return [file('library://files/1', 'one', 'text/plain'), file('library://files/2', new Uint8Array([2]))];
  }

  @tool({ name: 'say' })
  say() {
    return 'tool';
  }
}

afterEach(closeOpened);

const open = (): Promise<Client> =>
  connect(serverOf({ components: [Desk], providers: [Library] }).server, {
    answer: () => ({ action: 'accept', content: { value: true } }),
  });

const asTask = async (client: Client, method: string, params: Record<string, unknown>): Promise<unknown> => {
  const { task } = (await request(client, method, { ...params, task: { ttl: 60_000 } })) as {
    task: { taskId: string };
  };
  return request(client, 'tasks/result', { taskId: task.taskId });
};

const anId = { 'io.modelcontextprotocol/related-task': { taskId: expect.any(String) } };
const user = (text: string) => ({ role: 'user', content: { type: 'text', text } });

describe('prompts', () => {
  it('are listed with their arguments and whether they may run as tasks', async () => {
    const { prompts } = await (await open()).listPrompts();
    expect(prompts[0]).toEqual({
      name: 'review',
      title: 'Review',
      description: 'Review a change',
      arguments: [
        { name: 'diff', description: 'The change', required: true },
        { name: 'depth', description: 'A whole number', required: false },
      ],
      _meta: { kept: true, 'errand/task-support': 'optional' },
    });
    expect(prompts.slice(1, 3)).toEqual([
      { name: 'say', arguments: [{ name: 'name', required: true }] },
      { name: 'picture' },
    ]);
  });

  it('give messages, beside a tool of the same name', async () => {
    const client = await open();
    expect(await client.getPrompt({ name: 'say', arguments: { name: 'Ada' } })).toEqual({
      messages: [user('Greet Ada')],
    });
    expect(await client.callTool({ name: 'say' })).toEqual({ content: [{ type: 'text', text: 'tool' }] });
    expect((await client.getPrompt({ name: 'picture' })).messages).toEqual([
      { role: 'user', content: { type: 'image', data: 'AQI=', mimeType: 'image/png' } },
    ]);
  });

  it('parse their arguments from strings and ask their user, in the foreground and as tasks [MT1] [MR2]', async () => {
    const client = await open();
    const messages = [
      user('Strictly review at depth 3: +1'),
      { role: 'assistant', content: { type: 'text', text: 'Yes.' } },
    ];
    const params = { name: 'review', arguments: { diff: '+1', depth: '3' } };
    expect(await client.getPrompt(params)).toEqual({ description: 'Review a change', messages });
    expect(await asTask(client, 'prompts/get', params)).toEqual({
      description: 'Review a change',
      messages,
      _meta: anId,
    });
  });

  it('refuse what does not fit, with an error and without a task', async () => {
    const client = await open();
    for (const args of [{}, { diff: '+1', depth: 'deep' }, { diff: 1 }]) {
      for (const task of [undefined, {}]) {
        const params = { name: 'review', arguments: args, ...(task && { task }) };
        expect(await rejection(request(client, 'prompts/get', params))).toMatchObject({ code: -32602 });
      }
    }
    expect(await rejection(client.getPrompt({ name: 'nothing' }))).toMatchObject({
      code: -32602,
      message: expect.stringContaining('Unknown prompt: nothing'),
    });
    expect(await request(client, 'tasks/list')).toEqual({ tasks: [] });
  });

  it('fail with errors of the protocol, the same in both modes; the text of others is masked [MR2] [MS3] [F68]', async () => {
    const client = await open();
    const both = (name: string) => [client.getPrompt({ name }), asTask(client, 'prompts/get', { name })];
    for (const failure of both('refuse')) {
      expect(await rejection(failure)).toMatchObject({ code: -32603, message: 'MCP error -32603: not on Mondays' });
    }
    for (const failure of both('break')) {
      expect(await rejection(failure)).toMatchObject({
        code: -32603,
        message: expect.stringMatching(/^MCP error -32603: break failed\. Reference [0-9a-f-]{36}\.$/),
      });
    }
    for (const failure of both('protocol')) {
      expect(await rejection(failure)).toMatchObject({ code: -32050, data: { why: 'because' } });
    }
  });

  it('run as tasks only where they say so [MC6]', async () => {
    const client = await open();
    expect(await rejection(client.getPrompt({ name: 'slow' }))).toMatchObject({ code: -32601 });
    expect(await rejection(asTask(client, 'prompts/get', { name: 'picture' }))).toMatchObject({ code: -32601 });
    expect(await asTask(client, 'prompts/get', { name: 'slow' })).toMatchObject({ messages: [user('slow')] });
  });
});

describe('resources', () => {
  it('are listed at their URI, or as templates [MC5]', async () => {
    const client = await open();
    expect((await client.listResources()).resources).toEqual([
      { name: 'index', uri: 'library://index' },
      { name: 'files', uri: 'library://files', _meta: { 'errand/task-support': 'required' } },
    ]);
    expect((await client.listResourceTemplates()).resourceTemplates).toEqual([
      {
        name: 'page',
        uriTemplate: 'library://{author}',
        description: 'A page',
        mimeType: 'text/markdown',
        _meta: { 'errand/task-support': 'optional' },
      },
      { name: 'cover', uriTemplate: 'library://cover/{kind}{?size}', annotations: { audience: ['user'] } },
    ]);
  });

  it('give text, data, bytes and files', async () => {
    const client = await open();
    const read = async (uri: string) => (await client.readResource({ uri })).contents;
    const uri = 'library://ada%20lovelace';
    expect(await read(uri)).toEqual([{ uri, mimeType: 'text/markdown', text: '# Notes (foreground)' }]);
    expect(await read('library://index')).toEqual([
      { uri: 'library://index', mimeType: 'application/json', text: '["ada lovelace"]' },
    ]);
    const cover = 'library://cover/png?size=7';
    expect(await read(cover)).toEqual([{ uri: cover, mimeType: 'application/octet-stream', blob: 'BwM=' }]);
  });

  it('run as tasks only where they say so [MC6] [MT1]', async () => {
    const client = await open();
    const uri = 'library://ada%20lovelace';
    expect(await asTask(client, 'resources/read', { uri })).toEqual({
      contents: [{ uri, mimeType: 'text/markdown', text: '# Notes (background)' }],
      _meta: anId,
    });
    expect(await asTask(client, 'resources/read', { uri: 'library://files' })).toMatchObject({
      contents: [
        { uri: 'library://files/1', mimeType: 'text/plain', text: 'one' },
        { uri: 'library://files/2', blob: 'Ag==' },
      ],
    });
    expect(await rejection(client.readResource({ uri: 'library://files' }))).toMatchObject({ code: -32601 });
    expect(await rejection(asTask(client, 'resources/read', { uri: 'library://index' }))).toMatchObject({
      code: -32601,
    });
  });

  it('refuse what is not there or does not fit', async () => {
    const client = await open();
    for (const uri of ['library://a/b', 'other://x', '', 'library://%zz']) {
      expect(await rejection(client.readResource({ uri }))).toMatchObject({ code: -32002, data: { uri } });
    }
    const long = `library://${'a'.repeat(10_000)}`;
    const told = `${long.slice(0, 199)}…`;
    expect(await rejection(client.readResource({ uri: long }))).toMatchObject({ code: -32002, data: { uri: told } });
    expect(await rejection(client.readResource({ uri: 'library://cover/gif?size=1' }))).toMatchObject({ code: -32602 });
    expect(await rejection(client.readResource({ uri: 'library://nobody' }))).toMatchObject({
      code: -32603,
      message: 'MCP error -32603: nothing by nobody',
    });
    expect(await rejection(asTask(client, 'resources/read', { uri: 'library://nobody' }))).toMatchObject({
      code: -32603,
    });
  });
});

describe('the capability for tasks', () => {
  it('names the requests whose components may run as tasks, and no others [MC1] [MC2]', async () => {
    const client = await open();
    expect(client.getServerCapabilities()?.tasks).toEqual({
      list: {},
      cancel: {},
      requests: { prompts: { get: {} }, resources: { read: {} } },
    });
    // No tool runs as a task here, so what is asked of tools/call is ignored.
    expect(await request(client, 'tools/call', { name: 'say', task: { ttl: 1 } })).toEqual({
      content: [{ type: 'text', text: 'tool' }],
    });
  });

  it('is not there for prompts and resources that run in the foreground only, where `task` is ignored [MC2]', async () => {
    class Plain {
      @prompt()
      hello() {
        return 'hello';
      }

      @tool({ task: 'optional' })
      work() {
        return 'worked';
      }
    }
    const client = await connect(serverOf({ components: [Plain] }).server);
    expect(client.getServerCapabilities()?.tasks?.requests).toEqual({ tools: { call: {} } });
    expect(client.getServerCapabilities()?.resources).toBeUndefined();
    expect(await request(client, 'prompts/get', { name: 'hello', task: {} })).toEqual({ messages: [user('hello')] });
    expect(await rejection(client.listResources())).toMatchObject({ code: -32601 });
  });
});

describe('what the model reads at once', () => {
  class Reports {
    @tool({
      input: z.object({ quarter: z.string() }),
      task: 'optional',
      immediateResponse: ({ quarter }) => `Building ${quarter}…`,
    })
    build({ quarter }: { quarter: string }) {
      return quarter;
    }

    @tool({ task: 'optional', immediateResponse: 'Please wait.' })
    wait() {
      return 'waited';
    }

    @tool({
      task: 'optional',
      immediateResponse: () => {
        throw new Error('no words');
      },
    })
    mute() {
      return 'mute';
    }
  }

  it('is set by the tool, for a task only [MT6]', async () => {
    const { server, log } = serverOf({ components: [Reports] });
    const client = await connect(server);
    const meta = async (name: string, args: object) =>
      (await request(client, 'tools/call', { name, arguments: args, task: {} }))._meta;
    const key = 'io.modelcontextprotocol/model-immediate-response';
    expect(await meta('build', { quarter: 'Q3' })).toEqual({ [key]: 'Building Q3…' });
    expect(await meta('wait', {})).toEqual({ [key]: 'Please wait.' });
    expect(await meta('mute', {})).toBeUndefined();
    expect(log.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'immediateResponse failed and was left out',
    ]);
    expect(await request(client, 'tools/call', { name: 'wait' })).toEqual({
      content: [{ type: 'text', text: 'waited' }],
    });
  });
});

it('a prompt or a resource keeps its task through a status and a cancel [MX1]', async () => {
  class Endless {
    @prompt({ task: 'optional' })
    async think(signal: AbortSignal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return 'never';
    }
  }
  const client = await connect(serverOf({ components: [Endless] }).server);
  const { task } = (await request(client, 'prompts/get', { name: 'think', task: {} })) as { task: { taskId: string } };
  await untilStatus(client, task.taskId, 'working');
  expect(await request(client, 'tasks/cancel', { taskId: task.taskId })).toMatchObject({ status: 'cancelled' });
});
