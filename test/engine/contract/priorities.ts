import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../../src/docket/engine/engine.js';
import type { Stage, TestWorker } from './stage.js';

/** Runs the waiting calls one after another, and returns their keys in that order. */
async function inTurn(worker: TestWorker, count: number): Promise<string[]> {
  const order: string[] = [];
  for (let index = 0; index < count; index++) {
    const delivery = await worker.next();
    order.push(delivery.record.key);
    await worker.finish(delivery);
  }
  return order;
}

export function prioritiesContract(stage: () => Stage): void {
  describe('a priority', () => {
    it('decides which is next: none or 0 first, larger numbers later, the oldest first among equals', async () => {
      const worker = stage().work();
      const busy = await stage().begin('busy', worker);
      await stage().add('later', { priority: 9 });
      await stage().add('last', { priority: 2 ** 21 - 1 });
      await stage().add('soon', { priority: 1 });
      await stage().add('first');
      await stage().add('soon-too', { priority: 1 });
      await stage().add('second', { priority: 0 });
      expect((await stage().record('later')).priority).toBe(9);
      await worker.finish(busy);
      expect(await inTurn(worker, 6)).toEqual(['first', 'second', 'soon', 'soon-too', 'later', 'last']);
    });

    it('takes effect when an execution becomes due', async () => {
      const worker = stage().work();
      const busy = await stage().begin('busy', worker);
      await stage().add('then', { priority: 1, runAt: stage().now() + 100 });
      await stage().add('plain', { runAt: stage().now() + 150 });
      await stage().add('waits', { priority: 1 });
      await stage().pass(250);
      await worker.finish(busy);
      expect(await inTurn(worker, 3)).toEqual(['plain', 'waits', 'then']);
    });

    it('stays with an execution that is retried', async () => {
      const worker = stage().work();
      const first = await stage().begin('urgent', worker, { priority: 1 });
      await stage().add('equal', { priority: 1 });
      await stage().add('less', { priority: 2 });
      await stage().engine.settle('urgent', first.run, { type: 'retry', error: { code: 'E', message: '' }, delay: 0 });
      worker.end(first);
      expect(await inTurn(worker, 3)).toEqual(['equal', 'urgent', 'less']);
    });
  });

  describe.each([0, 7])('a released execution of priority %i', (priority) => {
    it('runs again before younger executions, the oldest first, whatever the order of release', async () => {
      const leaving = stage().work(4);
      const begun: Delivery[] = [];
      for (const key of ['a', 'b', 'c', 'd']) begun.push(await stage().begin(key, leaving, { priority }));
      await leaving.consumer.stopIntake();
      await stage().add('younger', { priority });
      await Promise.all(
        [begun[1]!, begun[3]!].map(({ record, run }) => stage().engine.settle(record.key, run, { type: 'release' })),
      );
      for (const { record, run } of [begun[0]!, begun[2]!]) {
        await stage().engine.settle(record.key, run, { type: 'release' });
      }
      for (const delivery of begun) leaving.end(delivery);
      await leaving.consumer.idle();
      const order = await inTurn(stage().work(), 5);
      expect(order).toEqual(['a', 'b', 'c', 'd', 'younger']);
    });

    it('keeps its position when it is released again', async () => {
      const leaving = stage().work(3);
      const begun: Delivery[] = [];
      for (const key of ['a', 'b', 'c']) begun.push(await stage().begin(key, leaving, { priority }));
      await leaving.consumer.stopIntake();
      const release = ({ record, run }: Delivery): Promise<boolean> =>
        stage().engine.settle(record.key, run, { type: 'release' });
      await release(begun[0]!);
      leaving.end(begun[0]!);
      const second = stage().work();
      const again = await second.next();
      await second.consumer.stopIntake();
      for (const delivery of [begun[1]!, begun[2]!]) {
        await release(delivery);
        leaving.end(delivery);
      }
      await release(again);
      second.end(again);
      expect(await inTurn(stage().work(), 3)).toEqual(['a', 'b', 'c']);
    });
  });
}
