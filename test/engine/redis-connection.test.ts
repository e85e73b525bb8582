import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisEngine } from '../../src/redis/redis-engine.js';
import { root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';
import { TestDocket, testRedisUrl } from '../helpers/redis.js';
import { refusalOf } from '../helpers/thrown.js';
import { anExecution, expectEvents, inShort, TestWorker } from './contract/stage.js';
import type { EngineEvent } from '../../src/docket/engine/engine.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function ownRedis(options?: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const server = await startRedis(options);
  cleanups.push(() => server.stop('SIGKILL'));
  return server;
}

/** How the start of an engine fails, and how long that takes. */
async function failure(url: string, deadline = 500): Promise<{ error: Error & { code?: unknown }; took: number }> {
  const engine = new RedisEngine({ url, name: 'nowhere', deadline });
  const before = performance.now();
  const error = await rejection(engine.start());
  const took = performance.now() - before;
  await engine.close();
  return { error, took };
}

/** How many connections a Redis has. */
async function clientsOf(redis: Redis): Promise<number> {
  return String(await redis.client('LIST'))
    .trim()
    .split('\n').length;
}

describe('the URL of a Redis', () => {
  it.each([
    'redis://',
    'redis:///0',
    'http://127.0.0.1',
    'redis://127.0.0.1/zero',
    'redis://x:secret@[bad',
    'redis:x:secret@host',
    'http://host/0?password=secret',
    'http://x:\nsecret@host',
  ])('%s is refused at once, without its password', (url) => {
    const error = refusalOf(() => new RedisEngine({ url, name: 'nowhere' }));
    expect(error).toMatchObject({ code: 'DOCKET_URL' });
    expect(error.message).not.toContain('secret');
  });

  it('at which nobody listens is an error within the deadline', async () => {
    const { error, took } = await failure('redis://anna:secret@127.0.0.1:1');
    expect(error).toMatchObject({ code: 'DOCKET_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') });
    expect(error.message).not.toContain('secret');
    expect(took).toBeLessThan(2_500);
  });

  it('at which nobody answers is an error within the deadline', async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((each) => sockets.push(each)).listen(0, '127.0.0.1');
    // Nobody reads from them, so that they do not hear that the other side has gone.
    cleanups.push(
      async () => silent.close(),
      async () => sockets.forEach((each) => each.destroy()),
    );
    await new Promise((resolve) => silent.once('listening', resolve));
    const { error, took } = await failure(`redis://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    expect(error).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    expect(took).toBeLessThan(2_500);
  });

  it('whose password is wrong, or is missing, says so', async () => {
    const { port } = await ownRedis({ args: ['--requirepass', 'proper'] });
    for (const user of [':wrong@', '']) {
      const { error } = await failure(`redis://${user}127.0.0.1:${port}`, 3_000);
      expect(error).toMatchObject({ code: 'DOCKET_URL', message: expect.stringContaining('password') });
      expect(inspect(error, { depth: null })).not.toContain(user === '' ? 'proper' : "'wrong'");
      expect(error.message).not.toContain('wrong@');
    }
    const engine = new RedisEngine({ url: `redis://:proper@127.0.0.1:${port}/3`, name: 'here' });
    await engine.start();
    expect(await engine.get('a')).toBeUndefined();
    await engine.close();
  });

  it('whose database does not exist says so', async () => {
    const { error } = await failure(`${testRedisUrl()}/9999`, 3_000);
    expect(error).toMatchObject({ code: 'DOCKET_URL', message: expect.stringContaining('DB index') });
  });
});

describe('a Redis of the tests', () => {
  it('ends with the process that started it, even where that is killed', async () => {
    const child = spawn(process.execPath, ['node_modules/jiti/lib/jiti-cli.mjs', 'test/engine/redis-helper-child.ts'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    cleanups.push(async () => child.kill('SIGKILL'));
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
    const redis = new Redis(url, { retryStrategy: () => null });
    const ended = once(redis, 'end');
    expect(await redis.ping()).toBe('PONG');
    child.kill('SIGKILL');
    await ended;
  });
});

describe('a Redis that lets nobody write', () => {
  it('fails the start, and no connection stays behind', async () => {
    const { url } = await ownRedis({ args: ['--replicaof', '127.0.0.1 1'] });
    const engine = new RedisEngine({ url, name: 'nowhere' });
    expect(await rejection(engine.start())).toMatchObject({
      code: 'DOCKET_UNAVAILABLE',
      message: expect.stringContaining('replica'),
    });
    const redis = new Redis(url);
    cleanups.push(async () => redis.disconnect());
    await eventually(async () => expect(await clientsOf(redis)).toBe(1));
  });
});

describe('an engine', () => {
  it('refuses a name that cannot be a key', () => {
    const error = refusalOf(() => new RedisEngine({ url: testRedisUrl(), name: 'half \ud83d' }));
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  it('has started when it can hear of others, too', async () => {
    const { url } = await ownRedis();
    const docket = new TestDocket(url);
    cleanups.push(() => docket.dispose());
    await docket.redis.ping();
    const before = await clientsOf(docket.redis);
    await docket.engine().start();
    expect(await clientsOf(docket.redis)).toBe(before + 2);
  });
});

describe('a Redis that was just started', () => {
  it('does what it is told in that order', async () => {
    const { url } = await ownRedis();
    const docket = new TestDocket(url);
    cleanups.push(() => docket.dispose());
    const engine = docket.engine();
    await engine.start();
    const unwatch = await engine.watch({ key: 'a' }, () => undefined);
    unwatch();
    const events: EngineEvent[] = [];
    await engine.watch({ key: 'a' }, (event) => events.push(event));
    await engine.get('a');
    await engine.add(anExecution('a'));
    await expectEvents(events, ['state queued']);
  });
});

describe('a Redis that goes away', () => {
  it('and has forgotten who watches is told again', async () => {
    const data = await mkdtemp(join(tmpdir(), 'errand-redis-'));
    cleanups.push(() => rm(data, { recursive: true, force: true }));
    const folder = ['--dir', data];
    const before = await ownRedis({ args: folder });
    const docket = new TestDocket(before.url);
    const engine = docket.engine();
    await engine.start();
    await engine.add(anExecution('a'));
    await docket.redis.save();
    const events: EngineEvent[] = [];
    await engine.watch({ key: 'a' }, (event) => events.push(event));
    await before.stop('SIGKILL');

    await ownRedis({ port: before.port, args: folder });
    cleanups.push(() => docket.dispose());
    await eventually(async () => expect(await engine.cancel('a')).not.toBe('unknown'), { timeout: 10_000 });
    await eventually(() => expect(inShort(events).at(-1)).toBe('state cancelled'), { timeout: 10_000 });
  });

  it('is an error for who asks, and workers and watchers go on when it is back', async () => {
    const data = await mkdtemp(join(tmpdir(), 'errand-redis-'));
    cleanups.push(() => rm(data, { recursive: true, force: true }));
    const folder = ['--dir', data];
    const before = await ownRedis({ args: folder });
    const docket = new TestDocket(before.url);
    const engine = docket.engine({ deadline: 300 });
    await engine.start();
    const worker = new TestWorker(engine, 2);
    const events: EngineEvent[] = [];
    await engine.watch({ key: 'a' }, (event) => events.push(event));
    await engine.add(anExecution('a'));
    const { run } = await worker.next();
    await docket.redis.save();
    await before.stop();

    expect(await rejection(engine.get('a'))).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    expect(await rejection(engine.add(anExecution('b')))).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });

    const after = await ownRedis({ port: before.port, args: folder });
    await eventually(async () => expect(await engine.get('a')).toMatchObject({ state: 'running' }), {
      timeout: 10_000,
    });
    const finish = { type: 'finish', outcome: { result: 'after all' } } as const;
    expect(await engine.settle('a', run, finish)).toBe(true);
    // Whoever may have missed something is told how things are, which can be what is told anyway.
    const states = (): string[] => inShort(events).filter((state, index, all) => state !== all[index - 1]);
    await eventually(() => expect(states()).toEqual(['state queued', 'state running', 'state completed']));
    worker.end(worker.begun[0]!);
    await engine.add(anExecution('c'));
    // What was asked for while it was away may have been heard all the same.
    await eventually(() => expect(worker.begun.map(({ record }) => record.key)).toContain('c'), { timeout: 15_000 });
    // Nor does anybody who stops wait for it to come back.
    await after.stop();
    const from = performance.now();
    await worker.stop();
    await engine.close();
    expect(performance.now() - from).toBeLessThan(3_000);
    docket.redis.disconnect();
  });
});
