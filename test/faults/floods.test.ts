import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClientNotice } from '../../src/call/channel.js';
import type { Delivery, Engine, EngineEvent } from '../../src/docket/engine/engine.js';
import { MemoryEngine } from '../../src/docket/memory/memory-engine.js';
import { SealedEngine } from '../../src/docket/sealing/sealed-engine.js';
import { Sealer } from '../../src/docket/sealing/sealer.js';
import { ScriptRunner, Scripts } from '../../src/redis/connection/script-runner.js';
import { Inbox, type CurrentState } from '../../src/redis/events/inbox.js';
import { lua } from '../../src/redis/lua/bundle.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { TaskChannel } from '../../src/tasks/task-channel.js';
import { Logger } from '../../src/base/logger.js';
import { Meters } from '../../src/telemetry/meters.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, aQuestion, TestWorker } from '../engine/contract/stage.js';

let docket: TestDocket;
let engine: RedisEngine;
let worker: TestWorker | undefined;
beforeEach(async () => {
  worker = undefined;
  docket = new TestDocket();
  engine = docket.engine();
  await engine.start();
});
afterEach(async () => {
  await worker?.stop();
  await docket.dispose();
});

const bound = 65_536;
const largest = 1_048_576;

/** Begins a run of an execution with this key. */
async function begin(on: Engine, key = 'a'): Promise<Delivery> {
  worker ??= new TestWorker(on, 2);
  await on.add(anExecution(key));
  return worker.next();
}

const log = (data: string): ClientNotice => ({ type: 'log', level: 'info', data });

describe('a notice and a progress message', () => {
  const large = ['é', '\u0000', '😀', 'plain'].map((text) => text.repeat(2_000_000 / text.length));
  const engines: [string, () => Engine][] = [
    ['memory', () => new MemoryEngine({ clock: new FakeClock() })],
    ['redis', () => engine],
    ['redis, sealed', () => new SealedEngine(engine, new Sealer([randomBytes(32)], 'd'), () => undefined)],
  ];
  it.each(engines)('[B4] are cut at 64 KiB and say so: %s', async (_name, make) => {
    const on = make();
    await on.start();
    const delivery = await begin(on);
    const events: EngineEvent[] = [];
    await on.watch({ key: 'a' }, (event) => events.push(event));
    const channel = new TaskChannel(on, delivery, 10, new Meters(), new Logger(() => undefined));
    for (const text of large) {
      await channel.notify(log(text));
      await channel.progress({ current: 1, message: text });
    }
    await channel.notify({ type: 'log', level: 'info', data: { message: 'read', rows: large.at(-1)! } });
    await channel.notify({ type: 'log', level: 'info', data: [large.at(-1)!] });
    await channel.notify({ type: 'log', level: 'info', data: { message: 'small', rows: 1 } });
    await eventually(() => expect(events).toHaveLength(2 * large.length + 3));
    const notices = events.flatMap((event) =>
      event.type === 'notice' && event.notice.type === 'log' ? event.notice : [],
    );
    for (const { data } of notices) expect(Buffer.byteLength(JSON.stringify(data))).toBeLessThanOrEqual(bound);
    expect(notices.slice(0, large.length).map(({ data }) => data)).toEqual(
      large.map(() => expect.stringMatching(/^.{1000,} … \[cut: \d{7,} bytes in all\]$/s)),
    );
    expect(notices.at(-3)!.data).toEqual({ message: 'read', cut: expect.stringMatching(/\d{7} bytes in all/) });
    expect(notices.at(-2)!.data).toEqual(expect.stringContaining('[cut: '));
    expect(notices.at(-1)!.data).toEqual({ message: 'small', rows: 1 });
    const { progress } = (await on.get('a'))!;
    expect(Buffer.byteLength(progress!.message!)).toBeLessThanOrEqual(bound);
    expect(progress!.message).toMatch(/\[cut: \d{7} bytes in all\]$/);
    // Also what a sealed notice is in Redis.
    const inbox = (await docket.keys()).find((key) => key.includes(':inbox:'))!;
    for (const [, fields] of await docket.redis.xrange(inbox, '-', '+')) {
      for (const field of fields) expect(Buffer.byteLength(field)).toBeLessThanOrEqual(bound);
    }
    await worker?.stop();
    worker = undefined;
    if (on instanceof MemoryEngine) await on.close();
  });
});

/** A process that has joined and watches, but reads nothing. */
class Slow {
  readonly scripts = new ScriptRunner(docket.redis, docket.prefix, new Scripts(undefined));
  readonly inbox = `${docket.prefix}:inbox:slow`;

  async join(...keys: string[]): Promise<void> {
    await this.scripts.run(lua.inbox.join, 'slow', 1, 60_000);
    await this.scripts.run(lua.inbox.watch, 'slow', 60_000, ...keys.flatMap((key) => ['key', key]));
  }

  /** What is in its inbox, in short. */
  async waiting(): Promise<string[]> {
    return (await docket.redis.xrange(this.inbox, '-', '+')).map(([, fields]) => {
      const named = Object.fromEntries(
        fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1]]] : [])),
      );
      return [named['@event'], named['state'] ?? named['@run']].filter(Boolean).join(' ');
    });
  }

  async bytes(): Promise<number> {
    return Number(await docket.redis.memory('USAGE', this.inbox, 'SAMPLES', 0));
  }
}

async function flood(delivery: Delivery, count: number, size: number): Promise<void> {
  const { record, run } = delivery;
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await engine.notify(record.key, run, log('x'.repeat(size)));
      await engine.progress(record.key, run, { current: index + 1, message: 'y'.repeat(1_000) });
    }),
  );
}

describe('the inbox of a process that does not read', () => {
  it('[B4] stays within 1 MiB; questions, revocations and ends get through, and it catches up', async () => {
    const slow = new Slow();
    await slow.join('a', 'b');
    const delivery = await begin(engine);
    const other = await begin(engine, 'b');
    await flood(delivery, 500, 10_000);
    const full = await slow.bytes();
    expect(full).toBeGreaterThan(largest / 2);
    expect(full).toBeLessThan(largest * 1.1);
    await engine.ask('a', delivery.run, aQuestion('q1'));
    await engine.answer('a', 'q1', { result: 'yes' });
    await engine.cancel('b');
    const waiting = await slow.waiting();
    expect(waiting.slice(-5)).toEqual([
      'state running',
      'question running',
      'closed running',
      'state running',
      'state cancelled',
    ]);
    expect(await slow.bytes()).toBeLessThan(largest * 1.1);
    await eventually(() => expect(worker!.revoked).toEqual([{ run: other.run, why: 'cancelled' }]));
    worker!.end(other);
    await engine.settle('a', delivery.run, { type: 'finish', outcome: { result: 'z'.repeat(500_000) } });
    worker!.end(delivery);
    // Many ends fill even the room for those, and it reads all of them again.
    for (const key of ['c', 'd', 'e']) {
      await slow.scripts.run(lua.inbox.watch, 'slow', 60_000, 'key', key);
      await worker!.finish(await begin(engine, key), 'z'.repeat(500_000));
    }
    expect(await slow.bytes()).toBeLessThan(2 * largest);

    const dropped = new Map<string, number>();
    const reader = docket.redis.duplicate();
    const state: CurrentState = {
      execution: async (key) => {
        const record = await engine.get(key);
        return record && { record, questions: await engine.questions(key) };
      },
      openTasks: () => Promise.resolve([]),
    };
    const meters = new Meters();
    meters.attach({
      record: ({ name }, value, { 'errand.message.kind': kind }) => {
        if (name === 'errand.message.dropped') {
          dropped.set(String(kind), (dropped.get(String(kind)) ?? 0) + value);
        }
      },
    });
    const client = reader as ConstructorParameters<typeof Inbox>[2];
    const inbox = new Inbox('slow', slow.scripts, client, state, meters, (error) => {
      throw error;
    });
    const events: EngineEvent[] = [];
    for (const key of ['a', 'b', 'c', 'd', 'e']) await inbox.watch({ key }, (event) => events.push(event));
    await inbox.open();
    await eventually(() => {
      const completed = events.flatMap((event) =>
        event.type === 'state' && event.record.state === 'completed' ? event.record.key : [],
      );
      expect([...new Set(completed)].sort()).toEqual(['a', 'c', 'd', 'e']);
    });
    await eventually(() =>
      expect(Math.min(dropped.get('notice') ?? 0, dropped.get('progress') ?? 0)).toBeGreaterThan(300),
    );
    await eventually(async () => expect(await docket.redis.xlen(slow.inbox)).toBeLessThanOrEqual(3));
    await inbox.close();
  });

  it('[B4] counts as full for logs, then shows the latest progress once it reads', async () => {
    const slow = new Slow();
    await slow.join('a');
    const delivery = await begin(engine);
    await flood(delivery, 200, 10_000);
    const [before] = await slow.waiting();
    expect(before).toBe('joined');
    const all = await docket.redis.xrange(slow.inbox, '-', '+');
    const bytes = Number(await docket.redis.hget(`${docket.prefix}:fill:slow`, 'bytes'));
    await slow.scripts.run(lua.inbox.acknowledge, 'slow', all.at(-1)![0], bytes);
    const [[, fields] = [], ...more] = await docket.redis.xrange(slow.inbox, '-', '+');
    expect(more).toEqual([]);
    expect(fields).toEqual(expect.arrayContaining(['dropped', 'progress', 'notice', '@again', '["a"]']));
    // And there is room again.
    await engine.notify('a', delivery.run, log('after'));
    expect((await slow.waiting()).at(-1)).toBe('notice running');
  });
});

it('[B4] a process that keeps up loses nothing, and its inbox is emptied as it reads', async () => {
  const counted: string[] = [];
  const meters = new Meters();
  meters.attach({ record: ({ name }) => counted.push(name) });
  const watching = docket.engine({ meters });
  await watching.start();
  const delivery = await begin(engine);
  const seen: number[] = [];
  await watching.watch({ key: 'a' }, (event) => {
    if (event.type === 'notice' && event.notice.type === 'log') {
      seen.push(Number((event.notice.data as string).slice(0, 5)));
    }
  });
  for (let index = 0; index < 600; index += 20) {
    const batch = Array.from(
      { length: 20 },
      (_, each) => `${String(index + each).padStart(5, '0')}${'x'.repeat(8_000)}`,
    );
    await Promise.all(batch.map((text) => engine.notify('a', delivery.run, log(text))));
    await eventually(() => expect(seen).toHaveLength(index + 20));
  }
  expect(seen).toEqual(Array.from({ length: 600 }, (_, index) => index));
  expect(counted).toEqual([]);
  const inboxes = (await docket.keys()).filter((key) => key.includes(':inbox:'));
  const sizes = await Promise.all(inboxes.map((key) => docket.redis.memory('USAGE', key, 'SAMPLES', 0)));
  expect(Math.max(...sizes.map(Number))).toBeLessThan(500_000);
});
