import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, ListTasksResultSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Core } from '../../src/bindings/core.js';
import { HttpSessions } from '../../src/bindings/mcp-2025-11-25/http/http-sessions.js';
import { StatelessRequests } from '../../src/bindings/mcp-2025-11-25/http/stateless-requests.js';
import { Context, createServer, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { rejection, request, startTask, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectHttp, type Peer, type PeerOptions } from '../helpers/transports.js';
import { fetchAs, listenForUsers, sharesFor } from '../helpers/users-over-http.js';

const who = defineTool({ name: 'who', task: 'optional', inject: [Context], run: (_input, ctx) => whoOf(ctx) });
const favourite = defineTool({
  name: 'favourite',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Which?', z.string());
    return answer.action === 'accept' ? answer.content : answer.action;
  },
});

const whoOf = ({ principal }: Context): string => principal.facts.subject ?? principal.id;

const endpoints = {
  sessions: (core: Core) => new HttpSessions(core, { idleTimeout: 60_000, maximum: 10 }, sharesFor(core)),
  stateless: (core: Core) => new StatelessRequests(core, sharesFor(core)),
} as const;

let server: ErrandServer;
let listener: Awaited<ReturnType<typeof listenForUsers>>;

beforeEach(() => {
  const logger = new Logger(() => undefined);
  server = createServer({ name: 'users', version: '1.0.0', components: [who, favourite], logger });
});

afterEach(async () => {
  await listener[Symbol.asyncDispose]();
  await server.close();
});

/** A stock client of a user; without a name, of somebody who proved nothing. */
function connectAs(user: string | undefined, options: PeerOptions = {}): Promise<Peer> {
  return connectHttp(listener.url, { ...options, fetch: fetchAs(user, options.fetch) });
}

/** The session id that the server gave a client. */
const sessionOf = ({ client }: Peer): string => (client.transport as unknown as { sessionId: string }).sessionId;

interface Reply {
  readonly status: number;
  readonly body: string;
}

async function send(
  user: string | undefined,
  session: string,
  method: string,
  message?: Record<string, unknown>,
): Promise<Reply> {
  const response = await fetchAs(user)(listener.url, {
    method,
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-session-id': session,
      'mcp-protocol-version': '2025-11-25',
    },
    ...(message && { body: JSON.stringify({ jsonrpc: '2.0', ...message }) }),
  });
  return { status: response.status, body: await response.text() };
}

const listTools = { id: 1, method: 'tools/list' };

describe('a session over HTTP', () => {
  beforeEach(async () => {
    listener = await listenForUsers(server, endpoints.sessions);
  });

  it.each([
    ['ann', 'bob'],
    ['ann', undefined],
    [undefined, 'bob'],
  ])('of %s does not exist for %s', async (owner, other) => {
    await using peer = await connectAs(owner);
    const session = sessionOf(peer);
    const unknown = await send(other, 'nobody', 'POST', listTools);
    expect(unknown.status).toBe(404);
    const messages: [string, Record<string, unknown>?][] = [
      ['POST', listTools],
      ['POST', { method: 'notifications/cancelled', params: { requestId: 1 } }],
      ['GET'],
      ['DELETE'],
    ];
    for (const [method, message] of messages) {
      expect([method, await send(other, session, method, message)]).toEqual([method, unknown]);
    }
    expect(await request(peer.client, 'tools/list')).toMatchObject({ tools: [{ name: 'who' }, { name: 'favourite' }] });
  });

  it('lists the tasks of its user, those of other sessions too [MC3] [MA1] [ML1]', async () => {
    await using here = await connectAs('ann');
    await using there = await connectAs('ann');
    await using bob = await connectAs('bob');
    const { taskId } = await startTask(there.client, 'who');
    expect(here.client.getServerCapabilities()?.tasks).toHaveProperty('list');
    const listed = await here.client.request({ method: 'tasks/list' }, ListTasksResultSchema);
    expect(listed.tasks.map((task) => task.taskId)).toEqual([taskId]);
    expect(await request(bob.client, 'tasks/list')).toEqual({ tasks: [] });
  });

  it('of nobody in particular lists nothing and does not say that it could [MC3] [MA2]', async () => {
    await using peer = await connectAs(undefined);
    await startTask(peer.client, 'who');
    expect(peer.client.getServerCapabilities()?.tasks).not.toHaveProperty('list');
    expect(await rejection(request(peer.client, 'tasks/list'))).toMatchObject({ code: -32601 });
  });

  it('takes no answer to the question of another user [MA1]', async () => {
    let answer = (_result: ElicitResult): void => undefined;
    await using ann = await connectAs('ann', { answer: () => new Promise((resolve) => (answer = resolve)) });
    await using bob = await connectAs('bob');
    const { taskId } = await startTask(ann.client, 'favourite');
    const [question] = await untilTold(ann, 'elicitation/create', 1);
    const { id } = question as unknown as { id: string };
    const forged = { id, result: { action: 'accept', content: { value: 'forged' } } };
    expect(await send('bob', sessionOf(bob), 'POST', forged)).toMatchObject({ status: 202 });
    expect(await request(ann.client, 'tasks/get', { taskId })).toMatchObject({ status: 'input_required' });
    answer({ action: 'accept', content: { value: 'blue' } });
    const result = await ann.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'blue' }]);
  });
});

describe('a listener without sessions', () => {
  beforeEach(async () => {
    listener = await listenForUsers(server, endpoints.stateless);
  });

  it('knows the user of each request, and gives nobody the rights of another by a session id [MA1]', async () => {
    await using ann = await connectAs('ann');
    const { taskId } = await startTask(ann.client, 'who');
    await untilStatus(ann.client, taskId, 'completed');
    const asBob = async (method: string, params = {}): Promise<string> =>
      (await send('bob', sessionOf(ann), 'POST', { id: 1, method, params })).body;
    expect(await asBob('tools/call', { name: 'who' })).toContain('"text":"bob"');
    const refused = await asBob('tasks/get', { taskId });
    expect(refused).toContain('-32602');
    expect(await asBob('tasks/get', { taskId: 'A'.repeat(32) })).toBe(refused.replaceAll(taskId, 'A'.repeat(32)));
    expect(await asBob('tasks/list')).toContain('"tasks":[]');
    expect(await request(ann.client, 'tasks/list')).toMatchObject({ tasks: [{ taskId }] });
  });

  it('lists tasks to users who are known, and to nobody else [MC3] [MA2]', async () => {
    await using ann = await connectAs('ann');
    await using somebody = await connectAs(undefined);
    expect(ann.client.getServerCapabilities()?.tasks).toHaveProperty('list');
    expect(somebody.client.getServerCapabilities()?.tasks).not.toHaveProperty('list');
    expect(await rejection(request(somebody.client, 'tasks/list'))).toMatchObject({ code: -32601 });
  });
});
