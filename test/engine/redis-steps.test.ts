import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ScriptRunner, Scripts, type Reply } from '../../src/redis/connection/script-runner.js';
import { lua } from '../../src/redis/lua/bundle.js';
import type { LuaStep } from '../../src/redis/lua/lua-step.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker } from './contract/stage.js';

/** A step of the test's own. */
const step = (body: string): LuaStep => ({ ...lua.schedules.time, name: 'test', body });

const echo = step(`return { ARGV[1] or 'none', #ARGV }`);
const count = step(`return redis.call('INCR', KEYS[1] .. ':' .. ARGV[1])`);

let docket: TestDocket;
let scripts: ScriptRunner;
beforeEach(async () => {
  docket = await TestDocket.alone();
  scripts = new ScriptRunner(docket.redis, docket.prefix, new Scripts(undefined));
});
afterEach(() => docket.dispose());

/** What becomes of steps that are asked for in one turn, and how many commands they were. */
async function inOneTurn(...steps: (() => Promise<Reply>)[]): Promise<{ replies: unknown[]; commands: number }> {
  await docket.redis.config('RESETSTAT');
  const settled = await Promise.allSettled(steps.map((step) => step()));
  const stats = await docket.redis.info('commandstats');
  const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].map(([, calls]) => Number(calls));
  return {
    replies: settled.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason))),
    commands: calls.reduce((sum, calls) => sum + calls, 0),
  };
}

describe('calls of one step in one turn of the event loop', () => {
  it('are one command, each with its own arguments', async () => {
    const steps = [[], ['one'], ['a', 2, '']].map((args) => () => scripts.run(echo, ...args));
    expect(await inOneTurn(...steps)).toEqual({
      replies: [
        ['none', 0],
        ['one', 1],
        ['a', 3],
      ],
      commands: 1,
    });
  });

  it('fail each for itself', async () => {
    await docket.redis.set(`${docket.prefix}:bad`, 'text', 'PX', 60_000);
    const steps = ['good', 'bad', 'good'].map((name) => () => scripts.run(count, name));
    const { replies, commands } = await inOneTurn(...steps);
    expect(replies).toEqual([1, expect.stringContaining('not an integer'), 2]);
    expect(commands).toBe(1);
    await docket.redis.del(`${docket.prefix}:good`);
  });

  it('are made where Redis has forgotten the script, in their order', async () => {
    await scripts.run(count, 'good');
    await docket.redis.script('FLUSH');
    const steps = [1, 2, 3].map(() => () => scripts.run(count, 'good'));
    expect((await inOneTurn(...steps)).replies).toEqual([2, 3, 4]);
    await docket.redis.del(`${docket.prefix}:good`);
  });

  it('do not keep Redis from others for long where they carry much', async () => {
    const much = 'x'.repeat(90_000);
    const { replies, commands } = await inOneTurn(...[1, 2, 3].map(() => () => scripts.run(echo, much)));
    expect(replies).toEqual([1, 2, 3].map(() => [much, 1]));
    expect(commands).toBe(3);
  });

  it('travel alone where each does much', async () => {
    const long = { ...step(`return redis.call('EXISTS', KEYS[1])`), alone: true };
    const { replies, commands } = await inOneTurn(...[1, 2, 3].map(() => () => scripts.run(long)));
    expect(replies).toEqual([0, 0, 0]);
    expect(commands).toBe(3);
  });

  it('may have more arguments than Lua unpacks', async () => {
    const { replies } = await inOneTurn(() => scripts.run(echo, ...Array.from({ length: 10_000 }, () => 'x')));
    expect(replies).toEqual([['x', 10_000]]);
  });
});

it('a worker may have very many components with limits', async () => {
  const engine = docket.engine();
  await engine.start();
  const names = Array.from({ length: 2_500 }, (_, index) => `component ${index}`);
  const worker = new TestWorker(engine, 1, Object.fromEntries(names.map((name) => [name, { concurrency: 1 }])));
  await engine.add(anExecution('a'));
  expect(await worker.finish(await worker.next())).toBe(true);
  await worker.stop();
});

it('what a run tells costs Redis no more where its input is large', async () => {
  const engine = docket.engine();
  await engine.start();
  const worker = new TestWorker(engine, 1);
  await engine.add({ ...anExecution('a'), input: 'x'.repeat(8_000_000) });
  const delivery = await worker.next();
  await docket.redis.config('RESETSTAT');
  for (let current = 1; current <= 20; current++) await engine.progress('a', delivery.run, { current });
  const stats = await docket.redis.info('commandstats');
  // In microseconds. To read it takes ten thousand.
  expect(Number(/cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(stats)?.[1])).toBeLessThan(3_000);
  await worker.finish(delivery);
  await worker.stop();
});

it('a page of a list keeps others waiting no longer where many are asked for in one turn', async () => {
  const engine = docket.engine();
  await engine.start();
  await engine.add(anExecution('a'));
  for (const ask of [() => engine.list({ owner: 'anna', limit: 5 }), () => engine.browse({ limit: 5 })]) {
    const { commands } = await inOneTurn(...[1, 2, 3].map(() => async () => Object.keys(await ask()).length));
    expect(commands).toBeGreaterThanOrEqual(3);
  }
  await engine.cancel('a');
});

it('what is added and cancelled in one turn leaves nothing in the line', async () => {
  const engine = docket.engine();
  await engine.start();
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  await Promise.all(keys.flatMap((key) => [engine.add(anExecution(key)), engine.cancel(key)]));
  await engine.close();
  expect((await docket.keys()).filter((key) => /tickets:(t\d|wait)/.test(key))).toEqual([]);
});
