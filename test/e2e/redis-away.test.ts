import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { Context, createServer, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { Gate } from '../helpers/gate.js';
import { rejection, request, startTask, told, untilStatus } from '../helpers/raw-calls.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';
import { keysOf, leaks } from '../helpers/redis-leaks.js';
import { keyOf, prefixOf } from '../../src/redis/keys.js';
import { connectInMemory, type Peer } from '../helpers/transports.js';

const password = 'secret-of-redis';

let folder: string;
let redis: RedisServer;
let control: Redis;
let server: ErrandServer;
let peer: Peer;
let gate: Gate;
let answer: (value: boolean) => void;
/** What tools ran to their end. */
let ran: string[];
let isHolding: boolean;

/** A Redis that keeps all that it is told. */
const startOwn = (port?: number, ...more: string[]): Promise<RedisServer> =>
  startRedis({
    ...(port !== undefined && { port }),
    args: [
      ...['--requirepass', password, '--dir', folder, '--save', '3600 1'],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0', ...more],
    ],
  });

const urlOf = ({ port }: RedisServer): string => `redis://:${password}@127.0.0.1:${port}`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-away-'));
  redis = await startOwn();
  control = new Redis(urlOf(redis), { disconnectTimeout: 100 });
  control.on('error', () => undefined);
  gate = new Gate();
  ran = [];
  isHolding = false;
  const asked = new Promise<boolean>((resolve) => (answer = resolve));
  const asks = defineTool({
    name: 'asks',
    task: 'required',
    inject: [Context],
    run: async (_input, ctx) => {
      const { action } = await ctx.elicit('Go on?', z.boolean());
      ran.push('asks');
      return action;
    },
  });
  const holds = defineTool({
    name: 'holds',
    task: 'required',
    run: async () => {
      isHolding = true;
      await gate.stop();
      ran.push('holds');
      return 'held';
    },
  });
  const quick = defineTool({
    name: 'quick',
    task: 'required',
    run: () => {
      ran.push('quick');
      return 'quick';
    },
  });
  server = createServer({
    name: 'away',
    version: '1.0.0',
    logger: new Logger(() => undefined),
    components: [asks, holds, quick],
    docket: { url: urlOf(redis), concurrency: 1, lease: '10s' },
  });
  peer = await connectInMemory(server, {
    answer: async () => ({ action: 'accept', content: { value: await asked } }),
  });
});

afterEach(async () => {
  answer(true);
  await peer.client.close();
  await server.close();
  const prefix = prefixOf('away');
  expect(await leaks(control, prefix)).toEqual([]);
  await control.del(...(await keysOf(control, prefix)));
  control.disconnect();
  await redis.stop('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

/** One task that has asked, one that runs, and one that waits for its turn. */
async function begun(): Promise<{ asks: string; holds: string; queued: string }> {
  const { client } = peer;
  const { taskId: asks } = await startTask(client, 'asks');
  await untilStatus(client, asks, 'input_required');
  const { taskId: holds } = await startTask(client, 'holds');
  await eventually(() => expect(isHolding).toBe(true));
  const { taskId: queued } = await startTask(client, 'quick');
  // A ticket that gets lost is missed after five seconds, which are not for this test to wait.
  await eventually(async () => expect(await control.llen(keyOf(prefixOf('away'), 'line'))).toBe(1));
  return { asks, holds, queued };
}

/** What a client is told for a task that cannot be stored. */
async function expectRefusal(): Promise<void> {
  const error = await rejection(startTask(peer.client, 'quick'));
  expect(error).toMatchObject({
    code: -32603,
    message: 'MCP error -32603: The tasks of this server are not available at the moment. Try again later.',
  });
  expect(error.data).toBeUndefined();
}

async function expectAllEnd({ asks, holds, queued }: Awaited<ReturnType<typeof begun>>): Promise<void> {
  const { client } = peer;
  const tasks = { [asks]: 'accept', [holds]: 'held', [queued]: 'quick' };
  for (const [taskId, text] of Object.entries(tasks)) {
    expect(await request(client, 'tasks/result', { taskId })).toMatchObject({ content: [{ text }] });
    expect(await request(client, 'tasks/get', { taskId })).toMatchObject({ status: 'completed' });
  }
  expect(ran.sort()).toEqual(['asks', 'holds', 'quick']);
  // After an outage a result may be there before the news of its end.
  await eventually(() => {
    const ends = told(peer, 'notifications/tasks/status').filter(({ params }) => params['status'] === 'completed');
    expect(ends.map(({ params }) => params['taskId']).sort()).toEqual(Object.keys(tasks).sort());
  });
}

/** Each with how it begins and how it ends. */
const troubles: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
  [
    'is killed and comes back with what it wrote down',
    () => redis.stop('SIGKILL'),
    async () => (redis = await startOwn(redis.port)),
  ],
  ['has no memory left', () => control.config('SET', 'maxmemory', 1), () => control.config('SET', 'maxmemory', 0)],
  [
    'cannot write its file',
    async () => {
      await rm(folder, { recursive: true, force: true });
      await control.bgsave();
      await eventually(async () => expect(await control.info('persistence')).toContain('last_bgsave_status:err'));
    },
    () => control.config('SET', 'stop-writes-on-bgsave-error', 'no'),
  ],
];

describe('a Redis that', () => {
  it.each(troubles)('%s: whoever asks is told, nothing is lost, and each task ends once', async (_name, begin, end) => {
    const tasks = await begun();
    await begin();
    await expectRefusal();
    expect((await server.health()).status).toBe('unhealthy');
    answer(true);
    await end();
    await eventually(async () => expect((await server.health()).status).toBe('ok'));
    await gate.pass();
    await expectAllEnd(tasks);
  });
});
