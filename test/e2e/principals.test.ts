import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type ElicitResult, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, createServer, defineTool, Logger, Progress, type ErrandServer } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import type { Line } from '../helpers/in-memory.js';
import { actAs, connectAs, type Person } from '../helpers/principals.js';
import { rejection, request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import type { Peer, PeerOptions } from '../helpers/transports.js';

const asks = defineTool({
  name: 'asks',
  task: 'optional',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await progress.setMessage('about to ask');
    await ctx.warning('asking');
    const answer = await ctx.elicit('Who?', z.string());
    return answer.action === 'accept' ? answer.content : answer.action;
  },
});

const quick = defineTool({ name: 'quick', task: 'required', run: () => 'done' });

const ada: Person = { subject: 'ada' };

/** Everybody who is not Ada, though some share most of her. */
const others: [string, Person | undefined][] = [
  ['another subject of the same client', { subject: 'eve' }],
  ['the same subject of another issuer', { subject: 'ada', issuer: 'https://other.example' }],
  ['the same subject by another client', { subject: 'ada', client: 'other-app' }],
  ['anonymous', undefined],
];

const never: PeerOptions = { answer: () => new Promise<ElicitResult>(() => undefined) };
const taskMethods = ['tasks/get', 'tasks/result', 'tasks/cancel'];

let server: ErrandServer;
let log: Line[];

beforeEach(() => {
  log = [];
  const logger = new Logger((level, message, fields) => log.push({ level, message, fields }));
  server = createServer({ name: 'principals', version: '1.0.0', components: [asks, quick], logger });
});

afterEach(() => server.close());

/** Starts a task that asks, and waits until its owner sees the question. */
async function askedTask(owner: Peer): Promise<{ taskId: string; id: string }> {
  const { taskId } = await startTask(owner.client, 'asks');
  const [question] = (await untilTold(owner, 'elicitation/create', 1)) as unknown as [{ id: string }];
  return { taskId, id: question.id };
}

const answerTo = (id: string, value: string): JSONRPCMessage => ({
  jsonrpc: '2.0',
  id,
  result: { action: 'accept', content: { value } },
});

/** What is left of an error when the id of the task is taken out of it. */
async function refusal(peer: Peer, method: string, taskId: string): Promise<unknown> {
  const { code, message, data } = await rejection(request(peer.client, method, { taskId }));
  return { code, message: message.replaceAll(taskId, 'ID'), data };
}

const listed = async (peer: Peer): Promise<string[]> =>
  (await peer.client.experimental.tasks.listTasks()).tasks.map(({ taskId }) => taskId);

describe.each(others)('for %s', (_who, person) => {
  it('a task of Ada answers exactly as an unknown one, and goes on [MA1] [ME1]', async () => {
    await using owner = await connectAs(server, ada, never);
    await using other = await connectAs(server, person);
    const { taskId } = await askedTask(owner);
    const { taskId: ended } = await startTask(owner.client, 'quick');
    await untilStatus(owner.client, ended, 'completed');
    for (const method of taskMethods) {
      const unknown = await refusal(other, method, 'A'.repeat(taskId.length));
      expect(unknown).toMatchObject({ code: -32602, data: undefined });
      expect(await refusal(other, method, taskId)).toEqual(unknown);
      expect(await refusal(other, method, ended)).toEqual(unknown);
    }
    expect(await owner.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
  });

  it('a list has their own tasks only, also from a cursor of Ada [MA1] [ML1]', async () => {
    await using owner = await connectAs(server, ada);
    await using other = await connectAs(server, person);
    const own: string[] = [];
    for (let count = 0; count < 120; count++) {
      await startTask(owner.client, 'quick');
      if (count % 50 === 0) own.unshift((await startTask(other.client, 'quick')).taskId);
    }
    expect(await listed(other)).toEqual(own);
    const { nextCursor } = await owner.client.experimental.tasks.listTasks();
    const { tasks } = await other.client.experimental.tasks.listTasks(nextCursor);
    expect(own).toEqual(expect.arrayContaining(tasks.map(({ taskId }) => taskId)));
  });

  it('an answer to a question of Ada is ignored and logged, and she is still asked [MA1] [MI3]', async () => {
    await using owner = await connectAs(server, ada, never);
    await using other = await connectAs(server, person, never);
    const { taskId, id } = await askedTask(owner);
    await other.client.transport!.send(answerTo(id, 'mine'));
    await other.client.transport!.send({ jsonrpc: '2.0', id, error: { code: -1, message: 'no' } });
    const ignored = (): Line[] => log.filter(({ message }) => message === 'An answer was ignored');
    await eventually(() => expect(ignored()).toHaveLength(2));
    for (const { fields } of ignored()) {
      expect(fields).toEqual({ taskId, question: id.split(':')[2], result: 'unknown' });
    }
    expect(await owner.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    await owner.client.transport!.send(answerTo(id, 'hers'));
    const result = await owner.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'hers' }]);
  });

  it('nothing is told of a task of Ada [MA1]', async () => {
    await using owner = await connectAs(server, ada, never);
    await using other = await connectAs(server, person, never);
    const { taskId, id } = await askedTask(owner);
    for (const method of taskMethods) await refusal(other, method, taskId);
    await owner.client.transport!.send(answerTo(id, 'hers'));
    await untilStatus(owner.client, taskId, 'completed');
    await request(other.client, 'ping');
    expect(told(owner, 'notifications/tasks/status').length).toBeGreaterThan(0);
    expect(told(owner, 'notifications/message').length).toBeGreaterThan(0);
    expect(other.received.filter((message) => 'method' in message)).toEqual([]);
  });
});

describe('on one connection', () => {
  it('an answer of another principal does not close the prompt or settle the question [MA1]', async () => {
    await using peer = await connectAs(server, ada, never);
    const { taskId, id } = await askedTask(peer);
    actAs(peer, { subject: 'eve' });
    await peer.client.transport!.send(answerTo(id, 'mine'));
    await request(peer.client, 'ping');
    actAs(peer, ada);
    await request(peer.client, 'tasks/cancel', { taskId });
    // What was not settled is closed where it is shown.
    const closed = await untilTold(peer, 'notifications/cancelled', 1);
    expect(closed.map(({ params }) => params.requestId)).toEqual([id]);
  });

  it('an answer of another principal to a question of a call in the foreground is ignored and logged [MI3]', async () => {
    await using peer = await connectAs(server, ada, never);
    const calling = peer.client.callTool({ name: 'asks' });
    calling.catch(() => undefined); // when the test fails before it looks
    const [{ id }] = (await untilTold(peer, 'elicitation/create', 1)) as unknown as [{ id: string }];
    actAs(peer, { subject: 'eve' });
    await peer.client.transport!.send(answerTo(id, 'mine'));
    await request(peer.client, 'ping');
    expect(log.map(({ message }) => message)).toContain('An answer was ignored');
    actAs(peer, ada);
    await peer.client.transport!.send(answerTo(id, 'hers'));
    expect((await calling).content).toEqual([{ type: 'text', text: 'hers' }]);
  });
});

describe('the same principal', () => {
  it('has its tasks on every connection, each is told of its own, and answers what it was asked [MA1] [MI3] [A1]', async () => {
    await using phone = await connectAs(server, ada, never);
    await using desk = await connectAs(server, { ...ada }, never);
    const { taskId, id } = await askedTask(phone);
    expect(await desk.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    expect(await listed(desk)).toEqual([taskId]);
    expect(desk.received.filter((message) => 'method' in message)).toEqual([]);
    await desk.client.transport!.send(answerTo(id, 'never asked'));
    await eventually(() => expect(log.some(({ message }) => message === 'An answer was ignored')).toBe(true));
    expect(await phone.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    const waiting = request(desk.client, 'tasks/result', { taskId });
    await untilTold(desk, 'elicitation/create', 1);
    await desk.client.transport!.send(answerTo(id, 'from the desk'));
    await waiting;
    const result = await phone.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'from the desk' }]);
    // Whoever was shown the prompt and did not answer it has it closed.
    await untilTold(phone, 'notifications/cancelled', 1);
  });
});
