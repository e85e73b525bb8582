import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EngineEvent } from '../../src/docket/engine/engine.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { asBuilt, root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker } from './contract/stage.js';

const hour = 3_600_000;

let docket: TestDocket;
let engine: RedisEngine;
beforeEach(async () => {
  docket = new TestDocket();
  engine = docket.engine();
  await engine.start();
});
afterEach(() => docket.dispose());

/** When the runs of an execution began, by the clock of Redis, and when they were due. */
function starts(events: readonly EngineEvent[]): { readonly due: number; readonly began: number }[] {
  const records = events.filter(({ type }) => type === 'state').map(({ record }) => record);
  const dues = records.filter(({ state }) => state === 'scheduled').map(({ runAt }) => runAt!);
  const begins = records.filter(({ state }) => state === 'running').map(({ updatedAt }) => updatedAt);
  return begins.map((began, index) => ({ began, due: dues[index]! }));
}

describe('the clock of Redis decides', () => {
  it.each([
    ['behind', -hour],
    ['ahead', hour],
  ])('when the clock of the worker is an hour %s', async (_, skew) => {
    const events: EngineEvent[] = [];
    await engine.watch({ key: 'a' }, (event) => events.push(event));
    const child = spawn(
      process.execPath,
      ['node_modules/jiti/lib/jiti-cli.mjs', 'test/engine/skewed-worker.ts', docket.url, docket.name, String(skew)],
      { cwd: root, stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...asBuilt, NODE_OPTIONS: '' } },
    );
    const ended = once(child, 'close');
    try {
      const [next] = (await once(child.stdout, 'data')) as [Buffer];
      expect(Math.abs(Number(String(next)) - hour - Date.now())).toBeLessThan(60_000);
      await engine.add({ ...anExecution('a'), delay: 400 });
      await eventually(() => expect(events.at(-1)?.record.state).toBe('completed'));
      const { outcome, finishedAt } = events.at(-1)!.record;
      const clock = (outcome as { result: number }).result;
      expect(Math.abs(clock - finishedAt! - skew)).toBeLessThan(60_000);
      expect(starts(events)).toHaveLength(2);
      for (const { due, began } of starts(events)) {
        expect(began).toBeGreaterThanOrEqual(due);
        expect(began - due).toBeLessThan(5_000);
      }
    } finally {
      child.stdin.end();
      await ended;
    }
  });

  it('and what is scheduled starts on time', async () => {
    const worker = new TestWorker(engine, 50);
    const late: number[] = [];
    for (let round = 0; round < 11; round++) {
      const { record } = await engine.add({ ...anExecution(`k${round}`), delay: 60 });
      const begun = await worker.next();
      late.push(begun.record.updatedAt - record.runAt!);
    }
    late.sort((a, b) => a - b);
    expect(late[0]).toBeGreaterThanOrEqual(0);
    // Half of them, as a busy machine has its moments. One that is found by chance is half a second late.
    expect(late[5]).toBeLessThan(100);
    await worker.stop();
  });
});
