import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { follow } from '../../src/docket/follow.js';
import type { SessionNews } from '../../src/docket/engine/sessions.js';
import { waitForEnd } from '../../src/docket/wait.js';
import { serverFaults } from '../../src/redis/connection/server-check.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, aQuestion, TestWorker } from './contract/stage.js';
import { expectWholeWork } from './whole-work.js';

let server: RedisServer;
let docket: TestDocket;
beforeEach(async () => {
  server = await startRedis();
  docket = new TestDocket(server.url);
});
afterEach(async () => {
  await docket.dispose();
  await server.stop('SIGKILL');
});

describe('a Redis that', () => {
  it('cuts every connection is found again, by workers as well', async () => {
    const engine = docket.engine();
    await engine.start();
    const worker = new TestWorker(engine, 1);
    await docket.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => engine.add(anExecution('a')));
    expect(await worker.finish(await worker.next())).toBe(true);
    await worker.stop();
    await expectWholeWork(engine, 'b');
  });

  it('lets nobody in for a while holds back the work of a worker that starts then, and no longer', async () => {
    const engine = docket.engine();
    await engine.start();
    await docket.redis.config('SET', 'maxclients', 1);
    const worker = new TestWorker(engine, 1);
    await eventually(async () => {
      // Each of the two connections of a worker has been refused.
      expect(Number(/rejected_connections:(\d+)/.exec(await docket.redis.info('stats'))?.[1])).toBeGreaterThan(1);
    });
    await docket.redis.config('SET', 'maxclients', 100);
    await engine.add(anExecution('a'));
    expect(await worker.finish(await worker.next())).toBe(true);
    await worker.stop();
  });

  it('is too slow is an error within the deadline, and then it is not', async () => {
    const engine = docket.engine({ deadline: 300 });
    await engine.start();
    await docket.redis.client('PAUSE', 1_500);
    const before = performance.now();
    expect(await rejection(engine.add(anExecution('a')))).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    expect(await engine.health()).toMatchObject({ ok: false, reason: expect.stringContaining('127.0.0.1') });
    expect(performance.now() - before).toBeLessThan(1_400);
    await eventually(async () => expect(await engine.health()).toMatchObject({ ok: true }));
    await engine.cancel('a');
  });

  it('is away for less than a lease loses no execution whose run could not be settled meanwhile', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'errand-away-'));
    const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder];
    let lasting = await startRedis({ args });
    const lastingDocket = new TestDocket(lasting.url);
    try {
      const engine = lastingDocket.engine({ deadline: 300 });
      await engine.start();
      const worker = new TestWorker(engine, 1);
      await engine.add(anExecution('a'));
      const first = await worker.next();
      await lasting.stop('SIGKILL');
      expect(await rejection(worker.finish(first))).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
      worker.end(first);
      // Longer than a command may take.
      await sleep(600);
      lasting = await startRedis({ port: lasting.port, args });
      const second = await worker.next();
      expect(second.record).toMatchObject({ key: 'a', redelivered: true });
      expect(await worker.finish(second)).toBe(true);
      await worker.stop();
    } finally {
      await lastingDocket.dispose();
      await lasting.stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is gone is known to be so soon, and then at once', async () => {
    const engine = docket.engine();
    await engine.start();
    const look = async (): Promise<number> => {
      const before = performance.now();
      expect(await engine.health()).toMatchObject({ ok: false, reason: expect.stringContaining('127.0.0.1') });
      return performance.now() - before;
    };
    process.kill(server.pid, 'SIGSTOP');
    expect(await look()).toBeLessThan(2_500);
    await server.stop('SIGKILL');
    expect(await look()).toBeLessThan(2_500);
    await eventually(async () => expect(await look()).toBeLessThan(100));
    server = await startRedis({ port: server.port });
    await eventually(async () => expect(await engine.health()).toMatchObject({ ok: true }));
  });

  it('has lost its data tells whoever waits that the execution is unknown', async () => {
    const engine = docket.engine({ lease: 1_000 });
    await engine.start();
    const { record } = await engine.add(anExecution('a'));
    const waiting = rejection(waitForEnd(engine, 'a'));
    const { generation } = record;
    const changes = follow(engine, { key: 'a', generation, waiting: (work) => work });
    expect(await changes.next()).toMatchObject({ value: { state: 'queued' } });
    const following = rejection(changes.next());
    await server.stop('SIGKILL');
    server = await startRedis({ port: server.port });
    expect(await waiting).toMatchObject({ code: 'EXECUTION_UNKNOWN' });
    expect(await following).toMatchObject({ code: 'EXECUTION_UNKNOWN' });
    await expectWholeWork(engine, 'b');
  });

  it('was away for long leaves each question and session at its connection, unless that is gone', async () => {
    const lease = 3_000;
    const [engine, other] = [docket.engine({ lease }), docket.engine({ lease })];
    await Promise.all([engine.start(), other.start()]);
    const worker = new TestWorker(other, 1);
    await engine.add(anExecution('a'));
    const delivery = await worker.next();
    await other.ask('a', delivery.run, aQuestion('q'));
    const [connection, elsewhere] = [engine.newConnectionId(), other.newConnectionId()];
    await engine.sessions.save('s', connection, { owner: 'anna', client: {} }, 60_000);
    await engine.sessions.hold('s', connection);
    expect(await engine.questionLeases.acquire('a', 'q', { connection, session: 's', waits: true })).toMatchObject({
      granted: true,
    });
    const free: string[] = [];
    other.questionLeases.attend(elsewhere, {
      onLost: () => undefined,
      onAvailable: (_key, question) => free.push(question),
    });
    const wish = { connection: elsewhere, session: 'another', waits: true };

    // What becomes of the signs of all processes in an outage that is longer than those live.
    const [alive, signs] = [`${docket.prefix}:alive:${connection.split('/')[0]}`, `${docket.prefix}:signs`];
    const all = (await docket.keys()).filter((key) => key.startsWith(`${docket.prefix}:alive:`));
    await docket.redis.del(signs, ...all);
    expect(await other.questionLeases.acquire('a', 'q', wish)).toMatchObject({ granted: false });
    const held: SessionNews[] = [];
    const stop = await other.sessions.serve('s', elsewhere, (news) => held.push(news));
    await eventually(async () => expect(await docket.redis.exists(signs, alive)).toBe(2));
    expect(await other.questionLeases.acquire('a', 'q', wish)).toMatchObject({ granted: false });
    expect(free).toEqual([]);
    expect(held).toEqual([{ type: 'held', connection }]);

    // Of one that alone gave no sign for so long, nothing is kept.
    await docket.redis.set(signs, 0, 'PX', lease);
    await docket.redis.del(alive);
    expect(await other.questionLeases.acquire('a', 'q', wish)).toMatchObject({ granted: true, again: false });
    stop();
    await worker.finish(delivery);
    await worker.stop();
  });

  it('is told by a process that closes that it is gone', async () => {
    const [engine, other] = [docket.engine({ lease: 60_000 }), docket.engine({ lease: 60_000 })];
    await Promise.all([engine.start(), other.start()]);
    const worker = new TestWorker(other, 1);
    await other.add(anExecution('a'));
    const delivery = await worker.next();
    await other.ask('a', delivery.run, aQuestion('q'));
    const connection = engine.newConnectionId();
    await engine.questionLeases.acquire('a', 'q', { connection, session: 's', waits: true });
    await engine.close();
    const wish = { connection: other.newConnectionId(), session: 'another', waits: true };
    expect(await other.questionLeases.acquire('a', 'q', wish)).toMatchObject({ granted: true });
    await worker.finish(delivery);
    await worker.stop();
  });

  it('still reads its file is an error within the deadline, and has everything once it has read it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'errand-loading-'));
    const kept = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always'];
    await server.stop();
    server = await startRedis({ port: server.port, args: kept });
    try {
      const engine = docket.engine({ deadline: 300 });
      await engine.start();
      await engine.add(anExecution('a'));
      const fillers = Object.fromEntries(Array.from({ length: 4_096 }, (_, n) => [`filler ${n}`, '']));
      await Promise.all(Object.entries(fillers).map(([key, value]) => docket.redis.set(key, value)));
      await server.stop('SIGKILL');
      // It answers to others now and then while it reads.
      const reading = startRedis({ port: server.port, args: [...kept, '--key-load-delay', '400'] });
      const hasty = new Redis(server.url, { enableReadyCheck: false, disconnectTimeout: 100 });
      hasty.on('error', () => undefined);
      await eventually(async () => {
        expect(await rejection(hasty.get('a'))).toMatchObject({ message: expect.stringMatching(/^LOADING/) });
      });
      hasty.disconnect();
      expect(await rejection(engine.get('a'))).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
      expect(await rejection(docket.engine({ deadline: 200 }).start())).toMatchObject({
        code: 'DOCKET_UNAVAILABLE',
        message: expect.stringMatching(/within 200 ms \(it does not answer; is it still loading its data\?\)/),
      });
      server = await reading;
      await eventually(async () => expect(await engine.get('a')).toMatchObject({ state: 'queued' }));
      await engine.cancel('a');
      await expectWholeWork(engine);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is full says so, and takes work again when it is not', async () => {
    const engine = docket.engine();
    await engine.start();
    await docket.redis.config('SET', 'maxmemory', 1);
    expect(await rejection(docket.engine().start())).toMatchObject({
      code: 'DOCKET_UNAVAILABLE',
      message: expect.stringContaining('OOM'),
    });
    expect(await engine.health()).toMatchObject({ ok: false, reason: expect.stringContaining('OOM') });
    await docket.redis.config('SET', 'maxmemory', 0);
    await expectWholeWork(engine);
  });

  it('is full takes nothing new, and what has come to an end all the same', async () => {
    const engine = docket.engine();
    await engine.start();
    const worker = new TestWorker(engine, 3);
    const work = { ...anExecution('a'), session: undefined };
    for (const key of ['failing', 'finishing', 'cancelled']) await engine.add({ ...work, key });
    const [failing, finishing] = [await worker.next(), await worker.next(), await worker.next()];
    const settlement = { type: 'finish', outcome: { error: { code: 'E', message: 'no' } } } as const;
    await engine.settle('failing', failing.run, settlement);
    worker.end(failing);
    await docket.redis.config('SET', 'maxmemory', 1);
    const full = { code: 'DOCKET_UNAVAILABLE', message: expect.stringContaining('OOM') };
    expect(await rejection(engine.add(anExecution('new')))).toMatchObject(full);
    expect(await rejection(engine.replace({ ...work, key: 'new' }))).toMatchObject(full);
    expect(await rejection(engine.retry('failing'))).toMatchObject(full);
    expect(await rejection(engine.ask('finishing', finishing.run, aQuestion('q')))).toMatchObject(full);
    expect(await engine.get('new')).toBeUndefined();
    expect(await engine.get('failing')).toMatchObject({ state: 'failed' });
    expect(await worker.finish(finishing, 'done')).toBe(true);
    expect(await engine.cancel('cancelled')).toBe('cancelled');
    await docket.redis.config('SET', 'maxmemory', 0);
    expect(await engine.get('finishing')).toMatchObject({ state: 'completed', outcome: { result: 'done' } });
    await worker.stop();
    await expectWholeWork(engine);
  });

  it('is full when a process gives up what it shows and holds is told when it is not', async () => {
    const [engine, other] = [docket.engine({ lease: 3_000 }), docket.engine()];
    await Promise.all([engine.start(), other.start()]);
    const [connection, elsewhere] = [engine.newConnectionId(), other.newConnectionId()];
    const worker = new TestWorker(engine, 1);
    await engine.add(anExecution('a'));
    const delivery = await worker.next();
    await engine.ask('a', delivery.run, aQuestion('q'));
    await engine.questionLeases.acquire('a', 'q', { connection, session: 's', waits: true });
    await engine.sessions.save('s', connection, { owner: 'anna', client: {} }, 60_000);
    await engine.sessions.hold('s', connection);
    await docket.redis.config('SET', 'maxmemory', 1);
    expect(await rejection(engine.questionLeases.release('a', 'q', connection))).toMatchObject({
      code: 'DOCKET_UNAVAILABLE',
    });
    expect(await rejection(engine.sessions.release('s', connection))).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    await docket.redis.config('SET', 'maxmemory', 0);
    const another = { connection: elsewhere, session: 'another', waits: true };
    await eventually(async () =>
      expect(await other.questionLeases.acquire('a', 'q', another)).toMatchObject({ granted: true }),
    );
    await eventually(async () => expect(await docket.redis.hget(`${docket.prefix}:session:s`, 'holder')).toBe(''));
    await worker.finish(delivery);
    await worker.stop();
  });

  it('takes another password is an error without either, until it takes this one again', async () => {
    const acl = (...rules: string[]): Promise<unknown> => docket.redis.call('ACL', 'SETUSER', 'ann', ...rules);
    await acl('reset', 'on', '>first', '+@all', '~*', '&*');
    const engine = docket.engine({ url: server.url.replace('//', '//ann:first@'), deadline: 500 });
    await engine.start();
    await acl('resetpass', '>second');
    await docket.redis.client('KILL', 'USER', 'ann');
    await eventually(async () => expect(await engine.health()).toMatchObject({ ok: false }));
    const error = await rejection(engine.get('a'));
    expect(error).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    expect(error.message).not.toMatch(/ann|first|second/);
    await acl('>first');
    await eventually(async () => expect(await engine.health()).toMatchObject({ ok: true }));
    await expectWholeWork(engine);
  });

  it('has a name that nobody knows is an error within the deadline', async () => {
    const engine = docket.engine({ url: 'redis://nobody.invalid', deadline: 500 });
    expect(await rejection(engine.start())).toMatchObject({
      code: 'DOCKET_UNAVAILABLE',
      message: expect.stringContaining('nobody.invalid'),
    });
  });

  it('may forget tasks is a warning', async () => {
    await docket.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const warnings: string[] = [];
    await docket.engine({ onWarning: (warning) => warnings.push(warning) }).start();
    expect(warnings).toEqual([expect.stringContaining('allkeys-lru')]);
  });
});

describe('the version of a Redis', () => {
  it.each([
    ['redis_version:6.0.16', /is version 6\.0\.16; the docket needs 6\.2/],
    ['redis_version:5.0.14', /5\.0\.14/],
    ['something:else', /unknown/],
  ])('%s is refused', (info, message) => {
    expect(serverFaults(`# Server\r\n${info}\r\n`).fault).toMatch(message);
  });

  it.each([
    'redis_version:6.2.0',
    'redis_version:10.0.0',
    'redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1',
  ])('%j is taken', (info) => {
    expect(serverFaults(`# Server\r\n${info}\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n`)).toEqual({});
  });

  it('need be no more than 6.2 for any command that a docket sends', async () => {
    const engine = docket.engine();
    await engine.start();
    await docket.redis.config('RESETSTAT');
    await expectWholeWork(engine);
    const stats = await docket.redis.info('commandstats');
    const used = [...stats.matchAll(/^cmdstat_([^:|]+)/gm)].map(([, name = '']) => name);
    expect(used).toEqual(expect.arrayContaining(['evalsha', 'xadd', 'bzpopmin']));
    const docs = await docket.redis.call('COMMAND', 'DOCS', ...new Set(used));
    const since = sinceOf(docs);
    expect(since.size).toBeGreaterThan(20);
    expect([...since].filter(([, version]) => isYounger(version))).toEqual([]);
  });
});

/** Since which version Redis has each command. */
function sinceOf(docs: unknown): Map<string, string> {
  const found = new Map<string, string>();
  const list = docs as readonly unknown[];
  for (let index = 0; index < list.length; index += 2) {
    const facts = list[index + 1] as readonly unknown[];
    const at = facts.indexOf('since');
    if (at >= 0) found.set(String(list[index]), String(facts[at + 1]));
  }
  return found;
}

function isYounger(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 6 || (major === 6 && minor > 2);
}
