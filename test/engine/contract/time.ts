import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { aQuestion, type Stage } from './stage.js';

export function timeContract(stage: () => Stage): void {
  describe('a scheduled execution', () => {
    it('waits until it is due, then runs', async () => {
      const worker = stage().work();
      const runAt = stage().now() + 200;
      const { record } = await stage().add('a', { runAt });
      expect(record).toMatchObject({ state: 'scheduled', runAt });
      await stage().pass(200);
      const delivery = await worker.next();
      expect(delivery.record.updatedAt).toBeGreaterThanOrEqual(runAt);
      expect(delivery.record).toMatchObject({ state: 'running', attempt: 1 });
      expect(delivery.record.runAt).toBeUndefined();
    });

    it("with a delay is due that long after its engine's now", async () => {
      const worker = stage().work();
      const { record } = await stage().add('a', { delay: 200 });
      expect(record).toMatchObject({ state: 'scheduled', runAt: record.createdAt + 200 });
      expect(record).not.toHaveProperty('delay');
      await stage().pass(200);
      const delivery = await worker.next();
      expect(delivery.record.updatedAt).toBeGreaterThanOrEqual(record.createdAt + 200);
      await stage().add('b', { delay: 0 });
      expect(await stage().record('b')).toMatchObject({ state: 'queued' });
    });

    it('knows in every run when it was due', async () => {
      const worker = stage().work();
      const runAt = stage().now() + 100;
      expect((await stage().add('a', { runAt })).record.dueAt).toBe(runAt);
      await stage().pass(100);
      const first = await worker.next();
      expect(first.record.dueAt).toBe(runAt);
      await stage().pass(30);
      await stage().engine.settle('a', first.run, { type: 'release' });
      const { dueAt, updatedAt } = await stage().record('a');
      expect(dueAt).toBe(updatedAt);
      expect(dueAt).toBeGreaterThanOrEqual(first.record.updatedAt + 20);
      worker.end(first);
      expect((await worker.next()).record.dueAt).toBe(dueAt);
    });

    it('runs at once when its time has passed', async () => {
      const { record } = await stage().add('a', { runAt: stage().now() - 1000 });
      expect(record.state).toBe('queued');
      expect(record.runAt).toBeUndefined();
      expect((await stage().work().next()).record.key).toBe('a');
    });

    it('is delivered in the order of due times, not of adding', async () => {
      const now = stage().now();
      await stage().add('late', { runAt: now + 400 });
      await stage().add('early', { runAt: now + 150 });
      await stage().add('at-once');
      const worker = stage().work();
      for (const key of ['at-once', 'early', 'late']) {
        await stage().pass(200);
        const delivery = await worker.next();
        expect(delivery.record.key).toBe(key);
        await worker.finish(delivery);
      }
    });

    it('may lie further ahead than a system timer reaches', async () => {
      const worker = stage().work();
      const runAt = stage().now() + 2 ** 32;
      await stage().add('a', { runAt });
      await stage().pass(50);
      await stage().quiet();
      expect(worker.begun).toEqual([]);
      expect(await stage().record('a')).toMatchObject({ state: 'scheduled', runAt });
    });
  });

  describe('the time to live', () => {
    it.each(['completed', 'failed', 'cancelled'] as const)('of a %s record is exact', async (state) => {
      const worker = stage().work();
      const delivery = await stage().begin('a', worker, { ttl: 300 });
      if (state === 'cancelled') await stage().engine.cancel('a');
      const outcome = state === 'failed' ? { error: { code: 1, message: 'no' } } : { result: 1 };
      await stage().engine.settle('a', delivery.run, { type: 'finish', outcome });
      worker.end(delivery);
      const { finishedAt } = await stage().record('a');
      const expiresAt = finishedAt! + 300;
      for (let at = stage().now(); ; at = stage().now()) {
        const record = await stage().engine.get('a');
        if (record === undefined) break;
        expect(record.state).toBe(state);
        expect(at).toBeLessThan(expiresAt);
        await stage().pass(10);
      }
      expect(stage().now()).toBeGreaterThanOrEqual(expiresAt);
      expect((await stage().engine.list({ owner: 'anna', limit: 10 })).records).toEqual([]);
      expect(await stage().engine.questions('a')).toEqual([]);
      expect(await stage().engine.cancel('a')).toBe('unknown');
      expect(await stage().engine.answer('a', 'q', { result: 1 })).toBe('unknown');
    });

    it('does not affect a live record, whatever its state', async () => {
      const worker = stage().work(2);
      const ttl = 50;
      const running = await stage().begin('running', worker, { ttl });
      const asking = await stage().begin('asking', worker, { ttl });
      await stage().engine.ask('asking', asking.run, aQuestion('q'));
      await stage().add('queued', { ttl });
      await stage().add('scheduled', { ttl, runAt: stage().now() + 60_000 });
      await stage().pass(300);
      for (const key of ['running', 'queued', 'scheduled']) expect((await stage().record(key)).state).toBe(key);
      expect(await stage().record('asking')).toMatchObject({ state: 'running', openQuestions: 1 });
      expect(await worker.finish(running)).toBe(true);
    });

    it('ends, and the key is free again', async () => {
      const worker = stage().work();
      await worker.finish(await stage().begin('a', worker, { ttl: 100 }));
      await stage().pass(150);
      await eventually(async () => expect(await stage().engine.get('a')).toBeUndefined());
      const { added, record } = await stage().add('a');
      expect(added).toBe(true);
      expect(record).toMatchObject({ state: 'queued', attempt: 0 });
      expect(record.outcome).toBeUndefined();
      expect((await worker.next()).record.attempt).toBe(1);
    });
  });
}
