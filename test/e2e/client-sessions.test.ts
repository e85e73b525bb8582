import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Logger } from '../../src/base/logger.js';
import { Context } from '../../src/call/context.js';
import type { Client } from '../../src/client/client.js';
import { connect } from '../../src/client/connect.js';
import type { ConnectTarget } from '../../src/client/connection/targets.js';
import type { ConnectOptions } from '../../src/client/options.js';
import type { UserAnswer } from '../../src/client/questions.js';
import { defineTool } from '../../src/components/define.js';
import { createServer, type ErrandServer } from '../../src/server/create-server.js';
import { eventually } from '../helpers/eventually.js';
import { Gate } from '../helpers/gate.js';
import { LossyProxy } from '../helpers/lossy-proxy.js';
import { rejection } from '../helpers/raw-calls.js';
import { freePort } from '../helpers/redis-server.js';
import { rejectionOf } from '../helpers/thrown.js';

/** Undone after each test, the latest first. */
const opened: (() => unknown)[] = [];
let ran: string[];
let gate: Gate;

const counting = (name: string, annotations?: object) =>
  defineTool({
    name,
    ...(annotations && { annotations }),
    run: () => {
      ran.push(name);
      return name;
    },
  });

function makeServer(): ErrandServer {
  const asks = defineTool({
    name: 'asks',
    task: true,
    inject: [Context],
    run: async (_input, ctx) => {
      const answer = await ctx.elicit('Name?', z.string());
      return answer.action === 'accept' ? answer.content : answer.action;
    },
  });
  const waits = defineTool({ name: 'waits', task: true, run: () => gate.stop().then(() => 'done') });
  const components = [
    counting('plain'),
    counting('reads', { readOnlyHint: true }),
    counting('sets', { idempotentHint: true }),
    asks,
    waits,
  ];
  const server = createServer({ name: 'sessions', version: '1.0.0', components, logger: new Logger(() => undefined) });
  opened.push(() => server.close());
  return server;
}

async function open(target: ConnectTarget, options?: ConnectOptions): Promise<Client> {
  const client = await connect(target, options);
  opened.push(() => client.close());
  return client;
}

/** An HTTP server that does as it is told, at the path `/mcp`. */
async function listening(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createHttpServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` };
}

const sessionOf = (client: Client): string => client['wire']['sessions'].sessionId!;

/** Ends the session behind the back of its client. */
async function loseSession(url: string, client: Client): Promise<void> {
  const { status } = await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': sessionOf(client) } });
  expect(status).toBe(200);
}

beforeEach(() => {
  ran = [];
  gate = new Gate();
});

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

describe('a lost session', () => {
  it('is replaced when a restarted server does not know it, and the refused call is made [A6]', async () => {
    const port = await freePort();
    const first = makeServer();
    const { url } = await first.listen({ port });
    const client = await open(url);
    await first.close();
    await makeServer().listen({ port });
    await eventually(async () =>
      expect((await client.callTool('plain')).content).toEqual([{ type: 'text', text: 'plain' }]),
    );
    expect(ran).toEqual(['plain']);
    expect(client.serverInfo).toMatchObject({ name: 'sessions' });
  });

  it('is replaced once for all requests that meet its loss, and each is carried out once [A6]', async () => {
    const { url } = await makeServer().listen();
    const client = await open(url);
    await loseSession(url, client);
    const lost = sessionOf(client);
    const sessions = new Set<string>();
    const calls = Array.from({ length: 8 }, async () => {
      await client.callTool('plain');
      sessions.add(sessionOf(client));
    });
    await Promise.all(calls);
    expect(ran).toHaveLength(8);
    expect(sessions.size).toBe(1);
    expect(sessions).not.toContain(lost);
  });

  it('takes no task with it: waits, results and the open prompt go on in the next [A6]', async () => {
    const { url } = await makeServer().listen();
    let answer: ((answer: UserAnswer) => void) | undefined;
    let prompts = 0;
    const onElicit = (): Promise<UserAnswer> => {
      prompts++;
      return new Promise((resolve) => (answer = resolve));
    };
    const client = await open(url, { onElicit });
    const asking = await client.callTool('asks', {}, { task: true });
    const waiting = await client.callTool('waits', {}, { task: true });
    const [result, end] = [asking.result(), waiting.wait()];
    await eventually(() => expect(answer).toBeDefined());
    await loseSession(url, client);
    await client.ping();
    answer?.({ action: 'accept', content: { value: 'Ada' } });
    expect((await result).content).toEqual([{ type: 'text', text: 'Ada' }]);
    expect(prompts).toBe(1);
    await gate.pass();
    expect((await end).status).toBe('completed');
  });

  it('keeps an answer that met the loss until its task asks again [A6]', async () => {
    const { url } = await makeServer().listen();
    let answer: ((answer: UserAnswer) => void) | undefined;
    let prompts = 0;
    const client = await open(url, {
      onElicit: () => {
        prompts++;
        return new Promise((resolve) => (answer = resolve));
      },
    });
    const task = await client.callTool('asks', {}, { task: true });
    await eventually(() => expect(answer).toBeDefined());
    await loseSession(url, client);
    answer?.({ action: 'accept', content: { value: 'Ada' } });
    expect((await task.result()).content).toEqual([{ type: 'text', text: 'Ada' }]);
    expect(prompts).toBe(1);
  });

  it('keeps the level of the log [A6]', async () => {
    const { url } = await makeServer().listen();
    const client = await open(url);
    await client.setLoggingLevel('error');
    const told: unknown[] = [];
    client['wire'].setLevel = (level) => Promise.resolve(void told.push(level));
    await loseSession(url, client);
    await client.ping();
    expect(told).toEqual(['error']);
  });

  it('of a transport that cannot be made again is an error that says what to pass [A6]', async () => {
    const { url } = await makeServer().listen();
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const stuck = await open(new StreamableHTTPClientTransport(new URL(url)));
    await loseSession(url, stuck);
    const refusal = await rejectionOf(stuck.callTool('plain'));
    expect(refusal.code).toBe('SESSION_LOST');
    expect(refusal.message).toContain('a function that makes the transport');

    const renewed = await open(() => new StreamableHTTPClientTransport(new URL(url)));
    await loseSession(url, renewed);
    expect((await renewed.callTool('plain')).content).toEqual([{ type: 'text', text: 'plain' }]);
  });
});

describe('an answer that is lost on its way', () => {
  let proxy: LossyProxy;
  let client: Client;

  beforeEach(async () => {
    const { url } = await makeServer().listen();
    proxy = await LossyProxy.open(url);
    opened.push(() => proxy.close());
    client = await open(`${proxy.url}/mcp`);
  });

  it.each(['reads', 'sets'])('is fetched once more from the tool that %s', async (name) => {
    proxy.loseReplyTo(`"name":"${name}"`);
    expect((await client.callTool(name)).content).toEqual([{ type: 'text', text: name }]);
    expect({ ran, lost: proxy.lost }).toEqual({ ran: [name, name], lost: 1 });
  });

  it('is fetched once more if it is a list [A6]', async () => {
    proxy.loseReplyTo('tools/list');
    expect(await client.listTools()).toHaveLength(5);
    expect(proxy.lost).toBe(1);
  });

  it('fails any other call at once, which is not repeated [A6]', async () => {
    proxy.loseReplyTo('"name":"plain"');
    const refusal = await rejectionOf(client.callTool('plain'));
    expect(refusal.code).toBe('CONNECTION_LOST');
    expect(refusal.message).toContain('broke before tools/call was answered. The server may have carried it out');
    expect(ran).toEqual(['plain']);
    expect((await client.callTool('plain')).content).toEqual([{ type: 'text', text: 'plain' }]);
  });

  it('fails a call whose stream ends without an answer, as soon as it has ended [A6]', async () => {
    const { url } = await listening((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        if (request.method !== 'POST') return response.writeHead(405).end();
        const { id, method } = JSON.parse(body) as { id?: number; method: string };
        if (id === undefined) return response.writeHead(202).end();
        if (method !== 'initialize') {
          return response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n');
        }
        const serverInfo = { name: 'broken', version: '1.0.0' };
        const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo };
        return response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      });
    });
    expect(await rejectionOf((await open(url)).callTool('any'))).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});

describe('every error has a code', () => {
  const requests: [string, (client: Client) => Promise<unknown>][] = [
    ['a call', (client) => client.callTool('plain')],
    ['a task', (client) => client.callTool('waits', {}, { task: true })],
    ['a list', (client) => client.listTools()],
    ['a read', (client) => client.readResource('note:///one')],
    ['a ping', (client) => client.ping()],
    ['the status of a task', (client) => client.toolTask('any').status()],
    ['the wait for a task', (client) => client.toolTask('any').wait()],
    ['the result of a task', (client) => client.toolTask('any').result()],
  ];

  it.each(requests)('%s after close()', async (_what, ask) => {
    const client = await open(makeServer());
    await client.close();
    expect(await rejectionOf(ask(client))).toEqual({
      code: 'CLIENT_CLOSED',
      message: 'This client is closed. Connect again with connect().',
    });
  });

  it.each(requests.slice(0, 2))('%s while nothing listens', async (_what, ask) => {
    const server = makeServer();
    const { url } = await server.listen();
    const client = await open(url);
    await server.close();
    const refusal = await rejectionOf(ask(client));
    expect(refusal.code).toBe('CONNECTION_LOST');
    expect(refusal.message).toContain(url);
  });

  it.each([500, 503, 403])('HTTP %p', async (status) => {
    const { url } = await listening((_request, response) => response.writeHead(status).end('no, thank you'));
    const failure = await rejection(connect(url));
    expect(failure).toMatchObject({ code: 'CONNECT_FAILED', data: { status } });
    expect((failure as Error).message).toContain(`${url} answered initialize with HTTP ${status}`);
  });

  it('a command that ends at once, with what it wrote to stderr [A6]', async () => {
    const script = "process.stderr.write('x'.repeat(2100) + '\\u001b[31mno database\\u001b[0m'); process.exitCode = 3";
    const failure = await rejectionOf(connect({ command: process.execPath, args: ['-e', script] }));
    expect(failure.code).toBe('CONNECT_FAILED');
    expect(failure.message).toMatch(/ended before it answered initialize\. It wrote to stderr: x+no database$/);
    expect(failure.message.length).toBeLessThan(2_300);
  });

  it('a command that ends later, with what it wrote to stderr [A6]', async () => {
    const script = `
      process.stdin.on('data', (data) => {
        for (const { id, method } of data.toString().trim().split('\\n').map(JSON.parse)) {
          const serverInfo = { name: 'mortal', version: '1.0.0' };
          const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo };
          if (method === 'initialize') console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
          if (method === 'tools/call') { console.error('out of memory'); process.exit(1); }
        }
      });`;
    const client = await open({ command: process.execPath, args: ['-e', script] });
    for (let calls = 0; calls < 2; calls++) {
      const failure = await rejectionOf(client.callTool('any'));
      expect(failure.code).toBe('CONNECTION_LOST');
      expect(failure.message).toMatch(
        /has ended\. Connect again with connect\(\)\. It wrote to stderr: out of memory$/,
      );
    }
  });
});
