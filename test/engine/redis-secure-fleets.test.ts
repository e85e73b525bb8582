import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { prefixOf } from '../../src/redis/keys.js';
import type { RedisEngineOptions } from '../../src/redis/engine-options.js';
import { RedisEngine } from '../../src/redis/redis-engine.js';
import { anAuthority, certificateOf } from '../helpers/certificates.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { leaks } from '../helpers/redis-leaks.js';
import { freePort, freshName, startRedis, type RedisServer, type RedisStart } from '../helpers/redis-server.js';
import { expectWholeWork } from './whole-work.js';

let folder: string;
let ca: string;
/** What a server needs to speak TLS with its clients and with other servers. */
let certificates: string[];
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-secure-'));
  const authority = await anAuthority();
  const own = await certificateOf(authority);
  ca = authority.cert;
  for (const [name, text] of Object.entries({ ca, cert: own.cert, key: own.key })) {
    await writeFile(join(folder, name), text);
  }
  certificates = ['ca-cert', 'cert', 'key'].flatMap((name) => [
    `--tls-${name}-file`,
    join(folder, name.replace('ca-cert', 'ca')),
  ]);
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A server with a port for TLS besides its own. */
async function aServer(
  args: readonly string[],
  more: RedisStart = {},
): Promise<{ server: RedisServer; tlsPort: number }> {
  const tlsPort = await freePort();
  const tls = ['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', ...certificates];
  const server = await startRedis({ ...more, args: [...args, ...tls] });
  cleanups.push(() => server.stop('SIGKILL'));
  return { server, tlsPort };
}

function connected({ url }: RedisServer): Redis {
  const redis = new Redis(url, { disconnectTimeout: 100 });
  cleanups.push(() => redis.disconnect());
  return redis;
}

/** Does work through `url`, which `master` keeps, and none without trust. */
async function expectTrustedWork(url: string, master: Redis): Promise<void> {
  const name = freshName();
  const make = (options: Partial<RedisEngineOptions>): RedisEngine => {
    const engine = new RedisEngine({ url, name, deadline: 3_000, ...options });
    cleanups.push(() => engine.close());
    return engine;
  };
  expect(await rejection(make({ deadline: 300 }).start())).toMatchObject({
    code: 'DOCKET_UNAVAILABLE',
    message: expect.stringContaining('(does docket.tls trust it?)'),
  });
  const engine = make({ tls: { ca } });
  await engine.start();
  await expectWholeWork(engine);
  await engine.close();
  expect(await leaks(master, prefixOf(name))).toEqual([]);
  expect((await master.keys(`${prefixOf(name)}:*`)).length).toBeGreaterThan(0);
}

describe('a docket over TLS', () => {
  it('lies on a cluster', async () => {
    const own = ['--dir', folder, '--cluster-config-file', 'node.conf', '--cluster-announce-ip', '127.0.0.1'];
    const { server, tlsPort } = await aServer(['--cluster-enabled', 'yes', '--tls-cluster', 'yes', ...own]);
    const redis = connected(server);
    await redis.cluster('ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => slot));
    await eventually(async () => expect(await redis.cluster('INFO')).toContain('cluster_state:ok'));
    await expectTrustedWork(`rediss+cluster://127.0.0.1:${tlsPort}`, redis);
  });

  it('lies behind Sentinels', async () => {
    const master = await aServer(['--tls-replication', 'yes']);
    const config = join(folder, 'sentinel.conf');
    await writeFile(config, `dir ${folder}\nsentinel monitor main 127.0.0.1 ${master.tlsPort} 1\n`);
    const sentinel = await aServer(['--sentinel', '--tls-replication', 'yes'], { config });
    const control = connected(sentinel.server);
    // It has reached the master, which takes TLS only at this port.
    await eventually(async () => {
      expect(await control.call('SENTINEL', 'CKQUORUM', 'main')).toMatch(/^OK/);
    });
    await expectTrustedWork(`rediss+sentinel://127.0.0.1:${sentinel.tlsPort}/main`, connected(master.server));
  });
});
