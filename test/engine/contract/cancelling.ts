import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { aQuestion, anExecution, expectEvents, type Stage } from './stage.js';

export function cancellingContract(stage: () => Stage): void {
  describe('cancel', () => {
    it('ends a scheduled execution at once, and it never becomes due', async () => {
      const worker = stage().work();
      await stage().add('a', { runAt: stage().now() + 100 });
      expect(await stage().engine.cancel('a', 'changed my mind')).toBe('cancelled');
      const record = await stage().record('a');
      expect(record).toMatchObject({ state: 'cancelled', reason: 'changed my mind', attempt: 0 });
      expect(record.runAt).toBeUndefined();
      expect(record.finishedAt).toBe(record.updatedAt);
      await stage().pass(200);
      await stage().quiet();
      expect(worker.begun).toEqual([]);
    });

    it('ends a queued execution at once, and it is never delivered', async () => {
      for (const key of ['a', 'b', 'c']) await stage().add(key);
      expect(await stage().engine.cancel('b')).toBe('cancelled');
      const record = await stage().record('b');
      expect(record.state).toBe('cancelled');
      expect(record.reason).toBeUndefined();
      const worker = stage().work(3);
      await worker.next();
      await worker.next();
      await stage().quiet();
      expect(worker.begun.map((delivery) => delivery.record.key)).toEqual(['a', 'c']);
    });

    it('ends a running execution at once and revokes its run once; later writes of the run are dropped', async () => {
      const worker = stage().work();
      const { engine } = stage();
      const delivery = await stage().begin('a', worker);
      await engine.ask('a', delivery.run, aQuestion('q1'));
      await engine.ask('a', delivery.run, aQuestion('q2'));
      await engine.answer('a', 'q1', { result: 'yes' });
      const events = await stage().watch({ key: 'a' });
      expect(await engine.cancel('a', 'stop')).toBe('cancelled');
      expect(await stage().record('a')).toMatchObject({ state: 'cancelled', reason: 'stop', openQuestions: 0 });
      await eventually(() => expect(worker.revoked).toEqual([{ run: delivery.run, why: 'cancelled' }]));
      expect(await engine.progress('a', delivery.run, { current: 1 })).toBe(false);
      expect(await engine.notify('a', delivery.run, { type: 'log', level: 'info', data: 'late' })).toBe(false);
      expect(await engine.ask('a', delivery.run, aQuestion('q3'))).toBeUndefined();
      expect(await engine.ask('a', delivery.run, aQuestion('q1'))).toBeUndefined();
      expect(await worker.finish(delivery, 'late')).toBe(false);
      await stage().quiet();
      expect(worker.revoked).toHaveLength(1);
      await expectEvents(events, ['closed q2', 'state cancelled']);
      expect(await stage().record('a')).toMatchObject({ state: 'cancelled', attempt: 1 });
      expect((await stage().record('a')).outcome).toBeUndefined();
    });

    it('of a run does not deliver it again when it ends, and then frees its slot', async () => {
      const worker = stage().work();
      const delivery = await stage().begin('a', worker);
      await stage().engine.cancel('a');
      await stage().add('b');
      await stage().quiet();
      expect(worker.begun).toHaveLength(1);
      worker.end(delivery);
      expect((await worker.next()).record.key).toBe('b');
      expect(await stage().record('a')).toMatchObject({ state: 'cancelled', redelivered: false });
    });

    it('of an older generation leaves the newer one alone', async () => {
      const { session: _, ...work } = anExecution('a');
      const { record: older } = await stage().engine.add(work);
      const { record: newer } = await stage().engine.replace(work);
      expect(await stage().engine.cancel('a', undefined, older.generation)).toBe('unknown');
      expect((await stage().record('a')).state).toBe('queued');
      expect(await stage().engine.cancel('a', undefined, newer.generation)).toBe('cancelled');
    });

    it('changes neither ended nor unknown executions', async () => {
      const worker = stage().work();
      await worker.finish(await stage().begin('done', worker), 1);
      await stage().add('gone');
      await stage().engine.cancel('gone', 'first');
      expect(await stage().engine.cancel('done', 'late')).toBe('terminal');
      expect(await stage().engine.cancel('gone', 'second')).toBe('terminal');
      expect(await stage().engine.cancel('nobody')).toBe('unknown');
      expect(await stage().record('done')).toMatchObject({ state: 'completed', outcome: { result: 1 } });
      expect(await stage().record('gone')).toMatchObject({ reason: 'first' });
    });

    it('racing a finish has one winner, and the record agrees with it (1000 rounds)', async () => {
      const { engine } = stage();
      const rounds = 1000;
      const wins = { cancel: 0, finish: 0 };
      const revoked = new Map<string, number>();
      const faults: string[] = [];
      const race = async (key: string, run: string): Promise<void> => {
        const index = Number(key);
        const [cancelled, finished] = await Promise.all([
          microtasks(index % 7).then(() => engine.cancel(key)),
          microtasks((index * 5) % 9).then(() =>
            engine.settle(key, run, { type: 'finish', outcome: { result: index } }),
          ),
        ]);
        const record = await stage().record(key);
        const cancelWon = cancelled === 'cancelled' && !finished && record.state === 'cancelled' && !record.outcome;
        const finishWon = cancelled === 'terminal' && finished && record.state === 'completed';
        if (cancelWon) wins.cancel++;
        else if (finishWon) wins.finish++;
        else faults.push(`${key}: cancel ${cancelled}, finish ${String(finished)}, record ${record.state}`);
        if (cancelWon) await eventually(() => expect(revoked.get(run)).toBe(1));
      };
      const consumer = engine.consume(
        { worker: 'racer', concurrency: 20 },
        {
          run: ({ record, run }) => race(record.key, run),
          revoke: (run) => void revoked.set(run, (revoked.get(run) ?? 0) + 1),
        },
      );
      await Promise.all(Array.from({ length: rounds }, (_, index) => engine.add(anExecution(String(index)))));
      await eventually(() => expect(wins.cancel + wins.finish + faults.length).toBe(rounds), { timeout: 25_000 });
      await consumer.stopIntake();
      await consumer.idle();
      expect(faults).toEqual([]);
      expect(wins.cancel).toBeGreaterThan(0);
      expect(wins.finish).toBeGreaterThan(0);
      expect(revoked.size).toBe(wins.cancel);
      expect([...revoked.values()].every((times) => times === 1)).toBe(true);
    });
  });
}

async function microtasks(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await Promise.resolve();
}
