import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { HttpSessions } from '../../src/bindings/mcp-2025-11-25/http/http-sessions.js';
import { connect } from '../../src/client/connect.js';
import { defineTool, type ErrandServer } from '../../src/index.js';
import { asBuilt, cli, root } from '../helpers/child.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock, settled } from '../helpers/fake-clock.js';
import { impatientResult } from '../helpers/impatient.js';
import { rejection, request, startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { RoundRobin } from '../helpers/round-robin.js';
import { connectHttp, type Answering, type Peer, type PeerOptions } from '../helpers/transports.js';
import { fetchAs, listenForUsers, sharesFor } from '../helpers/users-over-http.js';
import makeServer from './nodes/fleet.js';

const asked = 'elicitation/create';
const accept = (value: string): ElicitResult => ({ action: 'accept', content: { value } });
const textOf = (text: string): object => ({ content: [{ type: 'text', text }] });

let docket: TestDocket;
let servers: ErrandServer[];
let children: ChildProcess[];
let peers: AsyncDisposable[];
beforeEach(() => {
  docket = new TestDocket();
  [servers, children, peers] = [[], [], []];
});
afterEach(async () => {
  for (const peer of peers) await peer[Symbol.asyncDispose]();
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await Promise.all(servers.map((server) => server.close()));
  await docket.dispose();
});

/** A process that works the docket or one that does not, as far as one process can be several. */
function node(worker = false): ErrandServer {
  const server = makeServer({ url: docket.url, name: docket.name, worker });
  servers.push(server);
  return server;
}

async function work(): Promise<void> {
  await node(true).startWorker();
}

async function urlsOf(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, async () => (await node().listen()).url));
}

async function client(url: string | URL, options: PeerOptions = {}): Promise<Peer> {
  const peer = await connectHttp(String(url), options);
  peers.push(peer);
  return peer;
}

async function balanced(urls: readonly string[]): Promise<RoundRobin> {
  const proxy = await RoundRobin.of(urls);
  peers.unshift(proxy);
  return proxy;
}

/** A node in a process of its own, to be killed. */
async function childNode(): Promise<{ readonly url: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [cli, 'run', join(root, 'test/e2e/nodes/fleet.ts'), '--http', '0'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      ...asBuilt,
      NODE_OPTIONS: '',
      ERRAND_DOCKET_URL: docket.url,
      ERRAND_DOCKET_NAME: docket.name,
    },
  });
  children.push(child);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const said: string[] = [];
  createInterface(child.stderr).on('line', (line) => said.push(line));
  const url = await eventually(
    () => {
      const found = /listens on (\S+)/.exec(said.join('\n'))?.[1];
      if (found === undefined) throw new Error(`The child says: ${said.join('\n')}`);
      return found;
    },
    { timeout: 25_000 },
  );
  return {
    url,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What makes a server have an engine. */
const stays = defineTool({ name: 'stays', task: 'optional', run: () => 'stayed' });

const sessionOf = ({ client }: Peer): string => (client.transport as StreamableHTTPClientTransport).sessionId!;

/** Sends something in a session as any client may, and gives the status of HTTP. */
async function send(url: string, session: string, method: string, body?: object, through = fetch): Promise<number> {
  const headers = {
    'mcp-session-id': session,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  const response = await through(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  await response.body?.cancel();
  return response.status;
}

const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

describe('a session behind a proxy that knows nothing of sessions', () => {
  it('is served by every node: one takes the submission, one holds the stream, a worker makes the call', async () => {
    await work();
    const proxy = (await balanced(await urlsOf(3))).pin('tools/call', 0).pin('GET', 1).pin('tasks/result', 2);
    const peer = await client(proxy.url, { answer: () => accept('by the window') });
    await request(peer.client, 'logging/setLevel', { level: 'info' });
    const progress: number[] = [];
    const params = { name: 'book', arguments: {}, task: {}, _meta: { progressToken: 'p' } };
    const { task } = (await request(peer.client, 'tools/call', params)) as unknown as { task: { taskId: string } };
    const result = await peer.client.experimental.tasks.getTaskResult(task.taskId, CallToolResultSchema);
    expect(result).toMatchObject(textOf('booked by the window'));
    for (const { params } of told(peer, 'notifications/progress')) progress.push(Number(params.progress));
    expect(progress).toEqual([...new Set(progress)]);
    await eventually(() => expect(told(peer, 'notifications/tasks/status').at(-1)?.params.status).toBe('completed'));
    expect(told(peer, asked)).toHaveLength(1);
    expect(told(peer, 'notifications/message')).toHaveLength(1);
    expect([proxy.whoGot('tools/call'), proxy.whoGot('tasks/result')]).toEqual([[0], [2]]);
  });

  it('is told everything of a task on one stream only, whichever nodes know it', async () => {
    await work();
    const proxy = (await balanced(await urlsOf(2))).pin('GET', 0).pin('tools/call', 1).pin('tasks/result', 1);
    const answers: ((result: ElicitResult) => void)[] = [];
    const peer = await client(proxy.url, { answer: () => new Promise((resolve) => answers.push(resolve)) });
    const { taskId } = await startTask(peer.client, 'book');
    const waiting = peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    await eventually(() => expect(answers).toHaveLength(1));
    answers[0]!(accept('outside'));
    expect(await waiting).toMatchObject(textOf('booked outside'));
    await eventually(() => expect(told(peer, 'notifications/tasks/status').at(-1)?.params.status).toBe('completed'));
    const statuses = told(peer, 'notifications/tasks/status').map(({ params }) => params.status);
    expect(statuses).toEqual(['input_required', 'working', 'completed']);
    expect(told(peer, 'notifications/message')).toHaveLength(1);
    expect(told(peer, asked)).toHaveLength(1);
  });

  it('is cancelled by any node, in the background and in the foreground', async () => {
    await work();
    const listeners = [await node().listen(), await node().listen()] as const;
    const proxy = (await balanced(listeners.map(({ url }) => url)))
      .pin('tools/call', 0)
      .pin('notifications/cancelled', 1)
      .pin('tasks/cancel', 1);
    const peer = await client(proxy.url);
    const { taskId } = await startTask(peer.client, 'stays');
    await untilTold(peer, 'notifications/message', 1);
    expect(await peer.client.experimental.tasks.cancelTask(taskId)).toMatchObject({ status: 'cancelled' });
    const gone = new AbortController();
    const calling = peer.client.callTool({ name: 'stays', arguments: {} }, undefined, { signal: gone.signal });
    // It has begun.
    await untilTold(peer, 'notifications/message', 2);
    gone.abort('enough');
    await rejection(calling);
    // It would wait for ever.
    await listeners[0].drain();
    expect(proxy.whoGot('notifications/cancelled')).toEqual([1]);
  });

  it('is asked by a call in the foreground, and answers to another node', async () => {
    const proxy = (await balanced(await urlsOf(2))).pin('tools/call', 0).pin('response', 1);
    const peer = await client(proxy.url, { answer: () => accept('inside') });
    expect(await peer.client.callTool({ name: 'book', arguments: {} })).toMatchObject(textOf('booked inside'));
    expect(proxy.whoGot('response')).toEqual([1]);
  });

  it('is asked once, though it gives up waiting and asks for the result again at one node and another [A1]', async () => {
    await work();
    const proxy = await balanced(await urlsOf(2));
    const think = (): Promise<ElicitResult> => new Promise((give) => setTimeout(() => give(accept('slowly')), 2_500));
    const peer = await client(proxy.url, { answer: think });
    const { taskId } = await startTask(peer.client, 'book');
    expect(await impatientResult(peer.client, taskId)).toMatchObject(textOf('booked slowly'));
    expect(told(peer, asked)).toHaveLength(1);
    expect(proxy.whoGot('tasks/result')).toEqual([0, 1]);
  });

  it('is not answered for from another session, at any node [A1]', async () => {
    await work();
    const [one, other] = (await urlsOf(2)) as [string, string];
    const answers: ((result: ElicitResult) => void)[] = [];
    const peer = await client(one, { answer: () => new Promise((resolve) => answers.push(resolve)) });
    const { taskId } = await startTask(peer.client, 'book');
    const [{ id }] = (await untilTold(peer, asked, 1)) as unknown as [{ id: string }];
    for (const url of [one, other]) {
      const stranger = await client(url, { answer: () => new Promise(() => undefined) });
      expect(await send(url, sessionOf(stranger), 'POST', { jsonrpc: '2.0', id, result: accept('forged') })).toBe(202);
      await request(stranger.client, 'ping');
    }
    expect(await peer.client.experimental.tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });
    answers[0]!(accept('mine'));
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result).toMatchObject(textOf('booked mine'));
  });

  it('works with the client of Errand', async () => {
    await work();
    const proxy = await balanced(await urlsOf(2));
    const errand = await connect(proxy.url, { onElicit: () => ({ action: 'accept', content: { value: 'upstairs' } }) });
    peers.push({ [Symbol.asyncDispose]: () => errand.close() });
    const task = await errand.callTool('book', {}, { task: true });
    expect(await task.result()).toMatchObject(textOf('booked upstairs'));
  });
});

describe('a session', () => {
  it('ends on every node, wherever the client ends it', async () => {
    const [one, other] = (await urlsOf(2)) as [string, string];
    const peer = await client(one);
    const session = sessionOf(peer);
    expect(await send(other, session, 'POST', list)).toBe(200);
    expect(await send(other, session, 'DELETE')).toBe(200);
    expect(await send(other, session, 'POST', list)).toBe(404);
    await eventually(async () => expect(await send(one, session, 'POST', list)).toBe(404));
  });

  it('goes on when its node is closed, and is none for another principal', async () => {
    const limits = { idleTimeout: 60_000, maximum: 10 };
    const [one, other] = [node(), node()];
    const first = await listenForUsers(one, (core) => new HttpSessions(core, limits, sharesFor(core)));
    const second = await listenForUsers(other, (core) => new HttpSessions(core, limits, sharesFor(core)));
    peers.push(second);
    const peer = await connectHttp(first.url, { fetch: fetchAs('anna') });
    const session = sessionOf(peer);
    const asBert = fetchAs('bert');
    expect(await send(second.url, session, 'POST', list, asBert)).toBe(404);
    expect(await send(second.url, session, 'DELETE', undefined, asBert)).toBe(404);
    expect(await send(second.url, session, 'POST', list)).toBe(404);
    await first[Symbol.asyncDispose]();
    // Who stole it gets nothing either where it is served.
    expect(await send(second.url, session, 'POST', list, fetchAs('anna'))).toBe(200);
    expect(await send(second.url, session, 'POST', list, asBert)).toBe(404);
    expect(await send(second.url, session.replace(/^./, 'x'), 'POST', list, fetchAs('anna'))).toBe(404);
    await peer.client.close();
  });

  it('carries no more of a message from node to node than what others need of it', async () => {
    const [one, other] = (await urlsOf(2)) as [string, string];
    const session = sessionOf(await client(one));
    expect(await send(other, session, 'POST', list)).toBe(200);
    const flood = 'x'.repeat(200_000);
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7, reason: flood } };
    const tooLong = { ...cancelled, params: { requestId: flood } };
    const messages = [cancelled, tooLong, { jsonrpc: '2.0', id: 'errand:nobody', result: { flood } }];
    for (const message of messages) expect(await send(other, session, 'POST', message)).toBe(202);
    expect(await send(other, session, 'POST', list)).toBe(200);
    const inboxes = (await docket.keys()).filter((key) => key.includes(':inbox:'));
    const entries = await Promise.all(inboxes.map((key) => docket.redis.xrange(key, '-', '+')));
    const sent = JSON.stringify(entries);
    expect(sent).toContain('notifications/cancelled');
    expect(sent.length).toBeLessThan(50_000);
  });

  it('with an open stream on one node stays, though another has not seen it for long', async () => {
    const clock = new FakeClock();
    const server = serverWithClock({ name: 'idle', version: '1.0.0', components: [stays] }, clock);
    servers.push(server);
    const [one, other] = [
      await server.listen({ sessionTimeout: '30s' }),
      await server.listen({ sessionTimeout: '30s' }),
    ];
    const noStream = new Response(null, { status: 405 });
    const peer = await client(one.url, {
      fetch: (to, init) => (init?.method === 'GET' ? Promise.resolve(noStream) : fetch(to, init)),
    });
    const session = sessionOf(peer);
    const stream = await fetch(other.url, { headers: { 'mcp-session-id': session, accept: 'text/event-stream' } });
    expect(stream.status).toBe(200);
    await clock.advance(10_000);
    expect(await send(one.url, session, 'POST', list)).toBe(200);
    for (let second = 0; second < 120; second += 5) {
      await clock.advance(5_000);
      await settled();
    }
    expect(await send(other.url, session, 'POST', list)).toBe(200);
    await stream.body?.cancel();
  });

  it('has one stream at a time: the newer one is told, and the older one again when that has gone', async () => {
    await work();
    const [one, other] = (await urlsOf(2)) as [string, string];
    const peer = await client(one);
    const headers = { 'mcp-session-id': sessionOf(peer), accept: 'text/event-stream' };
    const holder = async (): Promise<string> => {
      const place = await docket.redis.hget(`${docket.prefix}:session:${sessionOf(peer)}`, 'holder');
      return place ?? 'nobody';
    };
    await eventually(async () => expect(await holder()).not.toBe('nobody'));
    const first = await holder();
    const gone = new AbortController();
    const newer = await fetch(other, { headers, signal: gone.signal });
    expect(newer.status).toBe(200);
    let text = '';
    const reading = (async () => {
      for await (const chunk of newer.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
      }
    })().catch(() => undefined);
    await eventually(async () => expect(await holder()).not.toBe(first));
    const { taskId } = await startTask(peer.client, 'quick');
    await eventually(() => expect(text).toContain('"completed"'));
    expect(told(peer, 'notifications/tasks/status')).toEqual([]);
    gone.abort();
    await reading;
    await eventually(async () => expect(await holder()).toBe(first));
    expect(text).toContain(taskId);
    const next = await startTask(peer.client, 'quick');
    await eventually(() =>
      expect(told(peer, 'notifications/tasks/status').at(-1)?.params).toMatchObject({
        taskId: next.taskId,
        status: 'completed',
      }),
    );
  });

  it('is told each progress once, whichever node has its stream, and what comes after it', async () => {
    await work();
    const [one, other] = (await urlsOf(2)) as [string, string];
    const peer = await client(one, { answer: () => new Promise(() => undefined) });
    const params = { name: 'book', arguments: {}, task: {}, _meta: { progressToken: 'p' } };
    await request(peer.client, 'tools/call', params);
    await untilTold(peer, asked, 1);
    const before = told(peer, 'notifications/progress').map((each) => Number(each.params['progress']));
    expect(before.at(-1)).toBe(1);

    const gone = new AbortController();
    const headers = { 'mcp-session-id': sessionOf(peer), accept: 'text/event-stream' };
    const newer = await fetch(other, { headers, signal: gone.signal });
    let text = '';
    const reading = (async () => {
      for await (const chunk of newer.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(chunk).toString();
      }
    })().catch(() => undefined);
    // The question comes last of what the client may have missed.
    const id = await eventually(() => {
      const found = /"id":"(errand:[^"]+)","method":"elicitation\/create"/.exec(text)?.[1];
      if (found === undefined) throw new Error(`The other node has said: ${text}`);
      return found;
    });
    await send(other, sessionOf(peer), 'POST', { jsonrpc: '2.0', id, result: accept('by the window') });
    await eventually(() => expect(text).toContain('"completed"'));
    const after = [...text.matchAll(/"method":"notifications\/progress".*?"progress":(\d+)/g)].map(
      ([, value]) => value,
    );
    expect(after).toEqual(['2']);
    gone.abort();
    await reading;
  });

  it('costs no connection to Redis for each call that waits', async () => {
    await docket.dispose();
    docket = await TestDocket.alone();
    await work();
    const [url] = (await urlsOf(1)) as [string];
    const peer = await client(url, { answer: () => new Promise(() => undefined) });
    const connections = async (): Promise<string[]> =>
      String(await docket.redis.call('CLIENT', 'LIST'))
        .trim()
        .split('\n');
    const before = (await connections()).length;
    const tasks: string[] = [];
    const wait = async (): Promise<void> => {
      const { taskId } = await startTask(peer.client, 'book');
      tasks.push(taskId);
      await request(peer.client, 'tasks/result', { taskId }).catch(() => undefined);
    };
    const waiting = Array.from({ length: 60 }, wait);
    await untilTold(peer, asked, 60);
    const now = await connections();
    expect(now.length).toBeLessThanOrEqual(before);
    // One of each process waits for its inbox, and one of each worker for work.
    expect(now.filter((line) => line.includes('cmd=xread')).length).toBeLessThanOrEqual(servers.length);
    // Nothing is left that the worker would have to hand back within its grace.
    await Promise.all(tasks.map((taskId) => servers[0]!.docket.cancel(taskId)));
    await Promise.all(waiting);
  });
});

describe('a node that is killed', () => {
  /** What the user was asked, in the order of asking. */
  let prompts: { readonly answer: (result: ElicitResult) => void; readonly signal: AbortSignal }[];
  const user: Answering = (_params, signal) =>
    new Promise((answer) => {
      prompts.push({ answer, signal });
    });
  beforeEach(() => {
    prompts = [];
  });

  it('is followed by another, where its client goes on with the same session and is asked once more, in place of the old prompt', async () => {
    await work();
    const [killed, [stays]] = await Promise.all([childNode(), urlsOf(1) as Promise<[string]>]);
    let base = killed.url;
    const toNode: typeof fetch = (_input, init) => fetch(base, init);
    const peer = await client(killed.url, { answer: user, fetch: toNode });
    const session = sessionOf(peer);
    const { taskId } = await startTask(peer.client, 'book');
    await eventually(() => expect(prompts).toHaveLength(1));
    base = stays;
    await killed.kill();
    // The stock client opens its stream again by itself.
    await eventually(() => expect(prompts).toHaveLength(2));
    expect(sessionOf(peer)).toBe(session);
    expect(prompts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    await untilStatus(peer.client, taskId, 'input_required');
    prompts[1]!.answer(accept('after all'));
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result).toMatchObject(textOf('booked after all'));
    expect(prompts).toHaveLength(2);
  });

  it('leaves what it showed to a client that comes back with a new session, once it gave no sign for a while', async () => {
    await work();
    const [killed, [stays]] = await Promise.all([childNode(), urlsOf(1) as Promise<[string]>]);
    const lost = await connectHttp(killed.url, { answer: user });
    const { taskId } = await startTask(lost.client, 'book');
    const waiting = request(lost.client, 'tasks/result', { taskId }).catch(() => undefined);
    await eventually(() => expect(prompts).toHaveLength(1));
    await killed.kill();
    await lost.client.close();
    await waiting;
    const peer = await client(stays, { answer: user });
    const result = peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    await untilStatus(peer.client, taskId, 'input_required');
    await eventually(() => expect(prompts).toHaveLength(2), { timeout: 20_000 });
    prompts[1]!.answer(accept('at last'));
    expect(await result).toMatchObject(textOf('booked at last'));
    expect(prompts).toHaveLength(2);
  });
});
