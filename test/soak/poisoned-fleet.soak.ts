import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Fleet, StubbornClient } from '../faults/fleet.js';
import { root } from '../helpers/child.js';
import { testRedisUrl } from '../helpers/redis.js';
import { freshName } from '../helpers/redis-server.js';

let fleet: Fleet;
let stop: AbortController;
let log: Redis;
let name: string;

beforeEach(async () => {
  name = freshName();
  log = new Redis(testRedisUrl());
  stop = new AbortController();
  fleet = await Fleet.start(join(root, 'test/faults/servers/mixed.ts'), {
    nodes: 1,
    workers: 2,
    env: { ERRAND_DOCKET_NAME: name, FAULTS_LOG_URL: testRedisUrl(), FAULTS_LOG: name, FAULTS_LEASE: '1s' },
  });
});

afterEach(async () => {
  stop.abort();
  await fleet.stop();
  await log.del(name);
  log.disconnect();
});

it('thirty poisoned calls cost ten innocent ones nothing but time, with two workers and a supervisor [A3]', async () => {
  const deaths = fleet.supervise();
  const client = new StubbornClient(fleet.nodes, (question) => Promise.resolve(question), stop.signal);
  const submit = async (tool: string): Promise<string> => {
    const { result } = await client.request('tools/call', { name: tool, arguments: { n: 1 }, task: {} });
    return (result?.['task'] as { taskId: string }).taskId;
  };
  const resultOf = (taskId: string) => client.request('tasks/result', { taskId });
  const poisoned: string[] = [];
  const innocent: string[] = [];
  for (let round = 0; round < 10; round++) {
    for (let call = 0; call < 3; call++) poisoned.push(await submit('poisoned'));
    innocent.push(await submit('lasting'));
  }
  for (const taskId of innocent) expect(JSON.stringify((await resultOf(taskId)).result)).toContain('lasting 1');
  for (const taskId of poisoned) {
    expect(JSON.stringify((await resultOf(taskId)).error)).toContain(
      'interrupted without an outcome more than 3 times',
    );
  }
  // Each is sure to be what kills workers after four deaths, three of which all that ran at first may share.
  expect(deaths()).toBeLessThanOrEqual(3 + 4 * poisoned.length);
});
