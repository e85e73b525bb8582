import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { CallToolResultSchema, type ElicitResult, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy } from '../helpers/http-spy.js';
import type { Line } from '../helpers/in-memory.js';
import { rejection, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectHttp, connectInMemory, type Answering, type Peer } from '../helpers/transports.js';

const valueOf = async (answer: ReturnType<Context['elicit']>): Promise<string> => {
  const given = await answer;
  return given.action === 'accept' ? String(given.content) : given.action;
};

const one = defineTool({
  name: 'one',
  task: 'required',
  inject: [Context],
  run: (_input, ctx) => valueOf(ctx.elicit('One?', z.string(), { deadline: 60_000 })),
});

const long = defineTool({
  name: 'long',
  task: 'required',
  inject: [Context],
  run: (_input, ctx) => valueOf(ctx.elicit('One?', z.string())),
});

const now = defineTool({
  name: 'now',
  inject: [Context],
  run: (_input, ctx) => valueOf(ctx.elicit('Now?', z.string())),
});

const two = defineTool({
  name: 'two',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const answers = ['One?', 'Two?'].map((message) => valueOf(ctx.elicit(message, z.string())));
    return (await Promise.all(answers)).join(', ');
  },
});

const asked = 'elicitation/create';
const cancelled = 'notifications/cancelled';
const accept = (value: string): ElicitResult => ({ action: 'accept', content: { value } });

/** One prompt that a client shows. */
interface Prompt {
  readonly message: string;
  readonly answer: (result: ElicitResult | Promise<never>) => void;
  readonly signal: AbortSignal;
}

/** A user who answers when the test does it for them. */
function user(): { prompts: Prompt[]; answer: Answering } {
  const prompts: Prompt[] = [];
  const answer: Answering = ({ message }, signal) =>
    new Promise((resolve) => prompts.push({ message, answer: resolve, signal }));
  return { prompts, answer };
}

/** It stands still: no question goes to the standalone stream before the test says so, however slow the machine is. */
let clock: FakeClock;
let server: ErrandServer;
let log: Line[];

beforeEach(() => {
  log = [];
  const logger = new Logger((level, message, fields) => log.push({ level, message, fields }));
  clock = new FakeClock();
  server = serverWithClock({ name: 'surviving', version: '1.0.0', components: [one, now, two, long], logger }, clock);
});

afterEach(() => server.close());

const resultOf = async ({ client }: Peer, taskId: string): Promise<unknown> =>
  (await client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema)).content;
const says = (text: string) => [{ type: 'text', text }];

/** What is logged of answers that were ignored. */
const ignored = (): unknown[] =>
  log.filter(({ message }) => message === 'An answer was ignored').map(({ fields }) => fields);

async function send({ client }: Peer, message: object): Promise<void> {
  await client.transport!.send({ jsonrpc: '2.0', ...message } as JSONRPCMessage);
}

/** Starts a task whose question is shown, and gives its id and that of its question. */
async function askedTask(peer: Peer): Promise<{ taskId: string; id: string; question: string }> {
  const { taskId } = await startTask(peer.client, 'one');
  const [message] = (await untilTold(peer, asked, 1)) as unknown as [{ id: string }];
  return { taskId, id: message.id, question: message.id.slice(`errand:${taskId}:`.length) };
}

describe('over HTTP', () => {
  let url: string;
  let spy: HttpSpy;
  beforeEach(async () => {
    url = (await server.listen()).url;
    spy = new HttpSpy();
  });

  it('a question moves to the standalone stream when its tasks/result is dropped, and its first prompt is closed [MI2] [MR4] [F56]', async () => {
    const { prompts, answer } = user();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'one');
    const waiting = resultOf(peer, taskId).catch(() => 'never answered');
    await eventually(() => expect(prompts).toHaveLength(1));
    spy.of('tasks/result')[0]?.drop();
    await eventually(async () => {
      await clock.advance(250);
      expect(prompts).toHaveLength(2);
    });
    expect(prompts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    const text = spy.of('GET')[0]!.text;
    expect(text.indexOf(cancelled)).toBeGreaterThan(-1);
    expect(text.indexOf(cancelled)).toBeLessThan(text.indexOf(asked));
    prompts[1]?.answer(accept('still here'));
    await untilStatus(peer.client, taskId, 'completed');
    expect(await resultOf(peer, taskId)).toEqual(says('still here'));
    await peer.client.close();
    expect(await waiting).toBe('never answered');
  });

  it.each(['the first', 'the second'])(
    'a question that nobody answers for a while is shown to another who waits as well, and %s may answer [A9]',
    async (who) => {
      const [slow, ready] = [user(), user()];
      await using first = await connectHttp(url, { answer: slow.answer });
      await using second = await connectHttp(url, { answer: ready.answer });
      const { taskId } = await startTask(first.client, 'long');
      const results = [resultOf(first, taskId)];
      await eventually(() => expect(slow.prompts).toHaveLength(1));
      results.push(resultOf(second, taskId));
      await clock.advance(59_000);
      expect(ready.prompts).toEqual([]);
      await eventually(async () => {
        await clock.advance(1_000);
        expect(ready.prompts).toHaveLength(1);
      });
      expect(slow.prompts[0]!.signal.aborted).toBe(false);
      const [answers, waits] = who === 'the first' ? [slow, ready] : [ready, slow];
      answers.prompts[0]!.answer(accept(who));
      for (const result of results) expect(await result).toEqual(says(who));
      await eventually(() => expect(waits.prompts[0]!.signal.aborted).toBe(true));
      expect([slow.prompts, ready.prompts].map(({ length }) => length)).toEqual([1, 1]);
    },
  );

  it('a question moves to another waiting tasks/result when its own is dropped', async () => {
    const { prompts, answer } = user();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'one');
    const first = resultOf(peer, taskId);
    const second = resultOf(peer, taskId).catch(() => 'never answered');
    await eventually(() => expect(prompts).toHaveLength(1));
    const [left, dropped] = spy.of('tasks/result');
    const [carrier, other] = left!.text.includes(asked) ? [left, dropped] : [dropped, left];
    carrier!.drop();
    await eventually(() => expect(prompts).toHaveLength(2));
    expect(other!.text).toContain(asked);
    prompts[1]?.answer(accept('moved'));
    const settled = await Promise.race([first, second]);
    expect(settled).toEqual(says('moved'));
    await peer.client.close();
    await Promise.allSettled([first, second]);
  });

  it('the answer to a prompt that was closed with its stream counts if it comes first', async () => {
    const { prompts, answer } = user();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'one');
    const waiting = resultOf(peer, taskId).catch(() => 'never answered');
    const [message] = (await untilTold(peer, asked, 1)) as unknown as [{ id: string }];
    spy.of('tasks/result')[0]?.drop();
    // The user pressed the button just as the stream went; the prompt is not shown elsewhere yet.
    await send(peer, { id: message.id, result: accept('in time') });
    expect(await resultOf(peer, taskId)).toEqual(says('in time'));
    expect(told(peer, asked)).toHaveLength(1);
    expect(prompts).toHaveLength(1);
    await peer.client.close();
    await waiting;
  });

  it('a question comes with the tasks/result that a client repeats after a timeout', async () => {
    const { prompts, answer } = user();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'one');
    const { tasks } = peer.client.experimental;
    // Long enough for the request to arrive before its cancellation, which comes over another connection.
    const timedOut = await rejection(tasks.getTaskResult(taskId, CallToolResultSchema, { timeout: 500 }));
    expect(timedOut).toMatchObject({ code: -32001 });
    await eventually(() => expect(spy.of('tasks/result')[0]?.ended).toBe(true));
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    const again = resultOf(peer, taskId);
    await eventually(() => expect(prompts.filter(({ signal }) => !signal.aborted)).toHaveLength(1));
    prompts.at(-1)?.answer(accept('second try'));
    expect(await again).toEqual(says('second try'));
  });

  it('the question of a foreground call is closed when the call is cancelled, and its stream ends', async () => {
    const { prompts, answer } = user();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const patience = new AbortController();
    const calling = rejection(peer.client.callTool({ name: 'now' }, CallToolResultSchema, { signal: patience.signal }));
    await eventually(() => expect(prompts).toHaveLength(1));
    patience.abort();
    await calling;
    await eventually(() => expect(prompts[0]?.signal.aborted).toBe(true));
    await eventually(() => expect(spy.of('tools/call')[0]?.ended).toBe(true));
  });

  it('two simultaneous questions are both asked again, each once [F54]', async () => {
    const { prompts, answer } = user();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'two');
    const dropped = resultOf(peer, taskId).catch(() => 'never answered');
    await eventually(() => expect(prompts).toHaveLength(2));
    const first = told(peer, asked).find(({ params }) => params.message === 'One?') as unknown as { id: string };
    // Not by the handler of the client: this one has arrived when it resolves.
    await send(peer, { id: first.id, result: accept('first') });
    spy.of('tasks/result')[0]?.drop();
    const result = resultOf(peer, taskId);
    await eventually(() => expect(prompts).toHaveLength(3));
    expect(prompts.map(({ message }) => message).sort()).toEqual(['One?', 'Two?', 'Two?']);
    prompts[2]!.answer(accept('second'));
    expect(await result).toEqual(says('first, second'));
    await peer.client.close();
    await dropped;
  });
});

describe('over HTTP on a transport of the host, which does not report dropped streams', () => {
  const clock = new FakeClock();
  let hosted: ErrandServer;
  let host: HttpServer;
  let url: string;

  beforeEach(async () => {
    const logger = new Logger(() => undefined);
    hosted = serverWithClock({ name: 'hosted', version: '1.0.0', components: [one], logger }, clock);
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'the only one' });
    await hosted.connect(transport);
    host = createHttpServer((request, response) => void transport.handleRequest(request, response));
    await new Promise<void>((listening) => host.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    await hosted.close();
    host.closeAllConnections();
    await new Promise((closed) => host.close(closed));
  });

  it('a question that found no standalone stream comes with the next tasks/result [MI2]', async () => {
    const { prompts, answer } = user();
    const withoutStandalone: typeof fetch = (input, init) =>
      init?.method === 'GET' ? Promise.resolve(new Response(null, { status: 405 })) : fetch(input, init);
    await using peer = await connectHttp(url, { fetch: withoutStandalone, answer });
    const { taskId } = await startTask(peer.client, 'one');
    await untilStatus(peer.client, taskId, 'input_required');
    await clock.advance(10_000);
    const result = resultOf(peer, taskId);
    await eventually(() => expect(prompts).toHaveLength(1));
    prompts[0]?.answer(accept('here'));
    expect(await result).toEqual(says('here'));
  });

  it('a question comes with the next tasks/result when its own is dropped, and its first prompt is closed [MR4]', async () => {
    const { prompts, answer } = user();
    const spy = new HttpSpy();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'one');
    const dropped = resultOf(peer, taskId).catch(() => 'never answered');
    await eventually(() => expect(prompts).toHaveLength(1));
    spy.of('tasks/result')[0]?.drop();
    const result = resultOf(peer, taskId);
    await eventually(() => expect(prompts).toHaveLength(2));
    expect(prompts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    prompts[1]?.answer(accept('again'));
    expect(await result).toEqual(says('again'));
    await peer.client.close();
    await dropped;
  });
});

describe('in memory', () => {
  it('a client that follows a task but cannot answer is not asked, and does no harm [MI3]', async () => {
    const { prompts, answer } = user();
    await using peer = await connectInMemory(server, { answer });
    await using follower = await connectInMemory(server);
    const { taskId } = await startTask(peer.client, 'one');
    await eventually(() => expect(prompts).toHaveLength(1));
    const followed = resultOf(follower, taskId);
    // Both are answered in the order in which they came: the wait has begun.
    expect(await follower.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    prompts[0]!.answer(accept('by who can'));
    expect(await followed).toEqual(says('by who can'));
    expect(told(follower, asked)).toEqual([]);
  });

  it('a prompt stays open while a client repeats its tasks/result after a timeout [MR4] [MX2]', async () => {
    const { prompts, answer } = user();
    await using peer = await connectInMemory(server, { answer });
    const { taskId } = await startTask(peer.client, 'one');
    await eventually(() => expect(prompts).toHaveLength(1));
    const { tasks } = peer.client.experimental;
    for (let times = 0; times < 2; times++) {
      const timedOut = await rejection(tasks.getTaskResult(taskId, CallToolResultSchema, { timeout: 20 }));
      expect(timedOut).toMatchObject({ code: -32001 });
    }
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    const result = resultOf(peer, taskId);
    prompts[0]?.answer(accept('patience'));
    expect(await result).toEqual(says('patience'));
    expect(told(peer, asked)).toHaveLength(1);
    expect(told(peer, cancelled)).toEqual([]);
  });

  it('the first of two answers counts, and the second is ignored and logged [F54]', async () => {
    await using peer = await connectInMemory(server, user());
    const { taskId, id, question } = await askedTask(peer);
    await send(peer, { id, result: accept('first') });
    await send(peer, { id, result: accept('second') });
    expect(await resultOf(peer, taskId)).toEqual(says('first'));
    await eventually(() => expect(ignored()).toEqual([{ taskId, question, result: expect.any(String) }]));
    // The client knows that it answered: nothing closes a prompt that is not there.
    expect(told(peer, cancelled)).toEqual([]);
  });

  it('an answer after the deadline is ignored and logged, because the deadline has answered', async () => {
    await using peer = await connectInMemory(server, user());
    const { taskId } = await startTask(peer.client, 'one');
    const result = resultOf(peer, taskId);
    const [{ id }] = (await untilTold(peer, asked, 1)) as unknown as [{ id: string }];
    await clock.advance(60_000);
    expect(await result).toEqual(says('cancel'));
    const closed = await untilTold(peer, cancelled, 1);
    expect(closed.map(({ params }) => params.requestId)).toEqual([id]);
    await send(peer, { id, result: accept('too late') });
    await eventually(() => expect(ignored()).toMatchObject([{ taskId, result: 'ended' }]));
    expect(await resultOf(peer, taskId)).toEqual(says('cancel'));
  });

  it('an answer after the task was cancelled is ignored and logged [MS1]', async () => {
    await using peer = await connectInMemory(server, user());
    const { taskId, id, question } = await askedTask(peer);
    await peer.client.experimental.tasks.cancelTask(taskId);
    const closed = await untilTold(peer, cancelled, 1);
    expect(closed.map(({ params }) => params.requestId)).toEqual([id]);
    await send(peer, { id, result: accept('too late') });
    await eventually(() => expect(ignored()).toEqual([{ taskId, question, result: 'ended' }]));
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'cancelled' });
  });

  it.each([
    ['no object', 'yes'],
    ['nothing', undefined],
    ['another action', { action: 'shrug' }],
    ['no content', { action: 'accept' }],
    ['other content', { action: 'accept', content: { value: 7 } }],
  ])('an answer of the wrong shape, %s, fails the call and nothing hangs', async (_what, result) => {
    await using peer = await connectInMemory(server, user());
    const { taskId, id } = await askedTask(peer);
    await send(peer, { id, result });
    const answered = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(answered.isError).toBe(true);
    expect(answered.content).toEqual(says(expect.stringContaining('One?') as unknown as string));
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'failed' });
  });

  it('an answer that is a JSON-RPC error fails the call with its code and message', async () => {
    await using peer = await connectInMemory(server, user());
    const { taskId, id } = await askedTask(peer);
    await send(peer, { id, error: { code: -32099, message: 'no screen', data: { screens: 0 } } });
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result).toMatchObject({
      isError: true,
      content: says('The client answered the question "One?" with error -32099: no screen'),
    });
  });

  it.each([
    ['a malformed id', () => 'errand:'],
    ['an id without a question', (taskId: string) => `errand:${taskId}`],
    ['an id with too much', (taskId: string) => `errand:${taskId}:a:b`],
    ['an id of another alphabet', (taskId: string) => `errand:${taskId}:__proto__.x`],
    ['an endless id', (taskId: string) => `errand:${taskId}:${'x'.repeat(100_000)}`],
    ['a question that nobody asked', (taskId: string) => `errand:${taskId}:q-made-up-1`],
    ['a task that nobody made', () => `errand:${'x'.repeat(32)}:q-made-up-1`],
    ['names of every object', () => 'errand:constructor:prototype'],
  ])('an answer to %s is ignored and logged in few words, and the question stays open', async (_what, idOf) => {
    await using peer = await connectInMemory(server, user());
    const { taskId, id } = await askedTask(peer);
    await send(peer, { id: idOf(taskId), result: accept('stray') });
    await send(peer, { id: idOf(taskId), error: { code: 1, message: 'stray' } });
    await eventually(() => expect(ignored()).toHaveLength(2));
    expect(JSON.stringify(ignored()).length).toBeLessThan(1_000);
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    await send(peer, { id, result: accept('right') });
    expect(await resultOf(peer, taskId)).toEqual(says('right'));
  });

  it('an answer is recognized by its id, with or without related-task metadata [MI1]', async () => {
    await using peer = await connectInMemory(server, user());
    const plain = await askedTask(peer);
    await send(peer, { id: plain.id, result: accept('without') });
    expect(await resultOf(peer, plain.taskId)).toEqual(says('without'));
    const { taskId } = await startTask(peer.client, 'one');
    const [, { id }] = (await untilTold(peer, asked, 2)) as unknown as [unknown, { id: string }];
    const _meta = { 'io.modelcontextprotocol/related-task': { taskId: 'of another task' } };
    await send(peer, { id, result: { ...accept('with'), _meta } });
    expect(await resultOf(peer, taskId)).toEqual(says('with'));
  });

  it('two simultaneous questions can be answered in any order [F54] [MI1]', async () => {
    const { prompts, answer } = user();
    await using peer = await connectInMemory(server, { answer });
    const { taskId } = await startTask(peer.client, 'two');
    await eventually(() => expect(prompts).toHaveLength(2));
    const messages = told(peer, asked);
    expect(new Set(messages.map((message) => (message as unknown as { id: string }).id)).size).toBe(2);
    for (const { params } of messages) {
      expect(params._meta).toEqual({ 'io.modelcontextprotocol/related-task': { taskId } });
    }
    prompts.find(({ message }) => message === 'Two?')!.answer(accept('second'));
    prompts.find(({ message }) => message === 'One?')!.answer(accept('first'));
    expect(await resultOf(peer, taskId)).toEqual(says('first, second'));
  });
});
