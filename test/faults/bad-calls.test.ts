import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { prefixOf } from '../../src/redis/keys.js';
import { root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { testRedisUrl } from '../helpers/redis.js';
import { leaks } from '../helpers/redis-leaks.js';
import { freshName } from '../helpers/redis-server.js';
import { Fleet, StubbornClient } from './fleet.js';

let name: string;
let log: Redis;
let fleet: Fleet;
let redis: Redis;
let client: StubbornClient;
let stop: AbortController;

/** Where the calls of this test note what they do. */
const noted = async (): Promise<unknown[]> =>
  (await log.lrange(name, 0, -1)).map((text) => JSON.parse(text) as unknown);

async function start(workers: number): Promise<void> {
  fleet = await Fleet.start(join(root, 'test/faults/servers/mixed.ts'), {
    nodes: 1,
    workers,
    env: { ERRAND_DOCKET_NAME: name, FAULTS_LOG_URL: testRedisUrl(), FAULTS_LOG: name, FAULTS_LEASE: '1s' },
  });
  redis = new Redis(fleet.url);
  client = new StubbornClient(fleet.nodes, (question) => Promise.resolve(question), stop.signal);
}

async function submit(tool: string): Promise<string> {
  const { result } = await client.request('tools/call', { name: tool, arguments: { n: 1 }, task: {} });
  return (result?.['task'] as { taskId: string }).taskId;
}

const resultOf = async (taskId: string): Promise<string> =>
  JSON.stringify((await client.request('tasks/result', { taskId })).result);

beforeEach(() => {
  name = freshName();
  log = new Redis(testRedisUrl());
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  redis.disconnect();
  await fleet.stop();
  await log.del(name);
  log.disconnect();
});

describe('a call that crashes its worker each time', () => {
  it('ends as lost after its third redelivery, and the worker that is left works on', async () => {
    // The first run and three more cost a worker each.
    await start(5);
    const { error } = await client.request('tasks/result', { taskId: await submit('poisoned') });
    expect(JSON.stringify(error)).toContain('interrupted without an outcome more than 3 times');
    expect(await noted()).toEqual(Array(4).fill({ poisoned: 1 }));
    expect(await resultOf(await submit('plain'))).toContain('plain 1');
    await fleet.leave();
    expect(await leaks(redis, prefixOf(name))).toEqual([]);
  }, 60_000);
});

describe('calls beside some that crash their worker each time', () => {
  it('are made, and none is taken for what crashes it [A3]', async () => {
    await start(2);
    const deaths = fleet.supervise();
    const poisoned = await Promise.all([submit('poisoned'), submit('poisoned')]);
    const innocent = await Promise.all(Array.from({ length: 10 }, () => submit('lasting')));
    for (const taskId of innocent) expect(await resultOf(taskId)).toContain('lasting 1');
    for (const taskId of poisoned) {
      const { error } = await client.request('tasks/result', { taskId });
      expect(JSON.stringify(error)).toContain('interrupted without an outcome more than 3 times');
    }
    for (const taskId of innocent) {
      expect(await redis.hget(`${prefixOf(name)}:execution:${taskId}`, 'losses')).toBeNull();
    }
    // Each poisoned call begins as often as it takes to be sure of it, and never beside another again.
    expect(deaths()).toBeLessThanOrEqual(3 + 2 * 4);
    await fleet.leave();
    expect(await leaks(redis, prefixOf(name))).toEqual([]);
  }, 60_000);
});

describe('a call that leaves its worker no time to renew its lease', () => {
  it('is made by another, and what the first still returns is dropped', async () => {
    await start(2);
    const taskId = await submit('blocking');
    const result = await resultOf(taskId);
    const [first, second] = (await noted()) as { readonly blocking: number }[];
    expect(second?.blocking).not.toBe(first?.blocking);
    expect(result).toContain(`by ${second?.blocking}`);
    await eventually(async () => expect(await noted()).toContainEqual({ returning: first?.blocking }), {
      timeout: 20_000,
    });
    // Whatever it wrote has been written once it is gone.
    await fleet.leave();
    const { outcome } = await redis.hgetall(`${prefixOf(name)}:execution:${taskId}`);
    expect(outcome).toContain(`by ${second?.blocking}`);
    expect(await leaks(redis, prefixOf(name))).toEqual([]);
  }, 60_000);
});
