import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Client } from '../../../src/client/client.js';
import { connect } from '../../../src/client/connect.js';
import type { ClientOptions } from '../../../src/client/options.js';
import type { UserAnswer } from '../../../src/client/questions.js';
import { Context, createServer, defineTool, Logger, ToolError, type ErrandServer } from '../../../src/index.js';
import { eventually } from '../../helpers/eventually.js';
import { modes, textOf } from '../../helpers/in-memory.js';
import { rejection } from '../../helpers/raw-calls.js';
import { answeredWith } from '../../helpers/thrown.js';

const asks = defineTool({
  name: 'asks',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Which?', z.string());
    return answer.action === 'accept' ? answer.content : answer.action;
  },
});

const asksEverything = defineTool({
  name: 'asksEverything',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Which?', z.string());
    const { text } = await ctx.sample('Say something');
    const [root] = await ctx.listRoots();
    return { chosen: answer.action === 'accept' ? answer.content : answer.action, text, root: root?.uri };
  },
});

const failing = (name: string, thrown: Error) =>
  defineTool({ name, task: 'optional', run: () => Promise.reject(thrown) });

const components = [
  asks,
  asksEverything,
  failing('refuses', new ToolError('closed on Mondays')),
  failing('breaks', new McpError(-32042, 'no such table', { table: 7 })),
];

let server: ErrandServer;
let client: Client;

beforeEach(() => {
  server = createServer({ name: 'modes', version: '1.0.0', components, logger: new Logger(() => undefined) });
});

afterEach(async () => {
  await client.close();
  await server.close();
});

const open = async (options: ClientOptions = {}): Promise<void> => {
  client = await connect(server, options);
};

describe.each(modes)('in the %s', (mode) => {
  async function call(name: string) {
    if (mode === 'foreground') return client.callTool(name);
    const task = await client.callTool(name, {}, { task: true });
    await task.wait();
    return task.result();
  }

  it('a tool asks its user, its model and its roots in the same words [F1]', async () => {
    await open({
      onElicit: () => ({ action: 'accept', content: { value: 'blue' } }),
      onSample: () => ({ role: 'assistant', model: 'test', content: { type: 'text', text: 'hello' } }),
      roots: [{ uri: 'file:///work' }],
    });
    const { structuredContent } = await call('asksEverything');
    expect(structuredContent).toEqual({ chosen: 'blue', text: 'hello', root: 'file:///work' });
  });

  it('who waits for a call goes on when its question is answered, and when nobody can answer it [F16]', async () => {
    let answer: ((answer: UserAnswer) => void) | undefined;
    await open({ onElicit: () => new Promise((resolve) => (answer = resolve)) });
    const waiting = call('asks');
    await eventually(() => expect(answer).toBeDefined());
    answer?.({ action: 'accept', content: { value: 'green' } });
    expect(textOf(await waiting)).toBe('green');
    await client.close();

    await open({ elicitation: true });
    expect(textOf(await call('asks'))).toBe('cancel');
  });

  it('a tool that fails gives its unsuccessful result, and an error of the protocol is thrown [F17]', async () => {
    await open();
    expect(await call('refuses')).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'closed on Mondays' }],
    });
    expect(await rejection(call('breaks'))).toMatchObject({
      ...answeredWith(-32042, 'no such table'),
      cause: { data: { table: 7 } },
    });
  });
});

describe('a task', () => {
  it('is waited for until it asks its user, and then until its end [F16]', async () => {
    let answer: ((answer: UserAnswer) => void) | undefined;
    await open({ onElicit: () => new Promise((resolve) => (answer = resolve)) });
    const task = await client.callTool('asks', {}, { task: true });
    expect(await task.wait({ state: 'input_required' })).toMatchObject({ status: 'input_required' });
    await eventually(() => expect(answer).toBeDefined());
    answer?.({ action: 'decline' });
    expect(await task.wait({ state: ['completed', 'failed'] })).toMatchObject({ status: 'completed' });
  });
});
