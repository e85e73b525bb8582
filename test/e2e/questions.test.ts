import { describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, McpError, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { systemClock } from '../../src/base/clock.js';
import { Logger } from '../../src/base/logger.js';
import { Context } from '../../src/call/context.js';
import { defineTool } from '../../src/components/define.js';
import type { ErrandServer } from '../../src/server/create-server.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectInMemory, type Answering, type Peer } from '../helpers/transports.js';

const name = defineTool({
  name: 'name',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Name?', z.object({ name: z.string().min(2) }));
    return answer.action === 'accept' ? `Hello ${answer.content.name}` : answer.action;
  },
});

const hurried = defineTool({
  name: 'hurried',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Quick?', z.boolean(), { deadline: 40 })).action,
});

const pair = defineTool({
  name: 'pair',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answers = await Promise.all([ctx.elicit('One?', z.string()), ctx.elicit('Two?', z.string())]);
    return answers.map((answer) => (answer.action === 'accept' ? answer.content : answer.action)).join(', ');
  },
});

const patient = defineTool({
  name: 'patient',
  task: 'optional',
  timeout: '1m',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Take your time?', z.boolean())).action,
});

function makeServer(clock = systemClock): ErrandServer {
  const components = [name, hurried, pair, patient];
  return serverWithClock({ name: 'asking', version: '1.0.0', components, logger: silent }, clock);
}

const silent = new Logger(() => undefined);

type Call = (peer: Peer, tool: string) => Promise<unknown>;

const inForeground: Call = ({ client }, tool) => client.callTool({ name: tool });
const asTask: Call = async ({ client }, tool) => {
  const { taskId } = await startTask(client, tool);
  const { _meta, ...result } = await client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
  return result;
};

async function ask(call: Call, tool: string, answer?: Answering, server = makeServer()): Promise<unknown> {
  try {
    await using peer = await connectInMemory(server, answer && { answer });
    return await call(peer, tool);
  } finally {
    await server.close();
  }
}

const says = (text: string) => ({ content: [{ type: 'text', text }] });
const fails = (text: string | RegExp) => ({
  content: [{ type: 'text', text: expect.stringMatching(text) }],
  isError: true,
});

describe.each([
  ['in the foreground', inForeground],
  ['as a task', asTask],
])('a question, %s', (_mode, call) => {
  it.each<[string, ElicitResult]>([
    ['Hello Ada', { action: 'accept', content: { name: 'Ada' } }],
    ['decline', { action: 'decline' }],
    ['cancel', { action: 'cancel' }],
  ])('gives the tool what the user did: %s', async (text, answer) => {
    expect(await ask(call, 'name', () => answer)).toEqual(says(text));
  });

  it('takes only content that fits', async () => {
    const answers: ElicitResult[] = [
      { action: 'accept', content: { name: 'A' } },
      { action: 'accept', content: { name: 7 } },
      { action: 'accept', content: {} },
      { action: 'accept' },
    ];
    for (const answer of answers) {
      expect(await ask(call, 'name', () => answer)).toEqual(fails(/^The answer to "Name\?" does not fit: .+\.$/));
    }
  });

  it('tells of an answer that is an error', async () => {
    const answer = (): never => {
      throw new McpError(-32099, 'no screen');
    };
    expect(await ask(call, 'name', answer)).toEqual(
      fails(/^The client answered the question "Name\?" with error -32099: no screen$/),
    );
  });

  it('tells of an answer that is none', async () => {
    const server = makeServer();
    await using peer = await connectInMemory(server, { answer: () => ({ action: 'cancel' }) });
    // The stock client checks what its handler gives, so the answer goes out beside it.
    peer.client.removeRequestHandler('elicitation/create');
    peer.client.fallbackRequestHandler = async () => ({ action: 'shrug', content: 'nothing' });
    expect(await call(peer, 'name')).toEqual(
      fails(/^The client answered the question "Name\?" with an invalid result/),
    );
    await server.close();
  });

  it('is cancelled by its deadline, which closes the prompt', async () => {
    let closed = (): void => undefined;
    const prompt = new Promise<void>((resolve) => (closed = resolve));
    const never: Answering = (_params, signal) =>
      new Promise(() => signal.addEventListener('abort', () => closed(), { once: true }));
    expect(await ask(call, 'hurried', never)).toEqual(says('cancel'));
    await prompt;
  });

  it('may stay open for longer than the call may run', async () => {
    const clock = new FakeClock();
    const slow: Answering = async () => {
      await clock.advance(2 * 60_000);
      return { action: 'decline' };
    };
    expect(await ask(call, 'patient', slow, makeServer(clock))).toEqual(says('decline'));
  });

  it('may be open together with another', async () => {
    const open: string[] = [];
    const both: Answering = async ({ message }) => {
      open.push(message);
      await eventually(() => expect(open).toHaveLength(2));
      return { action: 'accept', content: { value: message.toLowerCase() } };
    };
    expect(await ask(call, 'pair', both)).toEqual(says('one?, two?'));
  });

  it('is an error at once for a client that cannot be asked [MI3]', async () => {
    expect(await ask(call, 'name')).toEqual(
      fails(/^This call has to ask its user, but the client 'stock' did not declare the capability 'elicitation'\.$/),
    );
  });
});

describe('a question of a task', () => {
  it('names its task and has an id that any process understands [MI1]', async () => {
    const server = makeServer();
    await using peer = await connectInMemory(server, { answer: () => ({ action: 'decline' }) });
    const { taskId } = await startTask(peer.client, 'name');
    const [question] = await untilTold(peer, 'elicitation/create', 1);
    expect(question).toMatchObject({
      id: expect.stringMatching(new RegExp(`^errand:${taskId}:[A-Za-z0-9_-]+$`)),
      params: {
        mode: 'form',
        message: 'Name?',
        requestedSchema: {
          type: 'object',
          properties: { name: { type: 'string', minLength: 2 } },
          required: ['name'],
        },
        _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
      },
    });
    await untilStatus(peer.client, taskId, 'completed');
    await server.close();
  });

  it('is input_required until all are answered [MS2]', async () => {
    const server = makeServer();
    const release = new Map<string, () => void>();
    const answer: Answering = ({ message }) =>
      new Promise((resolve) => release.set(message, () => resolve({ action: 'decline' })));
    await using peer = await connectInMemory(server, { answer });
    const { taskId } = await startTask(peer.client, 'pair');
    await eventually(() => expect(release.size).toBe(2));
    release.get('One?')!();
    await request(peer.client, 'ping');
    await untilStatus(peer.client, taskId, 'input_required');
    release.get('Two?')!();
    await untilStatus(peer.client, taskId, 'completed');
    const statuses = told(peer, 'notifications/tasks/status').map(({ params }) => params.status);
    expect(statuses).toEqual(['input_required', 'working', 'completed']);
    await server.close();
  });

  it('closes its prompt when the task is cancelled, and ignores the answer that comes later [MS1]', async () => {
    const server = makeServer();
    let answer: (result: ElicitResult) => void = () => undefined;
    await using peer = await connectInMemory(server, { answer: () => new Promise((resolve) => (answer = resolve)) });
    const { taskId } = await startTask(peer.client, 'name');
    const [question] = await untilTold(peer, 'elicitation/create', 1);
    await peer.client.experimental.tasks.cancelTask(taskId);
    const [closed] = await untilTold(peer, 'notifications/cancelled', 1);
    expect(closed?.params.requestId).toBe((question as unknown as { id: string }).id);
    answer({ action: 'accept', content: { name: 'Ada' } });
    // A client that missed the cancellation answers all the same.
    await peer.client.transport!.send(answerTo(question, 'Ada'));
    await request(peer.client, 'ping');
    await untilStatus(peer.client, taskId, 'cancelled');
    await server.close();
  });

  it('takes the first answer only', async () => {
    const server = makeServer();
    await using peer = await connectInMemory(server, { answer: () => new Promise(() => undefined) });
    const { taskId } = await startTask(peer.client, 'name');
    const [question] = await untilTold(peer, 'elicitation/create', 1);
    await peer.client.transport!.send(answerTo(question, 'Ada'));
    await peer.client.transport!.send(answerTo(question, 'Eve'));
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'Hello Ada' }]);
    await server.close();
  });

  it('ignores answers to questions that nobody asked', async () => {
    const server = makeServer();
    await using peer = await connectInMemory(server, { answer: () => new Promise(() => undefined) });
    const { taskId } = await startTask(peer.client, 'name');
    await untilTold(peer, 'elicitation/create', 1);
    for (const id of ['errand:', 'errand:x', `errand:${taskId}:made-up`, 'errand:nobody:q', `errand:${taskId}:a:b`]) {
      await peer.client.transport!.send(answerTo({ id }, 'Eve'));
    }
    await untilStatus(peer.client, taskId, 'input_required');
    await server.close();
  });
});

function answerTo(question: unknown, value: string) {
  const { id } = question as { id: string };
  return { jsonrpc: '2.0' as const, id, result: { action: 'accept', content: { name: value } } };
}
