import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { keyOf, prefixOf } from '../../src/redis/keys.js';
import { RedisEngine } from '../../src/redis/redis-engine.js';
import { eventually } from '../helpers/eventually.js';
import { LossyProxy } from '../helpers/lossy-proxy.js';
import { rejection } from '../helpers/raw-calls.js';
import { freshName, startRedis, type RedisServer, type RedisStart } from '../helpers/redis-server.js';
import { leaks } from '../helpers/redis-leaks.js';
import { anExecution, inShort } from './contract/stage.js';
import { expectWholeWork } from './whole-work.js';
import type { EngineEvent } from '../../src/docket/engine/engine.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-failover-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function aServer(options: RedisStart): Promise<RedisServer> {
  const server = await startRedis(options);
  cleanups.push(() => server.stop('SIGKILL'));
  return server;
}

/** A connection to one server that follows no redirection. */
function connected({ url }: RedisServer): Redis {
  const redis = new Redis(url, { disconnectTimeout: 100 });
  cleanups.push(() => redis.disconnect());
  return redis;
}

function anEngine(url: string, name: string, deadline = 3_000): RedisEngine {
  const engine = new RedisEngine({ url, name, deadline });
  cleanups.push(() => engine.close());
  return engine;
}

/** Waits until `redis` is a replica that has what its master has, or a master. */
const hasRole = (redis: Redis, role: 'master' | 'slave'): Promise<unknown> =>
  eventually(async () => {
    const info = await redis.info('replication');
    expect(info).toContain(`role:${role}`);
    if (role === 'slave') expect(info).toContain('master_link_status:up');
  });

/** Work goes on, as soon as it is known who is the master: what is added before is an error for who adds it. */
async function expectWorkAgain(engine: RedisEngine, events: readonly EngineEvent[]): Promise<void> {
  await eventually(() => engine.get('seen'), { timeout: 20_000 });
  await expectWholeWork(engine, 'b');
  expect(await engine.cancel('seen')).toBe('cancelled');
  await eventually(() => expect(inShort(events).at(-1)).toBe('state cancelled'));
}

describe('a docket on a cluster', () => {
  it('lies on one node, and goes on with the one that takes its place', async () => {
    const folder = await aFolder();
    const nodes: RedisServer[] = [];
    for (let index = 0; index < 4; index++) {
      const own = ['--dir', folder, '--cluster-config-file', `node-${index}.conf`, '--cluster-node-timeout', '5000'];
      nodes.push(await aServer({ args: ['--cluster-enabled', 'yes', ...own] }));
    }
    const redis = nodes.map(connected) as [Redis, Redis, Redis, Redis];
    const third = Math.ceil(16_384 / 3);
    for (let index = 0; index < 3; index++) {
      const slots = Array.from({ length: third }, (_, slot) => index * third + slot).filter((slot) => slot < 16_384);
      await redis[index]!.cluster('ADDSLOTS', ...slots);
      // Who meets has to differ in its epoch, or the nodes quarrel for a while.
      await redis[index]!.cluster('SET-CONFIG-EPOCH', index + 1);
    }
    for (const { port } of nodes.slice(1)) await redis[0].cluster('MEET', '127.0.0.1', port);
    const name = freshName();
    const slot = await redis[0].cluster('KEYSLOT', `${prefixOf(name)}:x`);
    const owner = Math.floor(slot / third);
    const [master, replica] = [redis[owner]!, redis[3]];
    const id = await master.cluster('MYID');
    await eventually(async () => {
      for (const each of redis) expect(await each.cluster('INFO')).toContain('cluster_state:ok');
      expect(await replica.cluster('NODES')).toContain(id);
    });
    await replica.cluster('REPLICATE', id);
    await hasRole(replica, 'slave');

    const first = nodes[(owner + 1) % 3]!;
    const engine = anEngine(`redis+cluster://127.0.0.1:1,127.0.0.1:${first.port}`, name);
    await engine.start();
    await expectWholeWork(engine);
    for (let index = 0; index < 3; index++) {
      if (index !== owner) expect(await redis[index]!.dbsize()).toBe(0);
    }

    const events: EngineEvent[] = [];
    await engine.watch({ key: 'seen' }, (event) => events.push(event));
    await engine.add({ ...anExecution('seen'), runAt: Date.now() + 3_600_000 });
    // What has reached the replica is not lost.
    await master.wait(1, 5_000);
    await replica.cluster('FAILOVER');
    await hasRole(replica, 'master');
    await expectWorkAgain(engine, events);
    await engine.close();
    expect(await leaks(replica, prefixOf(name))).toEqual([]);
  });

  it('says so where there is none', async () => {
    const { port } = await aServer({});
    const error = await rejection(anEngine(`redis+cluster://u:secret@127.0.0.1:${port}`, 'x').start());
    expect(error).toMatchObject({ code: 'DOCKET_URL' });
    expect(error.message).not.toContain('secret');
    const nobody = await rejection(anEngine('redis+cluster://127.0.0.1:1', 'x', 500).start());
    expect(nobody).toMatchObject({ code: 'DOCKET_UNAVAILABLE', message: expect.stringContaining('within 500 ms') });
  });
});

describe('a docket behind Sentinels', () => {
  it('follows the master', async () => {
    const folder = await aFolder();
    const before = await aServer({ args: ['--requirepass', 'secret', '--masterauth', 'secret'] });
    const replicaOf = ['--replicaof', `127.0.0.1 ${before.port}`, '--repl-diskless-sync-delay', '0'];
    const after = await aServer({ args: [...replicaOf, '--requirepass', 'secret', '--masterauth', 'secret'] });
    const withPassword = (server: RedisServer): RedisServer => ({
      ...server,
      url: server.url.replace('//', '//:secret@'),
    });
    const [old, next] = [connected(withPassword(before)), connected(withPassword(after))];
    await hasRole(next, 'slave');
    const config = join(folder, 'sentinel.conf');
    await writeFile(
      config,
      [
        `dir ${folder}`,
        `sentinel monitor main 127.0.0.1 ${before.port} 1`,
        'sentinel auth-pass main secret',
        'sentinel down-after-milliseconds main 5000',
        'requirepass watchman',
      ].join('\n'),
    );
    const sentinel = await aServer({ config, args: ['--sentinel'] });
    const control = connected({ ...sentinel, url: sentinel.url.replace('//', '//:watchman@') });
    await eventually(async () => expect(await control.call('SENTINEL', 'REPLICAS', 'main')).toHaveLength(1));

    const name = freshName();
    const url = `redis+sentinel://:secret@127.0.0.1:${sentinel.port}/main?sentinelPassword=watchman`;
    const engine = anEngine(url, name);
    await engine.start();
    await expectWholeWork(engine);
    const events: EngineEvent[] = [];
    await engine.watch({ key: 'seen' }, (event) => events.push(event));
    await engine.add({ ...anExecution('seen'), runAt: Date.now() + 3_600_000 });
    await old.wait(1, 5_000);
    await eventually(() => control.call('SENTINEL', 'FAILOVER', 'main'));
    await hasRole(next, 'master');
    // Nobody has to follow before Sentinels say so; until then the old one takes what is written.
    const address = ['127.0.0.1', String(after.port)];
    await eventually(async () =>
      expect(await control.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main')).toEqual(address),
    );
    await eventually(async () => {
      await next.del(keyOf(prefixOf(name), 'health'));
      await engine.health();
      expect(await next.exists(keyOf(prefixOf(name), 'health'))).toBe(1);
    });
    await expectWorkAgain(engine, events);
    expect(await next.exists(`${prefixOf(name)}:execution:b`)).toBe(1);

    const stranger = await rejection(anEngine(url.replace('/main', '/other'), name).start());
    expect(stranger).toMatchObject({ code: 'DOCKET_URL', message: expect.stringContaining('name of the master') });
    const unknown = await rejection(anEngine(url.replace('watchman', 'wrong'), name).start());
    expect(unknown).toMatchObject({ code: 'DOCKET_URL', message: expect.stringContaining('password') });
    expect(`${stranger.message}${unknown.message}`).not.toMatch(/secret|watchman|wrong/);
    await engine.close();
    expect(await leaks(next, prefixOf(name))).toEqual([]);
  });
});

describe('a docket at one address', () => {
  it('is followed to the next master, though the one before keeps its connections', async () => {
    const [before, after] = [await aServer({}), await aServer({})];
    const proxy = await LossyProxy.open(before.url);
    cleanups.push(() => proxy.close());
    const name = freshName();
    const engine = anEngine(proxy.url, name);
    await engine.start();
    proxy.leadTo(after.url);
    await connected(before).replicaof('127.0.0.1', after.port);
    expect(await rejection(engine.add(anExecution('a')))).toMatchObject({
      code: 'DOCKET_UNAVAILABLE',
      message: expect.stringContaining('READONLY'),
    });
    await eventually(() => engine.add(anExecution('a')));
    expect(await connected(after).exists(`${prefixOf(name)}:execution:a`)).toBe(1);
    await engine.cancel('a');
  });
});
