import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { ScriptRunner, Scripts } from '../../src/redis/connection/script-runner.js';
import { lua } from '../../src/redis/lua/bundle.js';
import { asBuilt, root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker } from './contract/stage.js';

/** Short, so that what a dead worker had comes back soon. */
const lease = 1_500;

let docket: TestDocket;
let workers: TestWorker[];
beforeEach(() => {
  docket = new TestDocket();
  workers = [];
});
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  await docket.dispose();
});

async function engine(): Promise<RedisEngine> {
  const made = docket.engine({ lease });
  await made.start();
  return made;
}

function work(on: RedisEngine, concurrency = 3): TestWorker {
  const worker = new TestWorker(on, concurrency, { report: { concurrency: 1 } });
  workers.push(worker);
  return worker;
}

/** Works until the test ends, and counts how many calls there are at once. */
class Crowd {
  now = 0;
  most = 0;
  readonly done: string[] = [];

  join(on: RedisEngine, concurrency: number, most: number): void {
    on.consume(
      { worker: 'crowd', concurrency, limits: new Map([['report', { concurrency: most }]]) },
      {
        run: async ({ record, run }) => {
          const isBound = record.component === 'report';
          if (isBound) this.most = Math.max(this.most, ++this.now);
          await sleep(2);
          if (isBound) this.now--;
          await on.settle(record.key, run, { type: 'finish', outcome: { result: null } });
          this.done.push(record.key);
        },
        revoke: () => undefined,
      },
    );
  }
}

/** What there is of the gates of a docket, without the times of rates, which end by themselves. */
async function gateKeys(): Promise<string[]> {
  return (await docket.keys()).filter((key) => key.includes(':gate:'));
}

describe('a component that is bound, on several engines', () => {
  it('never runs more often at once, does everything once, and leaves nothing behind', async () => {
    const engines = [await engine(), await engine(), await engine()];
    const crowd = new Crowd();
    for (const each of engines) crowd.join(each, 4, 3);
    const keys = Array.from({ length: 240 }, (_, index) => `k${index}`);
    await Promise.all(
      keys.map((key, index) =>
        engines[index % 3]!.add({ ...anExecution(key), component: index % 6 === 0 ? 'sweep' : 'report' }),
      ),
    );
    await eventually(() => expect(crowd.done).toHaveLength(keys.length), { timeout: 25_000 });
    expect(new Set(crowd.done).size).toBe(keys.length);
    expect(crowd.most).toBe(3);
    expect(await gateKeys()).toEqual([]);
  });

  it('leaves no queue job if one cancels what the other has just admitted', async () => {
    const engines = [await engine(), await engine()];
    work(engines[0]!);
    const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
    for (const key of keys) await engines[0]!.add(anExecution(key));
    await eventually(async () =>
      expect(await docket.redis.zcard(`${docket.prefix}:gate:blocked:report`)).toBe(keys.length - 1),
    );
    // Otherwise the worker would drop the jobs.
    await workers[0]!.consumer.stopIntake();
    // Each that is cancelled admits the next one, whose job the process has yet to add.
    await Promise.all(keys.map((key, index) => engines[index % 2]!.cancel(key)));
    workers[0]!.end(workers[0]!.begun[0]!);
    await eventually(async () =>
      expect((await docket.keys()).filter((key) => /:tickets:(t\d|wait)/.test(key))).toEqual([]),
    );
  });

  it('has the places of a worker that is killed again', async () => {
    const limits = JSON.stringify([['report', { concurrency: 2 }]]);
    const args = ['test/engine/redis-worker.ts', docket.url, docket.name, String(lease), limits];
    const child = spawn(process.execPath, ['node_modules/jiti/lib/jiti-cli.mjs', ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...asBuilt, NODE_OPTIONS: '' },
    });
    const said: string[] = [];
    createInterface(child.stdout).on('line', (line) => said.push(line));
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      const here = await engine();
      await eventually(() => expect(said).toEqual(['ready']), { timeout: 20_000 });
      for (const key of ['a', 'b', 'c', 'd']) await here.add(anExecution(key));
      await eventually(() => expect(said).toHaveLength(3));
      const crowd = new Crowd();
      crowd.join(here, 5, 2);
      await eventually(async () => expect(await docket.redis.zcard(`${docket.prefix}:gate:blocked:report`)).toBe(2));
      expect(crowd.done).toEqual([]);
      child.kill('SIGKILL');
      await ended;
      await eventually(() => expect(crowd.done).toHaveLength(4), { timeout: 20_000 });
      expect(crowd.most).toBeLessThanOrEqual(2);
      expect(await gateKeys()).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });

  it('goes on although the process that gave its place away died before it could say so', async () => {
    const here = await engine();
    const worker = work(here);
    await here.add(anExecution('a'));
    const first = await worker.next();
    await here.add(anExecution('b'));
    await eventually(async () => expect(await docket.redis.exists(`${docket.prefix}:gate:blocked:report`)).toBe(1));
    // What a process does that ends in the middle: the step is made, and the ticket of 'b' is not brought into the line.
    const dying = new ScriptRunner(docket.redis, docket.prefix, new Scripts(undefined));
    const ending = ['finish', 0, 'completed', 'outcome', '{"result":null}'];
    await dying.run(lua.runs.settle, 'of nobody', 'a', first.run, ...ending);
    const second = await worker.next();
    expect(second.record.key).toBe('b');
    worker.end(first);
    await worker.finish(second);
    expect(await gateKeys()).toEqual([]);
  });

  it('goes on although somebody has a place that is gone', async () => {
    const here = await engine();
    const worker = work(here);
    await docket.redis.sadd(`${docket.prefix}:gate:running:report`, 'nobody');
    await here.add(anExecution('a'));
    await eventually(async () => expect(await docket.redis.exists(`${docket.prefix}:gate:blocked:report`)).toBe(1));
    // As if the time had passed after which somebody looks.
    expect(await docket.redis.zadd(`${docket.prefix}:due`, 'XX', 'CH', 0, 'g::report')).toBe(1);
    await worker.finish(await worker.next());
    expect(await gateKeys()).toEqual([]);
  });

  it('follows the limits of the worker that claims, from then on', async () => {
    const here = await engine();
    const narrow = work(here);
    await here.add(anExecution('a'));
    await narrow.next();
    for (const key of ['b', 'c', 'd', 'e']) await here.add(anExecution(key));
    await eventually(async () => expect(await docket.redis.zcard(`${docket.prefix}:gate:blocked:report`)).toBe(4));
    await narrow.consumer.stopIntake();
    const wide = new TestWorker(here, 9, { report: { concurrency: 3 } });
    workers.push(wide);
    await here.add(anExecution('f'));
    await eventually(() => expect(wide.begun.map(({ record }) => record.key).sort()).toEqual(['b', 'c']));
    await narrow.finish(narrow.begun[0]!);
    for (let index = 0; index < 5; index++) await wide.finish(await wide.next());
    expect(await gateKeys()).toEqual([]);
  });
});
