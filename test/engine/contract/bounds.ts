import { describe, expect, it } from '@jest/globals';
import type { Delivery, Settlement } from '../../../src/docket/engine/engine.js';
import { eventually } from '../../helpers/eventually.js';
import { anExecution, aQuestion, type Stage, type TestWorker } from './stage.js';

const one = { report: { concurrency: 1 } };

/** The keys of the runs that this worker has begun, in order. */
const begun = (worker: TestWorker): string[] => worker.begun.map(({ record }) => record.key);

export function boundsContract(stage: () => Stage): void {
  const settle = (worker: TestWorker, { record, run }: Delivery, settlement: Settlement): Promise<boolean> =>
    stage()
      .engine.settle(record.key, run, settlement)
      .finally(() => worker.end({ record, run }));

  describe('a component with a concurrency limit', () => {
    it('leaves free slots to others, and its waiting executions stay queued until one of its runs ends', async () => {
      const worker = stage().work(3, one);
      const first = await stage().begin('a', worker);
      for (const key of ['b', 'c']) await stage().add(key);
      const other = await stage().begin('other', worker, { component: 'sweep' });
      expect(other.record.key).toBe('other');
      await stage().quiet();
      expect(begun(worker)).toEqual(['a', 'other']);
      expect((await stage().record('b')).state).toBe('queued');
      expect((await stage().engine.stats()).states).toMatchObject({ queued: 2, running: 2 });
      await worker.finish(first);
      await worker.finish(await worker.next());
      await worker.finish(await worker.next());
      expect(begun(worker)).toEqual(['a', 'other', 'b', 'c']);
    });

    it('is limited across all workers, and limits no other component', async () => {
      const workers = [
        stage().work(2, { report: { concurrency: 2 } }),
        stage().work(2, { report: { concurrency: 2 } }),
      ];
      for (const key of ['a', 'b', 'c', 'd']) await stage().add(key);
      const running = (): Delivery[] => workers.flatMap((worker) => worker.begun);
      await eventually(() => expect(running()).toHaveLength(2));
      for (const key of ['x', 'y']) await stage().add(key, { component: 'sweep' });
      await eventually(() => expect(running()).toHaveLength(4));
      await stage().quiet();
      expect(running().map(({ record }) => record.key)).toEqual(expect.arrayContaining(['a', 'b', 'x', 'y']));
      for (const worker of workers) for (const delivery of [...worker.begun]) await worker.finish(delivery);
      await eventually(() => expect(running()).toHaveLength(6));
      for (const worker of workers) for (const delivery of worker.begun) await worker.finish(delivery);
    });

    it('counts a run that waits for an answer without a slot', async () => {
      const worker = stage().work(1, one);
      const asking = await stage().begin('asks', worker);
      await stage().engine.ask('asks', asking.run, aQuestion('q'));
      worker.consumer.park(asking.run);
      await stage().add('waits');
      const other = await stage().begin('other', worker, { component: 'sweep' });
      await worker.finish(other);
      await stage().quiet();
      expect(begun(worker)).toEqual(['asks', 'other']);
      await stage().engine.answer('asks', 'q', { result: 'yes' });
      await worker.consumer.unpark(asking.run);
      await worker.finish(asking);
      expect((await worker.next()).record.key).toBe('waits');
    });

    it('gives room to the smallest priority number first, and to the oldest among equals', async () => {
      const worker = stage().work(9, one);
      const busy = await stage().begin('busy', worker);
      await stage().add('later', { priority: 2 });
      await stage().add('soon', { priority: 1 });
      await stage().add('soon-too', { priority: 1 });
      await stage().add('first');
      await stage().add('second');
      await stage().quiet();
      let running = busy;
      for (let index = 0; index < 5; index++) {
        await worker.finish(running);
        running = await worker.next();
      }
      expect(begun(worker)).toEqual(['busy', 'first', 'second', 'soon', 'soon-too', 'later']);
    });

    const ways: readonly (readonly [string, (worker: TestWorker, run: Delivery) => Promise<unknown>])[] = [
      ['finishes', (worker, run) => worker.finish(run)],
      [
        'fails',
        (worker, run) => settle(worker, run, { type: 'finish', outcome: { error: { code: 'E', message: '' } } }),
      ],
      ['is tried again later', (worker, run) => settle(worker, run, retryIn(60_000))],
      ['is released with a delay', (worker, run) => settle(worker, run, { type: 'release', delay: 60_000 })],
      ['is cancelled', () => stage().engine.cancel('a')],
    ];
    it.each(ways)('has room again when its run %s', async (_, leave) => {
      const worker = stage().work(3, one);
      const first = await stage().begin('a', worker);
      await stage().add('b');
      await stage().quiet();
      expect(begun(worker)).toEqual(['a']);
      const left = performance.now();
      await leave(worker, first);
      expect((await worker.next()).record.key).toBe('b');
      // It was admitted at once, and not only found by the check every ten seconds.
      expect(performance.now() - left).toBeLessThan(7_000);
      await stage().add('c');
      await stage().quiet();
      expect(begun(worker)).toEqual(['a', 'b']);
    });

    const interruptions: readonly (readonly [string, (worker: TestWorker, run: Delivery) => Promise<unknown>])[] = [
      ['is released', (worker, run) => settle(worker, run, { type: 'release' })],
      [
        'is lost',
        (worker, run) => {
          worker.end(run);
          return Promise.resolve();
        },
      ],
    ];
    it.each(interruptions)(
      'gives the room of a run that %s to the same execution, as it is the oldest',
      async (_, leave) => {
        const worker = stage().work(3, one);
        const first = await stage().begin('a', worker);
        await stage().add('b');
        await stage().quiet();
        await leave(worker, first);
        // It may take a moment to be queued again, and the other may go first; but never both at once.
        const again = await worker.next();
        await stage().quiet();
        expect(worker.begun).toHaveLength(2);
        await worker.finish(again);
        await worker.finish(await worker.next());
        expect(begun(worker).slice(1).sort()).toEqual(['a', 'b']);
      },
    );

    it('gives the room of a replaced run to exactly one execution, its successor or another', async () => {
      const worker = stage().work(3, one);
      const work = { session: undefined };
      const first = await stage().begin('a', worker, work);
      await stage().add('b', work);
      await stage().quiet();
      await stage().engine.replace({ ...anExecution('a'), ...work });
      const next = await worker.next();
      worker.end(first);
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
      await worker.finish(next);
      await worker.finish(await worker.next());
      expect(begun(worker).slice(1).sort()).toEqual(['a', 'b']);
    });

    it('forgets executions that are cancelled or replaced while they wait', async () => {
      const worker = stage().work(3, one);
      const work = { session: undefined };
      const first = await stage().begin('a', worker, work);
      for (const key of ['b', 'c', 'd']) await stage().add(key, work);
      await stage().quiet();
      expect(await stage().engine.cancel('b')).toBe('cancelled');
      await stage().engine.replace({ ...anExecution('c'), ...work, input: 'new' });
      await stage().quiet();
      await worker.finish(first);
      await worker.finish(await worker.next());
      const last = await worker.next();
      expect(begun(worker)).toEqual(['a', 'd', 'c']);
      expect(last.record.input).toBe('new');
      await worker.finish(last);
      await stage().quiet();
      expect(worker.begun).toHaveLength(3);
    });

    it('is not limited on a worker that knows no limit', async () => {
      const bound = stage().work(3, one);
      await stage().begin('a', bound);
      await stage().add('b');
      await stage().quiet();
      await bound.consumer.stopIntake();
      const free = stage().work(3);
      await stage().begin('c', free);
      await stage().begin('d', free);
      expect(begun(bound)).toEqual(['a']);
    });
  });

  describe('a component with a rate', () => {
    it('begins as many as its rate allows, and the rest in the next windows, in order', async () => {
      const worker = stage().work(9, { report: { rate: { max: 2, duration: 700 } } });
      for (const key of ['a', 'b', 'c', 'd', 'e']) await stage().add(key);
      await worker.finish(await worker.next());
      await worker.finish(await worker.next());
      const other = await stage().begin('other', worker, { component: 'sweep' });
      await worker.finish(other);
      await stage().quiet();
      expect(begun(worker)).toEqual(['a', 'b', 'other']);
      await stage().pass(700);
      await eventually(() => expect(begun(worker)).toHaveLength(5));
      await stage().quiet();
      // Those of one window may begin in any order.
      expect(begun(worker).slice(3).sort()).toEqual(['c', 'd']);
      await stage().pass(700);
      await eventually(() => expect(begun(worker).at(-1)).toBe('e'));
    });

    it('counts each attempt, and applies together with a concurrency limit', async () => {
      const worker = stage().work(9, { report: { concurrency: 1, rate: { max: 2, duration: 600 } } });
      const first = await stage().begin('a', worker);
      for (const key of ['b', 'c']) await stage().add(key);
      await stage().quiet();
      expect(begun(worker)).toEqual(['a']);
      await settle(worker, first, retryIn(0));
      await worker.finish(await worker.next());
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
      await stage().pass(600);
      await worker.finish(await worker.next());
      await worker.finish(await worker.next());
      expect(begun(worker).slice(1).sort()).toEqual(['a', 'b', 'c']);
    });
  });
}

const retryIn = (delay: number): Settlement => ({ type: 'retry', error: { code: 'E', message: '' }, delay });
