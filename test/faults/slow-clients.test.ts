import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { systemClock } from '../../src/base/clock.js';
import { Context, defineTool, Logger, Progress, type ErrandServer } from '../../src/index.js';
import { Meters } from '../../src/telemetry/meters.js';
import { flood } from '../e2e/fixtures/flooding.js';
import { asBuilt, cli, fixtureFile } from '../helpers/child.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';

/** What a stream may hold unread. */
const pending = 65_536;
const padding = 'x'.repeat(1_000);
/** How many messages the tools send: far more than fits. */
const count = 1_000;

const done: string[] = [];

const reports = defineTool({
  name: 'reports',
  task: 'optional',
  inject: [Progress, Context],
  run: async (_input, progress, ctx) => {
    for (let step = 1; step <= count; step++) {
      await ctx.info(padding);
      await progress.report(step, count, padding);
    }
    done.push('reports');
    return 'reported';
  },
});

const carelessReports = defineTool({
  name: 'careless',
  inject: [Progress, Context],
  run: async (_input, progress, ctx) => {
    for (let step = 1; step <= count; step++) {
      void ctx.info(padding);
      void progress.report(step, count, padding);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    done.push('careless');
    return 'reported';
  },
});

const asks = defineTool({
  name: 'asks',
  inject: [Context],
  run: async (_input, ctx) => {
    for (let step = 1; step <= count; step++) await ctx.info(padding);
    const answer = await ctx.elicit('Go on?', z.object({ yes: z.boolean() }));
    done.push(`asks: ${answer.action}`);
    return answer.action;
  },
});

let server: ErrandServer;
let dropped: Record<string, number>;

beforeEach(() => {
  done.length = 0;
  dropped = {};
  const meters = new Meters();
  meters.attach({
    record: ({ name }, value, { 'errand.message.kind': kind = '' }) => {
      if (name === 'errand.news.dropped') dropped[kind] = (dropped[kind] ?? 0) + value;
    },
  });
  const options = {
    name: 'slow',
    version: '1.0.0',
    components: [reports, carelessReports, asks],
    slowReaders: { pending, wait: '200ms' },
    logger: new Logger(() => undefined),
  } as const;
  server = serverWithClock(options, systemClock, meters);
});
afterEach(() => server.close());

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: { readonly progress?: number; readonly status?: string; readonly data?: unknown };
  readonly result?: { readonly content?: unknown; readonly task?: { readonly taskId: string } };
}

const messagesIn = (text: string): Message[] =>
  [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as Message);

/** A client over `fetch` that reads a response only when it is told to. */
class LazyClient {
  private session: string | undefined;
  private id = 0;

  async open(): Promise<this> {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {} },
      clientInfo: { name: 'lazy', version: '1' },
    };
    const response = await this.post({ id: ++this.id, method: 'initialize', params });
    this.session = response.headers.get('mcp-session-id') ?? undefined;
    await response.text();
    await this.post({ method: 'notifications/initialized' });
    return this;
  }

  call(name: string, more: object = {}): Promise<Response> {
    const _meta = { progressToken: `p${++this.id}` };
    return this.post({ id: this.id, method: 'tools/call', params: { name, arguments: {}, _meta, ...more } });
  }

  post(message: object): Promise<Response> {
    return server.fetch(this.request('POST', JSON.stringify({ jsonrpc: '2.0', ...message })));
  }

  listen(): Promise<Response> {
    return server.fetch(this.request('GET'));
  }

  private request(method: string, body?: string): Request {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(this.session !== undefined && { 'mcp-session-id': this.session }),
    };
    return new Request('http://localhost/mcp', { method, headers, ...(body !== undefined && { body }) });
  }
}

/** Reads the stream until a message of that kind has come. */
async function readUntil(response: Response, isLast: (message: Message) => boolean): Promise<Message[]> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (!messagesIn(text.slice(0, text.lastIndexOf('\n\n') + 1)).some(isLast)) {
    const { done: hasEnded, value } = await reader.read();
    if (hasEnded) break;
    text += decoder.decode(value, { stream: true });
  }
  void reader.cancel();
  return messagesIn(text);
}

const methodsOf = (messages: readonly Message[], method: string): Message[] =>
  messages.filter((message) => message.method === method);

describe('a client that does not read', () => {
  it.each(['reports', 'careless'])(
    'keeps a call from nothing, misses what does not fit, and gets the latest progress and the result: %s [B3]',
    async (name) => {
      const client = await new LazyClient().open();
      const response = await client.call(name);
      await eventually(() => expect(done).toEqual([name]));
      const text = await response.text();
      // What waited for room in vain or fitted by half, the latest progress and the result.
      expect(text.length).toBeLessThan(2 * pending + 4 * padding.length);
      const messages = messagesIn(text);
      expect(methodsOf(messages, 'notifications/progress').at(-1)?.params?.progress).toBe(count);
      expect(messages.at(-1)?.result?.content).toEqual([{ type: 'text', text: 'reported' }]);
      const [logs, steps] = ['notifications/message', 'notifications/progress'].map(
        (method) => methodsOf(messages, method).length,
      ) as [number, number];
      expect(dropped['log']).toBe(count - logs);
      // The latest was dropped and then sent after all.
      expect(dropped['progress']).toBeGreaterThan(count - steps - 1);
    },
  );

  it('gets its question, and the call goes on with the answer [B3]', async () => {
    const client = await new LazyClient().open();
    const response = await client.call('asks');
    await eventually(() => expect(dropped['log']).toBeGreaterThan(0));
    const messages = await readUntil(response, ({ method }) => method === 'elicitation/create');
    const { id } = messages.at(-1) as Message;
    await client.post({ id, result: { action: 'accept', content: { yes: true } } });
    await eventually(() => expect(done).toEqual(['asks: accept']));
  });

  it('keeps no task from running; its standalone stream holds the latest progress and status [B3]', async () => {
    const client = await new LazyClient().open();
    const stream = await client.listen();
    const began = performance.now();
    const created = messagesIn(await (await client.call('reports', { task: {} })).text());
    const { taskId } = created[0]!.result!.task!;
    await eventually(() => expect(done).toEqual(['reports']));
    // A task does not wait, not even once.
    expect(performance.now() - began).toBeLessThan(10_000);
    await eventually(() => expect(dropped).toMatchObject({ log: expect.any(Number), progress: expect.any(Number) }));
    const isEnd = ({ params }: Message): boolean => params?.status === 'completed';
    const messages = await readUntil(stream, isEnd);
    expect(JSON.stringify(messages).length).toBeLessThan(2 * pending);
    expect(messages.filter(isEnd)).toEqual([
      expect.objectContaining({ params: expect.objectContaining({ taskId, status: 'completed' }) }),
    ]);
  });
});

describe('a client that reads after a while', () => {
  it('misses nothing, because the call waits for it [B3]', async () => {
    const client = await new LazyClient().open();
    const response = await client.call('reports');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const messages = messagesIn(await response.text());
    expect(methodsOf(messages, 'notifications/message')).toHaveLength(count);
    expect(methodsOf(messages, 'notifications/progress')).toHaveLength(count);
    expect(dropped).toEqual({});
  });
});

describe('a socket that is not read', () => {
  it('ends no call late, and its server holds little of it [B3]', async () => {
    const listener = await server.listen();
    const client = await fetch(listener.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
      }),
    });
    const session = client.headers.get('mcp-session-id') ?? '';
    await client.text();
    const body = (id: number): string =>
      JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'reports', arguments: {}, _meta: { progressToken: id } },
      });
    const socket = connectSocket(listener.port, '127.0.0.1');
    socket.pause();
    const head = (text: string): string =>
      `POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nmcp-session-id: ${session}\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    // The system keeps megabytes for a connection of this machine, so one call is not enough.
    const calls = 10;
    for (let id = 10; id < 10 + calls; id++) socket.write(head(body(id)));
    await eventually(() => expect(dropped).toMatchObject({ log: expect.any(Number), progress: expect.any(Number) }));
    await eventually(() => expect(done).toHaveLength(calls));
    socket.resume();
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    await eventually(() => expect(text.match(/"result":/g)).toHaveLength(calls));
    socket.destroy();
  });
});

describe('a pipe that is not read', () => {
  it('ends no call late; the latest progress and the result arrive once it is read [B3]', async () => {
    const child = spawn(process.execPath, [cli, 'run', fixtureFile('flooding.ts')], {
      env: { ...process.env, ...asBuilt },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit');
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    const clientInfo = { name: 'pipe', version: '1' };
    for (const message of [
      { id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } },
      { method: 'notifications/initialized' },
      { id: 2, method: 'tools/call', params: { name: 'flooding', arguments: {}, _meta: { progressToken: 'p' } } },
    ]) {
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    }
    await eventually(() => expect(log).toContain('flooded'));
    child.stdin.end();
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    expect(await exited).toEqual([0, null]);
    const messages = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Message);
    expect(output.length).toBeLessThan((flood.count * flood.size) / 2);
    expect(methodsOf(messages, 'notifications/progress').at(-1)?.params?.progress).toBe(flood.count);
    expect(messages.at(-1)).toMatchObject({ id: 2, result: { content: [{ text: 'flooded' }] } });
    expect(log).not.toContain('MaxListeners');
  });
});
