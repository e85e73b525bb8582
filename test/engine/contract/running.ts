import { describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import type { Settlement } from '../../../src/docket/engine/engine.js';
import type { Stage } from './stage.js';
import { anExecution, aQuestion, expectEvents } from './stage.js';

const failure = { code: 'E_PARTS', message: 'out of parts' };

export function runningContract(stage: () => Stage): void {
  describe('a run', () => {
    it('is delivered with the attempt counted, and finishes with a result', async () => {
      const worker = stage().work();
      const delivery = await stage().begin('a', worker, { input: { n: 1 } });
      expect(delivery.record).toMatchObject({ key: 'a', state: 'running', attempt: 1, input: { n: 1 } });
      expect(delivery.run.length).toBeGreaterThanOrEqual(16);
      expect(await worker.finish(delivery, { pages: 3 })).toBe(true);
      const record = await stage().record('a');
      expect(record).toMatchObject({ state: 'completed', attempt: 1, outcome: { result: { pages: 3 } } });
      expect(record.finishedAt).toBe(record.updatedAt);
    });

    it('finishes with an error, or with no result at all', async () => {
      const worker = stage().work(2);
      const a = await stage().begin('a', worker);
      const b = await stage().begin('b', worker);
      await stage().engine.settle('a', a.run, { type: 'finish', outcome: { error: failure } });
      await stage().engine.settle('b', b.run, { type: 'finish', outcome: {} });
      expect(await stage().record('a')).toMatchObject({ state: 'failed', outcome: { error: failure } });
      expect(await stage().record('b')).toMatchObject({ state: 'completed', outcome: {} });
    });

    it.each(['finish', 'cancel'] as const)('has its input until its end by %s, when it is dropped', async (end) => {
      const worker = stage().work();
      const given = { input: { password: '1234' }, snapshot: { principal: 'anna' } };
      const first = await stage().begin('a', worker, given);
      worker.end(first);
      const second = await worker.next();
      expect(second.record).toMatchObject(given);
      const events = await stage().watch({ key: 'a' });
      if (end === 'finish') await worker.finish(second);
      else await stage().engine.cancel('a');
      await expectEvents(events, [end === 'finish' ? 'state completed' : 'state cancelled']);
      const { records } = await stage().engine.list({ owner: 'anna', limit: 1 });
      for (const record of [await stage().record('a'), records[0], events[0]?.record]) {
        expect(record?.key).toBe('a');
        for (const gone of ['input', 'snapshot'] as const) expect(record?.[gone]).toBeUndefined();
      }
    });

    it('has the whole of a large input each time it is delivered, and so has a caller that adds it again', async () => {
      const worker = stage().work();
      const input = 'x'.repeat(100_000);
      const { session: _, ...work } = anExecution('a');
      await stage().engine.add({ ...work, input });
      const first = await worker.next();
      expect(first.record.input).toBe(input);
      await stage().engine.progress('a', first.run, { current: 1 });
      expect((await stage().add('a')).record.input).toBe(input);
      await stage().engine.settle('a', first.run, { type: 'finish', outcome: { error: failure } });
      worker.end(first);
      expect((await stage().engine.retry('a')).record?.input).toBe(input);
      const second = await worker.next();
      expect(second.record.input).toBe(input);
      await worker.finish(second);
      expect((await stage().record('a')).input).toBeUndefined();
    });

    it('is delivered first in, first out', async () => {
      const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
      for (const key of keys) await stage().add(key);
      const worker = stage().work();
      for (const key of keys) {
        const delivery = await worker.next();
        expect(delivery.record.key).toBe(key);
        await worker.finish(delivery);
      }
    });

    it('starts beside others up to the concurrency of each worker', async () => {
      const [one, two] = [stage().work(3), stage().work(2)];
      for (let index = 0; index < 8; index++) await stage().add(`k${index}`);
      await eventually(() => expect(one.begun.length + two.begun.length).toBe(5));
      await stage().quiet();
      expect([one.begun.length, two.begun.length]).toEqual([3, 2]);
      const [first] = two.begun;
      await two.finish(first!);
      await eventually(() => expect(two.begun).toHaveLength(3));
      expect(one.begun).toHaveLength(3);
    });

    it('keeps its slot after the settlement until it has ended', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await stage().add('b');
      await stage().engine.settle('a', first.run, { type: 'finish', outcome: {} });
      await stage().quiet();
      expect(worker.begun).toHaveLength(1);
      worker.end(first);
      expect((await worker.next()).record.key).toBe('b');
    });

    it("stores progress by the engine's clock, never going back", async () => {
      const worker = stage().work();
      const { run, record } = await stage().begin('a', worker);
      await stage().pass(30);
      expect(await stage().engine.progress('a', run, { current: 0.5, total: 2, message: 'half' })).toBe(true);
      const later = await stage().record('a');
      expect(later.progress).toEqual({ current: 0.5, total: 2, message: 'half' });
      expect(later.updatedAt).toBeGreaterThanOrEqual(record.updatedAt + 20);
      expect(later.createdAt).toBe(record.createdAt);
    });
  });

  describe('a run that does not finish', () => {
    it('is retried after the delay', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      const before = stage().now();
      await stage().engine.settle('a', first.run, { type: 'retry', error: failure, delay: 200 });
      worker.end(first);
      const waiting = await stage().record('a');
      expect(waiting).toMatchObject({ state: 'scheduled', attempt: 1, redelivered: false });
      expect(Math.abs(waiting.runAt! - before - 200)).toBeLessThanOrEqual(50);
      expect(waiting.outcome).toBeUndefined();
      expect(waiting.lastError).toEqual(failure);
      await stage().pass(200);
      const second = await worker.next();
      expect(second.record.updatedAt).toBeGreaterThanOrEqual(waiting.runAt!);
      const { generation } = first.record;
      expect(second.record).toMatchObject({ state: 'running', attempt: 2, losses: 0, redelivered: false, generation });
      expect(second.record.lastError).toEqual(failure);
      expect(second.record.runAt).toBeUndefined();
      expect(second.run).not.toBe(first.run);
    });

    it('is retried at once without a delay, behind those already waiting', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await stage().add('b');
      await stage().engine.settle('a', first.run, { type: 'retry', error: failure, delay: 0 });
      expect((await stage().record('a')).state).toBe('queued');
      worker.end(first);
      const second = await worker.next();
      expect(second.record.key).toBe('b');
      await worker.finish(second);
      expect((await worker.next()).record).toMatchObject({ key: 'a', attempt: 2 });
    });

    it('is released without a delay: queued at once before younger ones, not counted, marked as redelivered', async () => {
      const leaving = stage().work();
      const first = await stage().begin('a', leaving);
      await leaving.consumer.stopIntake();
      // Either of two idle workers may take the next one.
      const staying = stage().work();
      const other = await stage().begin('other', staying);
      await stage().add('b');
      expect(await stage().engine.settle('a', first.run, { type: 'release' })).toBe(true);
      expect(await stage().record('a')).toMatchObject({ state: 'queued', attempt: 0, redelivered: true });
      leaving.end(first);
      await staying.finish(other);
      const again = await staying.next();
      const { generation } = first.record;
      expect(again.record).toMatchObject({ key: 'a', attempt: 1, losses: 0, redelivered: true, generation });
    });

    it('is released with a delay: scheduled, not counted, not marked', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await stage().engine.settle('a', first.run, { type: 'release', delay: 100 });
      worker.end(first);
      expect(await stage().record('a')).toMatchObject({ state: 'scheduled', attempt: 0, redelivered: false });
      await stage().pass(100);
      expect((await worker.next()).record).toMatchObject({ attempt: 1, losses: 0, redelivered: false });
    });

    it('is lost without a settlement: delivered again, marked, the attempt and the loss counted', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      worker.end(first);
      const second = await worker.next();
      expect(second.record).toMatchObject({ key: 'a', state: 'running', attempt: 2, losses: 1, redelivered: true });
      expect(second.run).not.toBe(first.run);
      expect(worker.revoked).toEqual([]);
      await worker.finish(second);
      expect(await stage().record('a')).toMatchObject({ state: 'completed', attempt: 2, redelivered: true });
    });
  });

  describe('the run token', () => {
    const interruptions: [string, Settlement][] = [
      ['retry', { type: 'retry', error: failure, delay: 0 }],
      ['release', { type: 'release' }],
      ['finish', { type: 'finish', outcome: { result: 'mine' } }],
    ];
    it.each(interruptions)('fences a run out after %s', async (_name, settlement) => {
      const worker = stage().work(2);
      const { run } = await stage().begin('a', worker);
      expect(await stage().engine.settle('a', run, settlement)).toBe(true);
      const { engine } = stage();
      const before = settlement.type === 'finish' ? undefined : await worker.next();
      expect(await engine.settle('a', run, { type: 'finish', outcome: { result: 'stale' } })).toBe(false);
      expect(await engine.settle('a', run, { type: 'release' })).toBe(false);
      expect(await engine.progress('a', run, { current: 1 })).toBe(false);
      expect(await engine.notify('a', run, { type: 'log', level: 'info', data: 'stale' })).toBe(false);
      expect(await engine.ask('a', run, aQuestion('q'))).toBeUndefined();
      const record = await stage().record('a');
      expect(record.progress).toBeUndefined();
      expect(record.openQuestions).toBe(0);
      if (before) expect(await worker.finish(before, 'newer')).toBe(true);
      expect((await stage().record('a')).outcome).toEqual({ result: before ? 'newer' : 'mine' });
    });

    it('of no run writes nothing', async () => {
      await stage().add('a');
      const { engine } = stage();
      expect(await engine.settle('a', 'nobody', { type: 'finish', outcome: {} })).toBe(false);
      expect(await engine.settle('unknown', 'nobody', { type: 'finish', outcome: {} })).toBe(false);
      expect(await engine.progress('unknown', 'nobody', { current: 1 })).toBe(false);
      expect(await engine.ask('unknown', 'nobody', aQuestion('q'))).toBeUndefined();
      expect(await stage().record('a')).toMatchObject({ state: 'queued' });
    });
  });
}
