import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import type { Stage } from './stage.js';

export function slotsContract(stage: () => Stage): void {
  describe('a slot', () => {
    it('of a parked run goes to the next execution: concurrency 1, 100 parked, the 101st starts', async () => {
      const worker = stage().work(1);
      for (let index = 0; index < 100; index++) {
        const delivery = await stage().begin(`k${index}`, worker);
        worker.consumer.park(delivery.run);
      }
      const last = await stage().begin('last', worker);
      expect(last.record.key).toBe('last');
      // All of them unpark, one at a time, and each still owns its execution.
      await worker.finish(last);
      for (const delivery of worker.begun.slice(0, 100)) {
        await worker.consumer.unpark(delivery.run);
        expect(await worker.finish(delivery)).toBe(true);
      }
    });

    it('goes to unparking runs before executions that have not begun, first come first served', async () => {
      const worker = stage().work(1);
      const first = await stage().begin('first', worker);
      worker.consumer.park(first.run);
      const second = await stage().begin('second', worker);
      worker.consumer.park(second.run);
      const third = await stage().begin('third', worker);
      await stage().add('not-begun');
      const back: string[] = [];
      const returns = [second, first].map((delivery) =>
        worker.consumer.unpark(delivery.run).then(() => back.push(delivery.record.key)),
      );
      await stage().quiet();
      expect(back).toEqual([]);
      await worker.finish(third);
      await eventually(() => expect(back).toEqual(['second']));
      await worker.finish(second);
      await eventually(() => expect(back).toEqual(['second', 'first']));
      await stage().quiet();
      expect(worker.begun).toHaveLength(3);
      await worker.finish(first);
      expect((await worker.next()).record.key).toBe('not-begun');
      await Promise.all(returns);
    });

    it('is freed once, however often a run parks, and taken once, however often it unparks', async () => {
      const worker = stage().work(2);
      const first = await stage().begin('a', worker);
      const second = await stage().begin('b', worker);
      for (let times = 0; times < 3; times++) worker.consumer.park(first.run);
      for (const key of ['c', 'd', 'e']) await stage().add(key);
      const third = await worker.next();
      await stage().quiet();
      expect(worker.begun).toHaveLength(3);
      await worker.finish(second);
      const fourth = await worker.next();
      const returns = [1, 2, 3].map(() => worker.consumer.unpark(first.run));
      await worker.finish(third);
      await Promise.all(returns);
      await worker.consumer.unpark(first.run);
      await stage().quiet();
      expect(worker.begun).toHaveLength(4);
      await worker.finish(first);
      const fifth = await worker.next();
      expect([fourth.record.key, fifth.record.key]).toEqual(['d', 'e']);
    });

    it('of a run that ends while parked is not freed twice', async () => {
      const worker = stage().work(1);
      const first = await stage().begin('a', worker);
      worker.consumer.park(first.run);
      const second = await stage().begin('b', worker);
      await stage().add('c');
      await worker.finish(first);
      worker.consumer.park(first.run);
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
      await worker.finish(second);
      expect((await worker.next()).record.key).toBe('c');
    });

    it('is neither lost nor doubled by runs that are cancelled while parked or unparking', async () => {
      const worker = stage().work(1);
      const parked = await stage().begin('parked', worker);
      worker.consumer.park(parked.run);
      const returning = await stage().begin('returning', worker);
      worker.consumer.park(returning.run);
      const holder = await stage().begin('holder', worker);
      const back = worker.consumer.unpark(returning.run);
      await stage().engine.cancel('parked');
      await stage().engine.cancel('returning');
      await eventually(() => expect(worker.revoked).toHaveLength(2));
      // They only wind up, so neither of them waits for the holder.
      await back;
      await worker.consumer.unpark(parked.run);
      worker.end(parked);
      worker.end(returning);
      await stage().add('next');
      await stage().quiet();
      expect(worker.begun).toHaveLength(3);
      await worker.finish(holder);
      const next = await worker.next();
      expect(next.record.key).toBe('next');
      await stage().add('one-more');
      await stage().quiet();
      expect(worker.begun).toHaveLength(4);
    });

    it('of a lost parked run is not freed twice, and its execution is delivered again', async () => {
      const worker = stage().work(1);
      const first = await stage().begin('a', worker);
      worker.consumer.park(first.run);
      const second = await stage().begin('b', worker);
      worker.end(first);
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
      await worker.finish(second);
      expect((await worker.next()).record).toMatchObject({ key: 'a', redelivered: true });
    });

    it('is no longer waited for once the run parks again', async () => {
      const worker = stage().work(1);
      const first = await stage().begin('a', worker);
      worker.consumer.park(first.run);
      const second = await stage().begin('b', worker);
      const back = worker.consumer.unpark(first.run);
      worker.consumer.park(first.run);
      await back;
      await worker.finish(second);
      const third = await stage().begin('c', worker);
      expect(third.record.key).toBe('c');
    });

    it('of an unknown run does not exist', async () => {
      const worker = stage().work(1);
      worker.consumer.park('nobody');
      await worker.consumer.unpark('nobody');
      await stage().begin('a', worker);
      await stage().add('b');
      await stage().quiet();
      expect(worker.begun).toHaveLength(1);
    });
  });

  describe('an isolated run', () => {
    it('begins when no other holds a slot, keeps all others waiting, and lets them go on when it has ended [A3]', async () => {
      const worker = stage().work(3);
      const [parked, other, mine] = [
        await stage().begin('parked', worker),
        await stage().begin('other', worker),
        await stage().begin('mine', worker),
      ];
      worker.consumer.park(parked.run);
      let alone = false;
      const isolating = worker.consumer.isolate(mine.run)?.then(() => (alone = true));
      await stage().add('queued');
      await stage().quiet();
      expect(alone).toBe(false);
      await worker.finish(other);
      await isolating;
      let back = false;
      const coming = worker.consumer.unpark(parked.run).then(() => (back = true));
      await stage().quiet();
      expect(back).toBe(false);
      expect(worker.begun).toHaveLength(3);
      await worker.finish(mine);
      await coming;
      expect((await worker.next()).record.key).toBe('queued');
    });

    it('is the only one: another is refused until the first has ended [A3]', async () => {
      const worker = stage().work(2);
      const [first, second] = [await stage().begin('a', worker), await stage().begin('b', worker)];
      void worker.consumer.isolate(first.run);
      expect(worker.consumer.isolate(second.run)).toBeUndefined();
      expect(worker.consumer.isolate('nobody')).toBeUndefined();
      await worker.finish(first);
      await worker.consumer.isolate(second.run);
      await worker.finish(second);
    });

    it('is no longer isolated once parked [A3]', async () => {
      const worker = stage().work(1);
      const first = await stage().begin('a', worker);
      await worker.consumer.isolate(first.run);
      worker.consumer.park(first.run);
      const second = await stage().begin('b', worker);
      await worker.finish(second);
      await worker.consumer.unpark(first.run);
      await worker.finish(first);
    });
  });

  describe('stopIntake and idle', () => {
    it('stop new runs, let current ones go on and unpark, and wait for the last one', async () => {
      const worker = stage().work(2);
      const first = await stage().begin('a', worker);
      const second = await stage().begin('b', worker);
      worker.consumer.park(first.run);
      await worker.consumer.stopIntake();
      await stage().add('c');
      let idle = false;
      const whenIdle = worker.consumer.idle().then(() => (idle = true));
      await worker.finish(second);
      await worker.consumer.unpark(first.run);
      await stage().quiet();
      expect(idle).toBe(false);
      expect(worker.begun).toHaveLength(2);
      expect(await worker.finish(first)).toBe(true);
      await whenIdle;
      expect((await stage().record('c')).state).toBe('queued');
      expect((await stage().work().next()).record.key).toBe('c');
    });

    it('resolve at once for a worker without runs, even twice', async () => {
      const worker = stage().work(1);
      await worker.consumer.stopIntake();
      await worker.consumer.stopIntake();
      await worker.consumer.idle();
      await worker.consumer.idle();
    });
  });
}
