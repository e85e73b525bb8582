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

async function start(workers: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
  fleet = await Fleet.start(join(root, 'test/faults/servers/mixed.ts'), {
    nodes: 1,
    workers,
    env: { ERRAND_DOCKET_NAME: name, FAULTS_LOG_URL: testRedisUrl(), FAULTS_LOG: name, FAULTS_LEASE: '1s', ...env },
  });
  redis = new Redis(fleet.url);
  client = new StubbornClient(fleet.nodes, (question) => Promise.resolve(question), stop.signal);
}

async function submit(tool: string, n = 1): Promise<string> {
  const { result } = await client.request('tools/call', { name: tool, arguments: { n }, task: {} });
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

describe('a call that leaves its worker no time to renew its leases', () => {
  it('is run once, and so are twenty beside it, for three leases [A2]', async () => {
    await start(2, { FAULTS_LEASE: '2s' });
    const beside = await Promise.all(Array.from({ length: 20 }, () => submit('lasting')));
    await eventually(async () => expect(await noted()).toHaveLength(20));
    const taskId = await submit('blocking', 6);
    const result = await resultOf(taskId);
    for (const key of beside) expect(await resultOf(key)).toContain('lasting 1');
    const steps = (await noted()) as { readonly lasting?: string; readonly blocking?: number }[];
    expect(steps.map(({ lasting }) => lasting).filter(Boolean)).toEqual(expect.arrayContaining(beside));
    expect(steps).toHaveLength(21);
    expect(result).toContain(`by ${steps.find(({ blocking }) => blocking)?.blocking}`);
    await fleet.leave();
    expect(await leaks(redis, prefixOf(name))).toEqual([]);
  }, 60_000);

  it('ends its worker after docket.maxBlock, which says so, and those beside it do not fail for it [A2]', async () => {
    await start(2, { FAULTS_LEASE: '2s', FAULTS_MAX_BLOCK: '4s' });
    const deaths = fleet.supervise();
    const taskId = await submit('blocking', 60);
    await eventually(async () => expect(await noted()).toHaveLength(1));
    const beside = await Promise.all(Array.from({ length: 10 }, () => submit('lasting')));
    const [{ blocking }] = (await noted()) as [{ readonly blocking: number }];
    for (const key of beside) expect(await resultOf(key)).toContain('lasting 1');
    expect(await resultOf(taskId)).toMatch(/by \d+/);
    expect(await resultOf(taskId)).not.toContain(`by ${blocking}`);
    expect(deaths()).toBe(1);
    expect(fleet.lastWords).toContain(
      'The event loop has been blocked for longer than docket.maxBlock, so the process ends',
    );
    expect(fleet.lastWords).toMatch(/"components":\[[^\]]*"blocking"/);
    for (const key of [...beside, taskId]) {
      expect(await redis.hget(`${prefixOf(name)}:execution:${key}`, 'losses')).toBeNull();
    }
    await fleet.leave();
    expect(await leaks(redis, prefixOf(name))).toEqual([]);
  }, 60_000);
});
