import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  Context,
  type DocketOptions,
  createServer,
  defineTool,
  Logger,
  type ErrandServer,
  type HttpListener,
  type HttpOptions,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';

const hang = defineTool({
  name: 'hang',
  task: 'optional',
  inject: [AbortSignal],
  run: (_input, signal) =>
    new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('ended'), { once: true })),
});
const hello = defineTool({ name: 'hello', task: 'optional', run: () => 'hello' });
const ask = defineTool({
  name: 'ask',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Sure?', z.boolean(), { key: 'k' })).action,
});

let server: ErrandServer;
let listener: HttpListener;
const clients: RawClient[] = [];

async function serve(http: HttpOptions = {}, log: string[] = [], docket: DocketOptions = {}): Promise<void> {
  server = createServer({
    name: 'greedy',
    version: '1.0.0',
    components: [hang, hello, ask],
    grace: 100,
    http,
    docket,
    logger: new Logger((level, message) => void log.push(`${level}: ${message}`)),
  });
  listener = await server.listen();
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.agent.destroy();
  await server.close();
});

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The message that ends the body, if it has one. */
  readonly message: {
    readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
    readonly result?: { readonly content?: unknown; readonly task?: { readonly taskId: string } };
  };
}

let lastId = 0;

/** A client at an address of its own: each in 127.0.0.0/8 is this machine. */
class RawClient {
  readonly agent = new Agent({ keepAlive: true });
  session: string | undefined;

  constructor(
    private readonly address: string,
    private readonly headers: Record<string, string> = {},
  ) {
    clients.push(this);
  }

  /** Sends a message, or opens the standalone stream. Resolves with the head of the response. */
  send(message?: object): Promise<IncomingMessage> {
    const { address: localAddress, agent, session } = this;
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session !== undefined && { 'mcp-session-id': session }),
      ...this.headers,
    };
    return new Promise((resolve, reject) => {
      const method = message === undefined ? 'GET' : 'POST';
      const sent = httpRequest(listener.url, { method, headers, agent, localAddress }, resolve);
      sent.on('error', reject).end(message && JSON.stringify({ jsonrpc: '2.0', ...message }));
    });
  }

  async ask(message: object): Promise<Reply> {
    const response = await this.send(message);
    let text = '';
    for await (const piece of response.setEncoding('utf8')) text += piece as string;
    const last = [...text.matchAll(/^data: (.*)$/gm)].at(-1)?.[1] ?? text;
    const parsed = last === '' ? {} : (JSON.parse(last) as Reply['message']);
    return { status: response.statusCode ?? 0, headers: response.headers, text, message: parsed };
  }

  async open(): Promise<Reply> {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {} },
      clientInfo: { name: 'raw', version: '1' },
    };
    const reply = await this.ask({ id: ++lastId, method: 'initialize', params });
    this.session = reply.headers['mcp-session-id'] as string | undefined;
    return reply;
  }

  callOf(name: string, more: object = {}): object {
    return { id: ++lastId, method: 'tools/call', params: { name, arguments: {}, ...more } };
  }

  call(name: string, more: object = {}): Promise<Reply> {
    return this.ask(this.callOf(name, more));
  }
}

const others = (): RawClient[] => Array.from({ length: 10 }, (_, index) => new RawClient(`127.0.1.${index + 1}`));

/** What one does whose address is its own. */
async function expectServed(client: RawClient): Promise<void> {
  if (client.session === undefined) expect((await client.open()).status).toBe(200);
  expect((await client.call('hello')).message.result?.content).toEqual([{ type: 'text', text: 'hello' }]);
  const stream = await client.send();
  expect(stream.statusCode).toBe(200);
  stream.destroy();
}

describe('one flooder, and ten others at other addresses', () => {
  it('are served while it opens sessions, streams and calls without end [B5]', async () => {
    await serve();
    const before = others();
    for (const client of before.slice(0, 5)) await client.open();
    const flooder = '127.0.0.66';
    const sessions = Array.from({ length: 130 }, () => new RawClient(flooder));
    for (const client of sessions) await client.open();
    // Its own first sessions made room; those of others did not.
    expect((await sessions[0]!.call('hello')).status).toBe(404);
    for (const client of before) await expectServed(client);
    // A stream in each session that it has, and calls in some.
    const alive = sessions.slice(30);
    for (const client of alive) expect((await client.send()).statusCode).toBe(200);
    expect((await new RawClient(flooder).open()).status).toBe(429);
    const calls = alive.slice(0, 60).map((client) => client.send(client.callOf('hang')));
    for (const call of calls) expect((await call).statusCode).toBe(200);
    const more = alive.slice(0, 60).map((client) => client.send(client.callOf('hang')));
    const statuses = (await Promise.all(more)).map(({ statusCode }) => statusCode);
    expect(statuses).toContain(429);
    await Promise.all(before.map(expectServed));
  });
});

describe.each(['memory', 'redis'])('one flooder with tasks, and ten others, on %s', (engine) => {
  let place: TestDocket | undefined;
  afterEach(async () => {
    await server.close();
    await place?.dispose();
    place = undefined;
  });

  it('all have their tasks run, while it has more than there are slots and its tasks never end [B5]', async () => {
    place = engine === 'redis' ? new TestDocket() : undefined;
    await serve({ limits: { perAddress: { tasks: 15 } } }, [], {
      concurrency: 4,
      ...(place && { url: place.url, name: place.name }),
    });
    const flooder = new RawClient('127.0.0.66');
    await flooder.open();
    const replies = [];
    for (let task = 0; task < 20; task++) replies.push(await flooder.call('hang', { task: {} }));
    const refused = replies.filter(({ message }) => message.error !== undefined);
    expect(refused.map(({ message }) => message.error?.code)).toEqual(Array(5).fill(-32029));
    expect(refused[0]?.message.error?.message).toContain('http.limits.perAddress.tasks');
    for (const client of others()) {
      await client.open();
      const { taskId } = (await client.call('hello', { task: {} })).message.result!.task!;
      const result = await client.ask({ id: ++lastId, method: 'tasks/result', params: { taskId } });
      expect(result.message.result?.content).toEqual([{ type: 'text', text: 'hello' }]);
    }
    // One that a worker takes and puts back counts as running meanwhile.
    await eventually(async () => expect((await server.docket.stats()).states.running).toBe(3));
    // What it cancels makes room for the rest of its own.
    const { taskId } = replies[0]!.message.result!.task!;
    await flooder.ask({ id: ++lastId, method: 'tasks/cancel', params: { taskId } });
    await eventually(async () => expect((await server.docket.stats()).states.cancelled).toBe(1));
    await eventually(async () => expect((await server.docket.stats()).states.running).toBe(3));
  });
});

describe('a limit', () => {
  it('on running calls counts those whose client has gone, and names itself [B5]', async () => {
    await serve({ limits: { perSession: { calls: 2 } } });
    const client = new RawClient('127.0.0.7');
    await client.open();
    const running = [await client.send(client.callOf('hang')), await client.send(client.callOf('hang'))];
    const refused = await client.call('hello');
    expect(refused.message.error).toEqual({
      code: -32029,
      message:
        'Your session has 2 running calls, as many as http.limits.perSession.calls allows. Try again when one has ended.',
      data: { limit: 2, open: 2 },
    });
    for (const response of running) response.destroy();
    expect((await client.call('hello')).message.error?.code).toBe(-32029);
    // Another session of the same client has a share of its own.
    await expectServed(new RawClient('127.0.0.7'));
  });

  it('on streams is told before anything runs, and ends with the streams [B5]', async () => {
    await serve({ limits: { perAddress: { streams: 1 } } });
    const client = new RawClient('127.0.0.7');
    await client.open();
    const stream = await client.send();
    const refused = await client.call('hello');
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '5' },
      message: { error: { code: -32029 } },
    });
    expect(refused.message.error?.message).toContain('http.limits.perAddress.streams');
    stream.destroy();
    await eventually(async () => expect((await client.call('hello')).status).toBe(200));
  });

  it('on questions fails the call that asks one more [B5]', async () => {
    await serve({ limits: { perAddress: { questions: 1 } } });
    const client = new RawClient('127.0.0.7');
    await client.open();
    const first = await client.send(client.callOf('ask'));
    await new Promise((resolve) => first.once('readable', resolve));
    const refused = await client.call('ask');
    expect(JSON.stringify(refused.message.result)).toContain('http.limits.perAddress.questions');
  });

  it.each([{ stateless: false }, { stateless: true }])(
    'holds per address behind a trusted proxy: %j [B5]',
    async (how) => {
      await serve({ ...how, trustProxy: 1, limits: { perAddress: { calls: 1 } } });
      const [anna, ben] = ['192.0.2.1', '192.0.2.2'].map(
        (address) => new RawClient('127.0.0.9', { 'x-forwarded-for': `6.6.6.6, ${address}` }),
      ) as [RawClient, RawClient];
      for (const client of [anna, ben]) await client.open();
      await anna.send(anna.callOf('hang'));
      expect((await anna.call('hello')).message.error?.code).toBe(-32029);
      expect((await ben.call('hello')).message.error).toBeUndefined();
    },
  );

  it('holds for all behind a proxy that is not trusted, which is logged once [B5]', async () => {
    const log: string[] = [];
    await serve({ limits: { perAddress: { calls: 1 } } }, log);
    const clientAt = (address: string): RawClient => new RawClient('127.0.0.9', { 'x-forwarded-for': address });
    const [anna, ben] = [clientAt('192.0.2.1'), clientAt('192.0.2.2')];
    for (const client of [anna, ben]) await client.open();
    await anna.send(anna.callOf('hang'));
    expect((await ben.call('hello')).message.error?.code).toBe(-32029);
    expect(log.filter((line) => line.includes('trustProxy'))).toHaveLength(1);
  });
});

describe('server.fetch', () => {
  it('counts by the address that its host gives it, and by none without [B5]', async () => {
    await serve({ limits: { perAddress: { sessions: 1, streams: 1 } } });
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'f', version: '1' } },
    };
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const send = (more: { method?: string; body?: string; session?: string }, address?: string): Promise<Response> => {
      const { session, ...rest } = more;
      const known = session === undefined ? headers : { ...headers, 'mcp-session-id': session };
      const request = new Request('http://localhost/mcp', { method: 'POST', ...rest, headers: known });
      return server.fetch(request, address === undefined ? {} : { address });
    };
    const open = async (address?: string): Promise<string> => {
      const response = await send({ body: JSON.stringify(initialize) }, address);
      await response.text();
      return response.headers.get('mcp-session-id') ?? '';
    };
    const session = await open('192.0.2.1');
    expect((await send({ method: 'GET', session }, '192.0.2.1')).status).toBe(200);
    expect((await send({ body: JSON.stringify(initialize) }, '192.0.2.1')).status).toBe(429);
    for (const address of ['192.0.2.2', undefined, undefined]) {
      expect((await send({ method: 'GET', session: await open(address) }, address)).status).toBe(200);
    }
  });
});
