import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { waitForEnd } from '../../src/docket/wait.js';
import { parseAddress } from '../../src/redis/connection/address.js';
import { Liveness } from '../../src/redis/connection/liveness.js';
import { openRedis, type RedisClient } from '../../src/redis/connection/open-redis.js';
import { openDocket, openQueue } from '../../src/redis/index.js';
import { DeadLine } from '../helpers/dead-line.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker } from '../engine/contract/stage.js';

let server: RedisServer;
let line: DeadLine;
/** A cluster of one, which takes a while to trust itself. */
let node: RedisServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-dead-'));
  node = await startRedis({ args: ['--cluster-enabled', 'yes', '--dir', folder] });
  const direct = new Redis(node.url, { disconnectTimeout: 100 });
  await direct.cluster('ADDSLOTSRANGE', 0, 16_383);
  direct.disconnect();
});
afterAll(async () => {
  await node.stop('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});
const cleanups: (() => unknown)[] = [];
beforeEach(async () => {
  server = await startRedis();
  line = await DeadLine.open(server.url);
});
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
  await line.close();
  await server.stop('SIGKILL');
});

describe('connections that have died without a sign', () => {
  it('[A4] are replaced within ten seconds, whoever has them, and everything goes on', async () => {
    const docket = new TestDocket(server.url);
    cleanups.push(() => docket.dispose());
    const engine = docket.engine({ url: line.url });
    const working = docket.engine({ url: line.url });
    await Promise.all([engine.start(), working.start()]);
    const worker = new TestWorker(working, 2);
    const operators = await openDocket({ url: line.url, name: docket.name });
    cleanups.push(() => operators.close());
    const { queue, close } = await openQueue<Queue>({ url: line.url, name: docket.name });
    cleanups.push(() => close());
    await engine.add(anExecution('running'));
    const running = await worker.next();
    const waiting = waitForEnd(engine, 'running');
    await engine.add({ ...anExecution('later'), runAt: Date.now() + 500 });
    // Commands and inbox of three engines, two of a worker, and that of the queue.
    await eventually(() => expect(line.live).toBe(9));

    line.forget();
    const began = performance.now();
    expect(await engine.health()).toMatchObject({ ok: false });
    const late = rejection(engine.add(anExecution('given up')));
    const healthy = async (): Promise<void> => {
      for (const each of [engine, working]) expect(await each.health()).toMatchObject({ ok: true });
      expect(await operators.stats()).toMatchObject({ workers: 1 });
      expect(await queue.getWaitingCount()).toBe(0);
      expect(line.live).toBe(9);
    };
    await eventually(healthy);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(await late).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    const later = await worker.next();
    expect(later.record.key).toBe('later');
    await worker.finish(later);
    await worker.finish(running);
    expect(await waiting).toMatchObject({ state: 'completed' });
    expect(worker.revoked).toEqual([]);
    // Whoever was told that it failed must not find it done later.
    expect(await engine.get('given up')).toBeUndefined();
    await worker.stop();
  });
});

describe('a connection', () => {
  let liveness: Liveness;
  let lost: unknown[];
  const opened = async (url: string, limit = 150): Promise<RedisClient> => {
    liveness = new Liveness(limit);
    const redis = liveness.watch(openRedis(parseAddress(url), { deadline: 1_000 }));
    redis.on('error', (error: unknown) => lost.push(error));
    cleanups.push(() => redis.disconnect());
    await redis.connect();
    return redis;
  };
  beforeEach(() => {
    lost = [];
  });

  it('[A4] that dies while nobody uses it, or before it is ready, is replaced as well, and so is its copy', async () => {
    const redis = await opened(line.url);
    const copy = (redis as Redis).duplicate();
    copy.on('error', (error: unknown) => lost.push(error));
    cleanups.push(() => copy.disconnect());
    await copy.ping();
    line.cut();
    // Each is tried again and again, and taken by the line every time.
    await eventually(() => expect(line.opened).toBeGreaterThanOrEqual(6));
    const waiting = Promise.all([redis.set('a', '1'), copy.set('b', '1')]);
    line.heal();
    expect(await waiting).toEqual(['OK', 'OK']);
    expect(lost).toContainEqual(expect.objectContaining({ code: 'DOCKET_UNAVAILABLE' }));
  });

  it('[A4] that waits for something, or whose process was busy, is not', async () => {
    const redis = await opened(line.url, 500);
    const blocked = redis.blpop('nothing', 0.3);
    const until = performance.now() + 1_200;
    while (performance.now() < until);
    expect(await redis.ping()).toBe('PONG');
    expect(await blocked).toBeNull();
    const other = new Redis(server.url, { disconnectTimeout: 100 });
    cleanups.push(() => other.disconnect());
    // Nobody sends anything: the connection is asked, and answers.
    const asked = async (): Promise<number> =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(await other.info('commandstats'))?.[1] ?? 0);
    const before = await asked();
    await eventually(async () => expect(await asked()).toBeGreaterThan(before + 1));
    expect(line.opened).toBe(1);
    expect(lost).toEqual([]);
  });

  it('[A4] to a node of a cluster is replaced as well', async () => {
    const before = await DeadLine.open(node.url);
    cleanups.push(() => before.close());
    const direct = new Redis(node.url, { disconnectTimeout: 100 });
    cleanups.push(() => direct.disconnect());
    await direct.config('SET', 'cluster-announce-ip', '127.0.0.1');
    await direct.config('SET', 'cluster-announce-port', String(before.port));
    await eventually(async () => expect(await direct.cluster('INFO')).toContain('cluster_state:ok'));
    const redis = await opened(`redis+cluster://127.0.0.1:${before.port}`);
    expect(await redis.set('a', '1')).toBe('OK');
    before.forget();
    expect(await redis.get('a')).toBe('1');
  });
});
