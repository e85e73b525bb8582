import { describe, expect, it } from '@jest/globals';
import type { Stage } from './stage.js';

export function addingContract(stage: () => Stage): void {
  describe('add', () => {
    it('stores a record that is queued at once', async () => {
      const before = stage().now();
      const { added, record } = await stage().add('a', {
        input: { quarter: 'Q3' },
        session: 's',
        snapshot: { principal: 'anna' },
      });
      expect(added).toBe(true);
      expect(record).toMatchObject({
        key: 'a',
        component: 'report',
        owner: 'anna',
        session: 's',
        input: { quarter: 'Q3' },
        snapshot: { principal: 'anna' },
        retry: { attempts: 1, delay: 0, backoff: 'fixed', maximumDelay: 0 },
        timeout: 60_000,
        ttl: 60_000,
        state: 'queued',
        openQuestions: 0,
        attempt: 0,
        losses: 0,
        redelivered: false,
      });
      expect(record.generation).toBeGreaterThan(0);
      expect(record.createdAt).toBeGreaterThanOrEqual(before - 50);
      expect(record.createdAt).toBeLessThanOrEqual(stage().now() + 50);
      expect(record.updatedAt).toBe(record.createdAt);
      for (const absent of ['runAt', 'finishedAt', 'progress', 'outcome', 'reason', 'lastError'] as const) {
        expect(record[absent]).toBeUndefined();
      }
      expect(await stage().engine.get('a')).toEqual(record);
    });

    it('knows nothing of a key that was not added', async () => {
      expect(await stage().engine.get('nobody')).toBeUndefined();
    });

    it('returns the live execution with the key, unchanged', async () => {
      const first = await stage().add('a', { input: 1 });
      const again = await stage().add('a', { input: 2, owner: 'ben' });
      expect(again).toEqual({ added: false, record: first.record });
      const worker = stage().work();
      await worker.next();
      const running = await stage().add('a', { input: 3 });
      expect(running).toMatchObject({ added: false, record: { state: 'running', input: 1 } });
      await stage().quiet();
      expect(worker.begun).toHaveLength(1);
    });

    it('of the same key many times at once adds once', async () => {
      const results = await Promise.all(Array.from({ length: 20 }, (_, input) => stage().add('a', { input })));
      const winners = results.filter((result) => result.added);
      expect(winners).toHaveLength(1);
      for (const { record } of results) expect(record.input).toBe(winners[0]?.record.input);
    });

    it('replaces an ended execution with the next generation', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker, { input: 1 });
      await stage().engine.progress('a', first.run, { current: 3 });
      await worker.finish(first, 'done');
      const { added, record } = await stage().add('a', { input: 2, owner: 'ben' });
      expect(added).toBe(true);
      expect(record).toMatchObject({ state: 'queued', attempt: 0, input: 2, owner: 'ben' });
      expect(record.generation).toBeGreaterThan(first.record.generation);
      for (const absent of ['finishedAt', 'progress', 'outcome'] as const) expect(record[absent]).toBeUndefined();
      const second = await worker.next();
      expect(second.record).toMatchObject({ generation: record.generation, attempt: 1, input: 2 });
      expect(await stage().engine.settle('a', first.run, { type: 'finish', outcome: { result: 'late' } })).toBe(false);
      expect(await stage().record('a')).toMatchObject({ state: 'running' });
      expect((await stage().engine.list({ owner: 'anna', limit: 10 })).records).toEqual([]);
      expect((await stage().engine.list({ owner: 'ben', limit: 10 })).records).toHaveLength(1);
    });

    it('replaces a cancelled execution, whose time to live does not affect the new one', async () => {
      const { record: first } = await stage().add('a', { ttl: 200 });
      await stage().engine.cancel('a', 'no longer needed');
      const { record } = await stage().add('a', { ttl: 200 });
      expect(record.state).toBe('queued');
      expect(record.generation).toBeGreaterThan(first.generation);
      expect(record.reason).toBeUndefined();
      await stage().pass(400);
      expect(await stage().record('a')).toMatchObject({ state: 'queued', generation: record.generation });
    });

    it('distinguishes an execution from an earlier one with its key whose record has expired', async () => {
      const { record: first } = await stage().add('a', { ttl: 100 });
      await stage().engine.cancel('a');
      await stage().pass(150);
      expect(await stage().engine.get('a')).toBeUndefined();
      expect((await stage().add('a')).record.generation).toBeGreaterThan(first.generation);
    });

    it('returns copies: changing them changes nothing that is stored', async () => {
      const worker = stage().work();
      const first = await stage().begin('a', worker, { input: { parts: ['x', 'y'] } });
      (first.record.input as { parts: string[] }).parts.length = 0;
      expect((await stage().record('a')).input).toEqual({ parts: ['x', 'y'] });
      const progress = { current: 1, total: 2 };
      await stage().engine.progress('a', first.run, progress);
      progress.current = 3;
      ((await stage().record('a')).progress as { current: number }).current = 4;
      expect((await stage().record('a')).progress).toEqual({ current: 1, total: 2 });
      await stage().engine.settle('a', first.run, { type: 'retry', error: { code: 'E', message: '' }, delay: 0 });
      worker.end(first);
      expect((await worker.next()).record.input).toEqual({ parts: ['x', 'y'] });
      ((await stage().record('a')).lastError as { message: string }).message = 'changed';
      expect((await stage().record('a')).lastError).toEqual({ code: 'E', message: '' });
    });
  });
}
