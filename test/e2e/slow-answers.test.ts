import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolResultSchema,
  type ClientCapabilities,
  type ElicitResult,
  type JSONRPCRequest,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { connect } from '../../src/client/connect.js';
import { Context, createServer, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { paris } from '../helpers/asked-client.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy, type Exchange } from '../helpers/http-spy.js';
import { impatientResult } from '../helpers/impatient.js';
import { closedAfterwards, closeOpened } from '../helpers/in-memory.js';
import { rejection, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { untilShown } from '../helpers/shown.js';
import { connectHttp, type Answering, type Peer, type PeerOptions } from '../helpers/transports.js';

/** What can be asked, and what the tool that asks makes of the answer. */
interface Kind {
  readonly ask: (ctx: Context) => Promise<unknown>;
  readonly isAsked: (request: JSONRPCRequest) => boolean;
  readonly answer: object;
  readonly heard: unknown;
}

const kinds: Record<string, Kind> = {
  form: {
    ask: (ctx) => ctx.elicit('Sure?', z.boolean()),
    isAsked: ({ params }) => params?.mode === 'form',
    answer: { action: 'accept', content: { value: true } },
    heard: { action: 'accept', content: true },
  },
  url: {
    ask: async (ctx) => (await ctx.elicitUrl('Go', (id) => `https://example.com/${id}`)).action,
    isAsked: ({ params }) => params?.mode === 'url',
    answer: { action: 'accept' },
    heard: 'accept',
  },
  sampling: {
    ask: async (ctx) => (await ctx.sample('Capital?')).text,
    isAsked: ({ method }) => method === 'sampling/createMessage',
    answer: paris,
    heard: 'Paris',
  },
  roots: {
    ask: async (ctx) => (await ctx.listRoots()).map(({ uri }) => uri),
    isAsked: ({ method }) => method === 'roots/list',
    answer: { roots: [{ uri: 'file:///a' }] },
    heard: ['file:///a'],
  },
};

const tools = Object.entries(kinds).map(([name, { ask }]) =>
  defineTool({
    name,
    task: 'optional',
    inject: [Context],
    run: async (_input, ctx) => JSON.stringify(await ask(ctx)),
  }),
);
const form = 'form';
const yes: ElicitResult = { action: 'accept', content: { value: true } };
const saidYes = [{ type: 'text', text: JSON.stringify({ action: 'accept', content: true }) }];
const silence = new Logger(() => undefined);

afterEach(closeOpened);

function serve(clock?: FakeClock): ErrandServer {
  const options = { name: 'slow', version: '1.0.0', components: tools, logger: silence };
  return closedAfterwards(clock === undefined ? createServer(options) : serverWithClock(options, clock));
}

/** A stock client that thinks about whatever it is asked for so long that it asks for the result several times. */
async function thinking(url: string): Promise<{ client: Client; shown: JSONRPCRequest[] } & AsyncDisposable> {
  const capabilities: ClientCapabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
  const client = new Client({ name: 'stock', version: '1.0.0' }, { capabilities });
  const shown: JSONRPCRequest[] = [];
  client.fallbackRequestHandler = async (request) => {
    shown.push(request);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const kind = Object.values(kinds).find(({ isAsked }) => isAsked(request));
    return kind?.answer as Result;
  };
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return { client, shown, [Symbol.asyncDispose]: () => client.close() };
}

const textOf = (result: unknown): unknown =>
  JSON.parse((result as { content: [{ text: string }] }).content[0].text) as unknown;

describe.each([
  ['with sessions', {}],
  ['without sessions', { stateless: true }],
])('a stock client of a listener %s, whose tasks/result times out and is repeated', (_which, options) => {
  it('is asked each question once, and its answers count [A1]', async () => {
    await using peer = await thinking((await serve().listen(options)).url);
    const heard = Object.keys(kinds).map(async (kind) => {
      const { taskId } = await startTask(peer.client, kind);
      return textOf(await impatientResult(peer.client, taskId));
    });
    expect(await Promise.all(heard)).toEqual(Object.values(kinds).map((kind) => kind.heard));
    expect(peer.shown).toHaveLength(4);
  });
});

it('a stock client on a transport of the host, whose tasks/result times out and is repeated, is asked once [A1]', async () => {
  const server = serve();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'the only one' });
  await server.connect(transport);
  const host = createHttpServer((request, response) => void transport.handleRequest(request, response));
  await new Promise<void>((listening) => host.listen(0, '127.0.0.1', listening));
  try {
    await using peer = await thinking(`http://127.0.0.1:${(host.address() as AddressInfo).port}`);
    const { taskId } = await startTask(peer.client, form);
    expect(await impatientResult(peer.client, taskId)).toMatchObject({ content: saidYes });
    expect(peer.shown).toHaveLength(1);
  } finally {
    await server.close();
    host.closeAllConnections();
    await new Promise((closed) => host.close(closed));
  }
});

describe('a client that gave up its tasks/result', () => {
  interface Prompt {
    readonly signal: AbortSignal;
    readonly answer: (result: ElicitResult) => void;
  }

  let clock: FakeClock;
  let server: ErrandServer;
  let prompts: Prompt[];

  async function open(options: Partial<PeerOptions> = {}): Promise<Peer> {
    [clock, prompts] = [new FakeClock(), []];
    server = serve(clock);
    const answer: Answering = (_params, signal) => new Promise((give) => prompts.push({ signal, answer: give }));
    return connectHttp((await server.listen()).url, { answer, ...options });
  }

  async function askAndGiveUp({ client }: Peer, isReceived = true): Promise<string> {
    const { taskId } = await startTask(client, form);
    const gone = new AbortController();
    const { signal } = gone;
    const waiting = rejection(client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema, { signal }));
    await eventually(() => expect(prompts).toHaveLength(1));
    await untilShown(server, taskId, { isAcknowledged: isReceived });
    gone.abort();
    await waiting;
    if (isReceived) await untilShown(server, taskId, { rests: true });
    return taskId;
  }

  it('is asked again if it comes back after a while, as it may have closed its prompt [A1]', async () => {
    await using peer = await open();
    const taskId = await askAndGiveUp(peer);
    await clock.advance(9_000);
    const { tasks } = peer.client.experimental;
    const gone = new AbortController();
    const soon = rejection(tasks.getTaskResult(taskId, CallToolResultSchema, { signal: gone.signal }));
    await untilShown(server, taskId, { waits: true });
    gone.abort();
    await soon;
    await untilShown(server, taskId, { rests: true });
    expect(prompts).toHaveLength(1);
    await clock.advance(10_000);
    const result = tasks.getTaskResult(taskId, CallToolResultSchema);
    await eventually(() => expect(prompts.map(({ signal }) => signal.aborted)).toEqual([true, false]));
    prompts[1]!.answer(yes);
    expect(await result).toMatchObject({ content: saidYes });
  });

  it('is asked again if it never confirmed the question, as its stream may have been dead [A1]', async () => {
    const spy = new HttpSpy();
    const mute: typeof fetch = (input, init) =>
      typeof init?.body === 'string' && init.body.includes('errand:received')
        ? new Promise(() => undefined)
        : spy.fetch(input, init);
    await using peer = await open({ fetch: mute });
    await askAndGiveUp(peer, false);
    await eventually(async () => {
      await clock.advance(250);
      expect(prompts).toHaveLength(2);
    });
    expect(prompts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(spy.of('GET')[0]?.text).toContain('elicitation/create');
  });

  it('makes way for others if it has no stream left, and its answer still counts [A1]', async () => {
    const noStream: typeof fetch = (input, init) =>
      init?.method === 'GET' ? Promise.resolve(new Response(null, { status: 405 })) : fetch(input, init);
    await using peer = await open({ fetch: noStream });
    const taskId = await askAndGiveUp(peer);
    await clock.advance(9_000);
    await untilShown(server, taskId, { isReleased: false });
    await clock.advance(2_000);
    await untilShown(server, taskId, { isReleased: true });
    prompts[0]!.answer(yes);
    await untilStatus(peer.client, taskId, 'completed');
    expect(prompts).toHaveLength(1);
  });

  it('has its prompt closed when another client or the deadline answers', async () => {
    await using peer = await open();
    const taskId = await askAndGiveUp(peer);
    await clock.advance(3_600_000);
    await untilTold(peer, 'notifications/cancelled', 1);
    expect(prompts[0]!.signal.aborted).toBe(true);
    await untilStatus(peer.client, taskId, 'completed');
    expect(told(peer, 'elicitation/create')).toHaveLength(1);
  });
});

describe('errand/client', () => {
  it('keeps its prompt when the stream of the question is dropped, and its answer counts [A1]', async () => {
    const spy = new HttpSpy();
    const { url } = await serve().listen();
    const shown: AbortSignal[] = [];
    let answer: ((result: ElicitResult) => void) | undefined;
    const client = await connect(new StreamableHTTPClientTransport(new URL(url), { fetch: spy.fetch }), {
      onElicit: ({ signal }) =>
        new Promise((give) => {
          shown.push(signal);
          answer = give as typeof answer;
        }),
    });
    const task = await client.callTool(form, {}, { task: true });
    const result = task.result();
    await eventually(() => expect(shown).toHaveLength(1));
    const carriers = (): Exchange[] => spy.exchanges.filter(({ text }) => text.includes('elicitation/create'));
    spy.of('tasks/result')[0]!.drop();
    await eventually(() => expect(carriers().map(({ what }) => what)).toEqual(['GET', 'tasks/result']));
    spy.of('GET')[0]!.drop();
    await eventually(() => expect(carriers()).toHaveLength(3), { timeout: 5_000 });
    expect(shown.map(({ aborted }) => aborted)).toEqual([false]);
    answer!(yes);
    expect(await result).toMatchObject({ content: saidYes });
    expect(spy.of('response')).toHaveLength(1);
    await client.close();
  });
});

describe('a session without a stream whose client has a question', () => {
  const noStream: typeof fetch = (input, init) =>
    init?.method === 'GET' ? Promise.resolve(new Response(null, { status: 405 })) : fetch(input, init);

  async function dropped(clock: FakeClock, url: string): Promise<{ peer: Peer; answer: () => void }> {
    const spy = new HttpSpy();
    let answer: ((result: ElicitResult) => void) | undefined;
    const peer = await connectHttp(url, {
      fetch: (input, init) => (init?.method === 'GET' ? noStream(input, init) : spy.fetch(input, init)),
      answer: () => new Promise((give) => (answer = give)),
    });
    peer.client.callTool({ name: form }).catch(() => undefined);
    await eventually(() => expect(answer).toBeDefined());
    spy.of('tools/call')[0]!.drop();
    await clock.advance(1);
    return { peer, answer: () => answer!(yes) };
  }

  it('does not expire before the question is answered [A1]', async () => {
    const clock = new FakeClock();
    const { url } = await serve(clock).listen({ sessionTimeout: '1m' });
    const { peer, answer } = await dropped(clock, url);
    await clock.advance(30 * 60_000);
    await peer.client.ping();
    answer();
    await eventually(async () => {
      await clock.advance(180_000);
      expect(await rejection(peer.client.ping())).toMatchObject({ code: 404 });
    });
    await peer.client.close();
  });

  it('makes way for another only if no other session is without a stream [A1]', async () => {
    const clock = new FakeClock();
    const server = serve(clock);
    const { url } = await server.listen({ maximumSessions: 2 });
    const { peer } = await dropped(clock, url);
    await clock.advance(1_000);
    const idle = await connectHttp(url, { fetch: noStream });
    await clock.advance(1_000);
    await using third = await connectHttp(url, { fetch: noStream });
    expect(await rejection(idle.client.ping())).toMatchObject({ code: 404 });
    await third.client.ping();
    await peer.client.ping();
    await Promise.all([peer.client.close(), idle.client.close()]);
    const closed = server.close();
    await clock.advance(60_000);
    await closed;
  });
});

it('a response over HTTP that takes long sends keep-alive comments, so that no proxy ends its stream', async () => {
  jest.useFakeTimers({
    doNotFake: ['Date', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'setTimeout', 'clearTimeout'],
  });
  try {
    const spy = new HttpSpy();
    const { url } = await serve().listen();
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer: () => new Promise(() => undefined) });
    const { taskId } = await startTask(peer.client, form);
    const waiting = peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema).catch(() => undefined);
    await untilTold(peer, 'elicitation/create', 1);
    const streams = [spy.of('tasks/result')[0]!, spy.of('GET')[0]!];
    for (let times = 1; times <= 2; times++) {
      jest.advanceTimersByTime(15_000);
      await eventually(() => {
        for (const { text } of streams) expect(text.match(/^: ?keep-?alive$/gm) ?? []).toHaveLength(times);
      });
    }
    await peer.client.experimental.tasks.cancelTask(taskId);
    await waiting;
  } finally {
    jest.useRealTimers();
  }
});
