import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Client } from '../../src/client/client.js';
import { connect } from '../../src/client/connect.js';
import type { ClientOptions } from '../../src/client/options.js';
import { Context, createServer, Logger, tool, type ErrandServer } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { ForeignServer } from '../helpers/foreign-server.js';
import { rejection } from '../helpers/raw-calls.js';

class Asking {
  @tool({ task: 'optional' })
  async url(ctx: Context) {
    const { action, elicitationId } = await ctx.elicitUrl('Link?', (id) => `https://example.com/link/${id}`);
    await ctx.elicitationComplete(elicitationId);
    return `${action} ${elicitationId}`;
  }

  @tool({ task: 'optional' })
  async sample(ctx: Context) {
    const { text } = await ctx.sample('Say it', { maxTokens: 7 });
    return text;
  }

  @tool({ task: 'optional' })
  async tools(ctx: Context) {
    const { content } = await ctx.sample('Look it up', {
      tools: [{ name: 'look', inputSchema: { type: 'object' } }],
    });
    return JSON.stringify(content);
  }

  @tool({ task: 'optional' })
  async roots(ctx: Context) {
    return (await ctx.listRoots()).map(({ uri }) => uri).join();
  }

  @tool({ task: 'optional' })
  async form(ctx: Context) {
    const answer = await ctx.elicit('How many?', z.object({ count: z.number() }));
    return JSON.stringify(answer);
  }
}

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function connectTo(target: ErrandServer | ForeignServer | string, options: ClientOptions): Promise<Client> {
  const client = await connect(target, options);
  open.push(client);
  return client;
}

const textOf = ({ content: [first] }: { content: unknown[] }): string => (first as { text: string }).text;

const assistant = (content: object): never => ({ role: 'assistant', model: 'mute', content }) as never;

describe.each(['in memory', 'http'])('%s', (wire) => {
  describe.each([false, true])('with task: %p', (task) => {
    async function ask(name: string, options: ClientOptions): Promise<string> {
      const logger = new Logger(() => undefined);
      const server = createServer({ name: 'asking', version: '1.0.0', components: [Asking], grace: '1s', logger });
      open.push(server);
      const client = await connectTo(wire === 'http' ? (await server.listen()).url : server, options);
      const result = task
        ? await (await client.callTool(name, {}, { task })).result()
        : await client.callTool(name, {});
      return textOf(result);
    }

    const taskId = task ? expect.any(String) : undefined;

    it('sends the user to a URL, and hears when that is done', async () => {
      const asked: unknown[] = [];
      const complete: string[] = [];
      const answer = await ask('url', {
        onElicitUrl: (question) => {
          asked.push(question);
          return { action: 'accept' };
        },
        onElicitComplete: (id) => complete.push(id),
      });
      const [action, id = ''] = answer.split(' ');
      expect(action).toBe('accept');
      const signal = expect.any(AbortSignal);
      const url = `https://example.com/link/${id}`;
      expect(asked).toEqual([{ message: 'Link?', url, elicitationId: id, signal, ...(task && { taskId }) }]);
      await eventually(() => expect(complete).toEqual([id]));
    });

    it('asks a model', async () => {
      const asked: unknown[] = [];
      const answer = await ask('sample', {
        onSample: (request) => {
          asked.push(request);
          return assistant({ type: 'text', text: 'it' });
        },
      });
      expect(answer).toBe('it');
      expect(asked).toMatchObject([
        { messages: [{ role: 'user', content: { type: 'text', text: 'Say it' } }], maxTokens: 7 },
      ]);
      expect((asked[0] as { taskId?: string }).taskId).toEqual(taskId);
    });

    it('asks a model that may use tools', async () => {
      const use = [{ type: 'tool_use', id: '1', name: 'look', input: {} }];
      expect(await ask('tools', { sampleTools: true, onSample: () => assistant(use) })).toBe(JSON.stringify(use));
    });

    it.each<[string, ClientOptions['roots'] & object]>([
      ['a list', [{ uri: 'file:///one' }, { uri: 'file:///two', name: 'Two' }]],
      ['a function', async () => [{ uri: 'file:///one' }, { uri: 'file:///two' }]],
    ])('tells its roots from %s', async (_what, roots) => {
      expect(await ask('roots', { roots })).toBe('file:///one,file:///two');
    });

    it.each(['url', 'sample', 'tools', 'roots'])('declares nothing that nobody answers: %s', async (name) => {
      expect(await ask(name, { onElicit: () => ({ action: 'cancel' }) })).toContain('did not declare');
    });
  });
});

describe('a question of a server that does as it likes', () => {
  const form = { message: 'Name?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };
  const content = { name: 'Ada' };
  const related = { 'io.modelcontextprotocol/related-task': { taskId: 'known' } };

  async function asking(options: ClientOptions = {}): Promise<ForeignServer> {
    const server = new ForeignServer();
    await connectTo(server, options);
    return server;
  }

  it('is answered with the task that it belongs to', async () => {
    const server = await asking({
      onElicit: ({ taskId }) => ({ action: taskId === 'known' ? 'accept' : 'cancel', content }),
      onSample: ({ taskId }) => assistant({ type: 'text', text: String(taskId) }),
      roots: [],
    });
    const sampling = { messages: [], maxTokens: 1, _meta: related };
    expect(await server.ask('elicitation/create', { ...form, _meta: related })).toEqual({
      action: 'accept',
      content,
      _meta: related,
    });
    expect(await server.ask('sampling/createMessage', sampling)).toMatchObject({
      content: { text: 'known' },
      _meta: related,
    });
    expect(await server.ask('roots/list', { _meta: related })).toEqual({ roots: [], _meta: related });
    expect(await server.ask('elicitation/create', form)).toEqual({ action: 'cancel', content });
  });

  it('is answered although it wishes for a task, which the client does not make', async () => {
    const server = await asking({ onElicit: () => ({ action: 'accept', content }) });
    expect(await server.ask('elicitation/create', { ...form, task: { ttl: 5 } })).toEqual({
      action: 'accept',
      content,
    });
  });

  it.each<[string, string, Record<string, unknown>, number, string]>([
    [
      'a URL',
      'elicitation/create',
      { mode: 'url', message: 'Go', url: 'https://a.b', elicitationId: '1' },
      -32602,
      'URL',
    ],
    ['sampling', 'sampling/createMessage', { messages: [], maxTokens: 1 }, -32601, 'not found'],
    ['roots', 'roots/list', {}, -32601, 'not found'],
    ['a form without a schema', 'elicitation/create', { message: 'Name?' }, -32602, 'Invalid elicitation/create'],
  ])('is refused when it is none that the client declared: %s', async (_what, method, params, code, message) => {
    const server = await asking({ onElicit: () => ({ action: 'decline' }) });
    expect(await rejection(server.ask(method, params))).toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('is refused when the client declared nothing at all', async () => {
    const server = await asking();
    expect(await rejection(server.ask('elicitation/create', form))).toMatchObject({
      code: -32602,
      message: expect.stringContaining('did not declare elicitation'),
    });
  });

  it('is refused when it has tools and the client declared sampling without', async () => {
    const server = await asking({ onSample: () => assistant({ type: 'text', text: '' }) });
    const params = { messages: [], maxTokens: 1, toolChoice: { mode: 'auto' } };
    expect(await rejection(server.ask('sampling/createMessage', params))).toMatchObject({ code: -32602 });
  });

  it.each<[string, ClientOptions, string]>([
    ['a model that says nothing', { onSample: () => ({}) as never }, 'sampling/createMessage'],
    ['roots elsewhere', { roots: () => [{ uri: 'https://one' }] }, 'roots/list'],
  ])('fails by %s, of which the server learns only that', async (_what, options, method) => {
    const errors: unknown[] = [];
    const server = await asking({ ...options, onError: (error) => errors.push(error) });
    expect(await rejection(server.ask(method, { messages: [], maxTokens: 1 }))).toMatchObject({
      code: -32603,
      message: expect.stringMatching(/The client failed to ask its user\.$/),
    });
    await eventually(() => expect(errors).toMatchObject([{ name: 'ZodError' }]));
  });
});
