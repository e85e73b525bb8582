import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { prefixOf } from '../../src/redis/keys.js';
import { root } from '../helpers/child.js';
import { leaks, testRedisUrl } from '../helpers/redis.js';
import { freshName } from '../helpers/redis-server.js';
import { Fleet, StubbornClient } from './fleet.js';

describe('a call that crashes its worker each time', () => {
  it('ends as lost after its third redelivery, and the worker that is left works on', async () => {
    const name = freshName();
    const log = new Redis(testRedisUrl());
    const stop = new AbortController();
    // The first run and three more cost a worker each.
    const fleet = await Fleet.start(join(root, 'test/faults/servers/mixed.ts'), {
      nodes: 1,
      workers: 5,
      env: { ERRAND_DOCKET_NAME: name, FAULTS_LOG_URL: testRedisUrl(), FAULTS_LOG: name, FAULTS_LEASE: '1s' },
    });
    const redis = new Redis(fleet.url);
    const client = new StubbornClient(fleet.nodes, (question) => Promise.resolve(question), stop.signal);
    const call = async (tool: string): Promise<string> => {
      const { result } = await client.request('tools/call', { name: tool, arguments: { n: 1 }, task: {} });
      const { taskId } = result?.['task'] as { taskId: string };
      return JSON.stringify(await client.request('tasks/result', { taskId }));
    };
    try {
      expect(await call('poisoned')).toContain('interrupted without an outcome more than 3 times');
      expect(await log.lrange(name, 0, -1)).toEqual(Array(4).fill('{"poisoned":1}'));
      expect(await call('plain')).toContain('plain 1');
      await fleet.leave();
      expect(await leaks(redis, prefixOf(name))).toEqual([]);
    } finally {
      stop.abort();
      redis.disconnect();
      await fleet.stop();
      await log.del(name);
      log.disconnect();
    }
  }, 60_000);
});
