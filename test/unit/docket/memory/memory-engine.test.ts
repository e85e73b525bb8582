import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../../src/docket/memory/memory-engine.js';
import { Stage, aSchedule, anExecution, type TestWorker } from '../../../engine/contract/stage.js';
import { eventually } from '../../../helpers/eventually.js';
import { FakeClock, settled } from '../../../helpers/fake-clock.js';

/** What the contract cannot ask of every engine, because it needs a clock to turn or a look at the process. */
describe('MemoryEngine', () => {
  let clock: FakeClock;
  let errors: unknown[];
  let engine: MemoryEngine;
  let stage: Stage;
  let worker: TestWorker;

  beforeEach(async () => {
    clock = new FakeClock();
    errors = [];
    engine = new MemoryEngine({ clock, onError: (error) => errors.push(error) });
    stage = await Stage.open(() => ({ engine, clock }));
    worker = stage.work();
  });
  afterEach(() => stage.close());

  it('[C9] adds an execution for a fixed hour once when clocks go back, and for every hour in each', async () => {
    await clock.advance(Date.UTC(2026, 9, 24, 23, 30) - clock.now());
    const workers = [worker, stage.work()];
    const added: string[] = [];
    await engine.watch({ all: true }, ({ type, record }) => {
      if (type === 'state' && record.state === 'queued') {
        added.push(`${record.key} ${new Date(record.createdAt).toISOString().slice(11, 16)}`);
      }
    });
    await engine.schedule(aSchedule('fixed', { when: { cron: '0 2,4 * * *', timezone: 'Europe/Berlin' } }));
    await engine.schedule(aSchedule('hourly', { when: { cron: '0 * * * *', timezone: 'Europe/Berlin' } }));
    for (let hour = 0; hour < 4; hour++) {
      await clock.advance(3_600_000);
      for (const each of workers) for (const delivery of each.begun.splice(0)) await each.finish(delivery);
    }
    expect(added.sort()).toEqual([
      'fixed 00:00',
      'fixed 03:00',
      'hourly 00:00',
      'hourly 01:00',
      'hourly 02:00',
      'hourly 03:00',
    ]);
  });

  it('keeps an ended record to the millisecond', async () => {
    await worker.finish(await stage.begin('a', worker, { ttl: 1000 }));
    await clock.advance(999);
    expect(await stage.record('a')).toMatchObject({ state: 'completed' });
    await clock.advance(1);
    expect(await engine.get('a')).toBeUndefined();
  });

  it('starts a scheduled execution to the millisecond', async () => {
    await stage.add('a', { runAt: clock.now() + 1000 });
    await clock.advance(999);
    expect(worker.begun).toEqual([]);
    await clock.advance(1);
    expect(worker.begun).toHaveLength(1);
  });

  it('shows no expired record, and lets nothing overtake due executions, even if its own timer is late', async () => {
    await stage.begin('busy', worker);
    await stage.add('gone', { ttl: 100 });
    await engine.cancel('gone');
    await stage.add('due', { runAt: clock.now() + 100 });
    clock.jump(5000);
    expect(await engine.get('gone')).toBeUndefined();
    expect((await engine.list({ owner: 'anna', limit: 10 })).records.map((record) => record.key)).toEqual([
      'due',
      'busy',
    ]);
    await stage.add('younger');
    await worker.finish(worker.begun[0]!);
    await eventually(() => expect(worker.begun[1]?.record.key).toBe('due'));
  });

  it('never lets updatedAt go back, even if the clock does', async () => {
    const { record, run } = await stage.begin('a', worker);
    clock.jump(-10_000);
    await engine.progress('a', run, { current: 1 });
    expect((await stage.record('a')).updatedAt).toBe(record.updatedAt);
    await worker.finish({ record, run });
    expect((await stage.record('a')).finishedAt).toBe(record.updatedAt);
    expect((await stage.add('a')).record.createdAt).toBe(record.updatedAt);
  });

  it('arms one timer for thousands of due times, and none when nothing is due', async () => {
    expect(clock.armed).toBe(0);
    await stage.begin('running', worker);
    expect(clock.armed).toBe(0);
    for (let index = 0; index < 2000; index++) {
      await stage.add(`scheduled${index}`, { runAt: clock.now() + 1000 + index });
      await stage.add(`finished${index}`, { ttl: 1000 + index });
      await engine.cancel(`finished${index}`);
    }
    expect(clock.armed).toBe(1);
    for (let index = 0; index < 2000; index++) await engine.cancel(`scheduled${index}`);
    expect(clock.armed).toBe(1);
    await clock.advance(70_000);
    expect(clock.armed).toBe(0);
  });

  it('stops its timer when it is closed', async () => {
    await stage.add('a', { runAt: clock.now() + 1000 });
    expect(clock.armed).toBe(1);
    await engine.close();
    expect(clock.armed).toBe(0);
  });

  it('reports what listeners and handlers throw', async () => {
    const faults = ['listener', 'run', 'revoke'].map((name) => new Error(`${name} of the test`));
    await worker.consumer.stopIntake();
    await engine.watch({ key: 'a' }, (event) => {
      if (event.record.state === 'queued' && event.record.attempt === 0) throw faults[0]!;
    });
    let runs = 0;
    const consumer = engine.consume(
      { worker: 'w', concurrency: 1 },
      {
        run: async () => {
          if (++runs === 1) throw faults[1]!;
          await engine.cancel('a');
        },
        revoke: () => {
          throw faults[2]!;
        },
      },
    );
    await stage.add('a');
    await eventually(() => expect(errors).toHaveLength(3));
    expect(errors).toEqual(faults);
    await consumer.stopIntake();
    await consumer.idle();
    expect(await stage.record('a')).toMatchObject({ state: 'cancelled', attempt: 2, redelivered: true });
  });

  it('swallows no errors: without a handler they become uncaught exceptions', async () => {
    const program = `
      import { MemoryEngine } from './src/docket/memory/memory-engine.ts';
      const engine = new MemoryEngine();
      process.on('uncaughtException', (error) => console.log('heard: ' + error.message));
      engine.watch({ key: 'a' }, () => { throw new Error('of a listener'); });
      engine.add(${JSON.stringify(anExecution('a'))});
    `;
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import=tsx',
      '--input-type=module',
      `--eval=${program}`,
    ]);
    expect(stdout).toBe('heard: of a listener\n');
  });

  it('gives timers and sockets their turn while it drains', async () => {
    await worker.consumer.stopIntake();
    for (let index = 0; index < 2000; index++) await stage.add(`k${index}`);
    let left = 2000;
    const consumer = engine.consume(
      { worker: 'w', concurrency: 1 },
      {
        run: async ({ record, run }) => {
          await engine.settle(record.key, run, { type: 'finish', outcome: {} });
          left--;
        },
        revoke: () => undefined,
      },
    );
    let turns = 0;
    for (; left > 0; turns++) await settled();
    expect(turns).toBeGreaterThanOrEqual(15);
    await consumer.stopIntake();
    await consumer.idle();
  });

  it('even if there is room for all of them at once', async () => {
    await worker.consumer.stopIntake();
    for (let index = 0; index < 500; index++) await stage.add(`k${index}`);
    const wide = stage.work(1000);
    const begun: number[] = [];
    while (wide.begun.length < 500) {
      await settled();
      begun.push(wide.begun.length);
    }
    const steps = begun.map((count, index) => count - (begun[index - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(100);
  });

  it('gives each of several workers its turn', async () => {
    await worker.consumer.stopIntake();
    const workers = [stage.work(10), stage.work(10), stage.work(10)];
    for (let index = 0; index < 9; index++) await stage.add(`k${index}`);
    await settled();
    expect(workers.map(({ begun }) => begun.map(({ record }) => record.key))).toEqual([
      ['k0', 'k3', 'k6'],
      ['k1', 'k4', 'k7'],
      ['k2', 'k5', 'k8'],
    ]);
  });

  it('drains 40,000 queued executions at the cost of 2,000', async () => {
    await worker.consumer.stopIntake();
    const costOfEach = async (prefix: string, count: number): Promise<number> => {
      for (let index = 0; index < count; index++) await stage.add(`${prefix}${index}`);
      let left = count;
      // The time of other processes is none of the queue's.
      const start = process.cpuUsage();
      const consumer = engine.consume(
        { worker: 'w', concurrency: 10 },
        {
          run: async ({ record, run }) => {
            await engine.settle(record.key, run, { type: 'finish', outcome: {} });
            left--;
          },
          revoke: () => undefined,
        },
      );
      await eventually(() => expect(left).toBe(0), { timeout: 25_000 });
      const { user, system } = process.cpuUsage(start);
      const each = (user + system) / count;
      await consumer.stopIntake();
      return each;
    };
    await costOfEach('warm', 5_000);
    const few = await costOfEach('few', 2_000);
    const many = await costOfEach('many', 40_000);
    // A cost that grew with the length of the queue would be 20 times as high.
    expect(many / few).toBeLessThan(6);
  });
});
