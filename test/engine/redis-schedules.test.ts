import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Engine } from '../../src/docket/engine/engine.js';
import type { ExecutionRecord } from '../../src/docket/engine/record.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { Damages } from '../../src/redis/damage.js';
import { Meters } from '../../src/telemetry/meters.js';
import { Schedules, type DueTick } from '../../src/redis/queue/schedules.js';
import { ScriptRunner, Scripts, type Reply } from '../../src/redis/connection/script-runner.js';
import { lua } from '../../src/redis/lua/bundle.js';
import { asBuilt, root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { aSchedule } from './contract/stage.js';

let docket: TestDocket;
beforeEach(() => {
  docket = new TestDocket();
});
afterEach(() => docket.dispose());

async function engine(): Promise<RedisEngine> {
  const made = docket.engine();
  await made.start();
  return made;
}

/** Finishes everything at once, and tells what it was given. */
function finishing(on: Engine): ExecutionRecord[] {
  const done: ExecutionRecord[] = [];
  on.consume(
    { worker: 'quick', concurrency: 5 },
    {
      async run({ record, run }) {
        await on.settle(record.key, run, { type: 'finish', outcome: { result: null } });
        done.push(record);
      },
      revoke: () => undefined,
    },
  );
  return done;
}

/** The times between the executions. */
const beats = (records: readonly ExecutionRecord[]): number[] =>
  records.slice(1).map(({ createdAt }, index) => createdAt - records[index]!.createdAt);

describe('a schedule that several processes have set', () => {
  it('ticks once each time, and goes on when one of them is killed', async () => {
    const schedule = aSchedule('nightly');
    const child = spawn(
      process.execPath,
      [
        ...['node_modules/jiti/lib/jiti-cli.mjs', 'test/engine/redis-ticker.ts'],
        ...[docket.url, docket.name, JSON.stringify(schedule)],
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...asBuilt, NODE_OPTIONS: '' } },
    );
    const ended = once(child, 'close');
    try {
      await once(child.stdout, 'data');
      const [one, other] = [await engine(), await engine()];
      const done = finishing(one);
      expect((await other.schedule(schedule)).next).toBe((await one.schedule(schedule)).next);
      await eventually(() => expect(done.length).toBeGreaterThanOrEqual(1));
      child.kill('SIGKILL');
      await ended;
      const before = done.length;
      await eventually(() => expect(done.length).toBeGreaterThanOrEqual(before + 2));
      for (const beat of beats(done)) expect(beat).toBeGreaterThan(500);
      expect(await other.unschedule('nightly')).toBe(true);
      expect(await one.schedules()).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
});

describe('a tick', () => {
  /** What a process does that looks: Redis tells it of a tick. */
  let scripts: ScriptRunner;
  let schedules: Schedules;
  let reported: unknown[];
  const look = async (): Promise<{ readonly ticks: readonly DueTick[]; readonly now: number }> => {
    const [, , ticks, now] = (await scripts.run(lua.queue.due)) as readonly [Reply, Reply, readonly DueTick[], string];
    return { ticks, now: Number(now) };
  };
  /** Makes the next tick one of the past. */
  const letPass = async (id: string, ms: number): Promise<number> => {
    const next = Number(await docket.redis.hget(`${docket.prefix}:schedule:${id}`, '@next')) - ms;
    await docket.redis.hset(`${docket.prefix}:schedule:${id}`, '@next', next);
    await docket.redis.zadd(`${docket.prefix}:schedules`, next, id);
    return next;
  };
  beforeEach(() => {
    reported = [];
    scripts = new ScriptRunner(docket.redis, docket.prefix, new Scripts(undefined));
    const report = (error: unknown): unknown => reported.push(error);
    schedules = new Schedules(scripts, new Damages(report, new Meters()), report);
  });

  it('happens once, whoever makes it and however often a command is sent again', async () => {
    await schedules.set(aSchedule('nightly', { when: { every: 60_000 } }));
    await letPass('nightly', 60_000);
    const { ticks, now } = await look();
    expect(ticks.map(([id]) => id)).toEqual(['nightly']);
    expect((await look()).ticks).toEqual([]);
    const all = await Promise.all(Array.from({ length: 20 }, () => schedules.tick(ticks[0]!, now)));
    expect(all.filter(({ job }) => job !== undefined)).toHaveLength(1);
    const one = await engine();
    expect(await one.get('nightly')).toMatchObject({ state: 'queued', attempt: 0 });
    // A tick that somebody was told of before the timetable was another.
    const { next } = await one.schedule(aSchedule('nightly', { when: { every: 30_000 } }));
    const stale = ['nightly', JSON.stringify({ every: 60_000 }), String(next)] as const;
    await one.cancel('nightly');
    expect((await schedules.tick(stale, next)).job).toBeUndefined();
    await one.unschedule('nightly');
  });

  it('that nobody was there for is made up for once; then it ticks in its beat', async () => {
    await schedules.set(aSchedule('nightly'));
    const next = await letPass('nightly', 100_500);
    // Somebody was told of it, and died.
    expect((await look()).ticks).toHaveLength(1);
    const [one] = [await engine(), await engine()];
    const done = finishing(one);
    await eventually(() => expect(done.length).toBeGreaterThanOrEqual(2));
    // Half a second at the most lies between what is made up for and the beat.
    expect((done[1]!.createdAt - next) % 1_000).toBeLessThan(400);
    expect(done[1]!.createdAt - done[0]!.createdAt).toBeLessThan(3_000);
    await one.unschedule('nightly');
  });

  it('of a timetable that this process does not understand is reported once, and left to others', async () => {
    await schedules.set(aSchedule('nightly'));
    await docket.redis.hset(`${docket.prefix}:schedule:nightly`, '@when', '{"moon":"full"}');
    await letPass('nightly', 1_000);
    const { ticks, now } = await look();
    for (let times = 0; times < 3; times++) expect(await schedules.tick(ticks[0]!, now)).toEqual({ wait: Infinity });
    expect(reported).toMatchObject([{ code: 'DOCKET_DAMAGED', message: expect.stringContaining("'nightly'") }]);
    const one = docket.engine({ onError: () => undefined });
    await one.start();
    expect(await one.get('nightly')).toBeUndefined();
    // It is offered again.
    expect(Number(await docket.redis.zscore(`${docket.prefix}:schedules`, 'nightly'))).toBeGreaterThan(now);
    await one.unschedule('nightly');
  });
});
