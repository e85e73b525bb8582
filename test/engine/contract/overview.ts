import { describe, expect, it } from '@jest/globals';
import type { Settlement } from '../../../src/docket/engine/engine.js';
import { mostLookedAt, type BrowseQuery } from '../../../src/docket/engine/queries.js';
import type { ExecutionState } from '../../../src/docket/engine/record.js';
import { eventually } from '../../helpers/eventually.js';
import { aQuestion, anExecution, noTexts, type Stage } from './stage.js';

const failure = { type: 'finish', outcome: { error: { code: 'BROKEN', message: 'It broke' } } } as const;

export function overviewContract(stage: () => Stage): void {
  async function allPages(query: Omit<BrowseQuery, 'cursor'>): Promise<string[][]> {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await stage().engine.browse({ ...query, ...(cursor !== undefined && { cursor }) });
      pages.push(page.summaries.map(({ key }) => key));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return pages;
  }

  /** An execution that the program added. */
  const ofProgram = (key: string, options: object = {}) => {
    const { session: _none, ...execution } = { ...anExecution(key), ...options };
    return stage().engine.add(execution);
  };

  const counts = async (): Promise<Partial<Record<ExecutionState, number>>> => {
    const { states } = await stage().engine.stats();
    return Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0));
  };

  describe('browse', () => {
    it('lists the executions of all owners, tasks or not, the newest first and without their data', async () => {
      await stage().add('of anna', { input: { secret: 1 }, snapshot: { secret: 2 } });
      await stage().add('of ben', { owner: 'ben', runAt: stage().now() + 60_000 });
      await ofProgram('of the program');
      const { summaries, nextCursor } = await stage().engine.browse({ limit: 10 });
      expect(summaries.map(({ key }) => key)).toEqual(['of the program', 'of ben', 'of anna']);
      expect(nextCursor).toBeUndefined();
      const { input, snapshot, retry, timeout, ttl, dueAt, revision, ...rest } = await stage().record('of anna');
      expect(summaries[2]).toEqual(JSON.parse(JSON.stringify(rest)));
      expect(JSON.stringify(summaries)).not.toContain('secret');
    });

    it('shows isError of a result, and forgets it with its execution', async () => {
      const worker = stage().work();
      for (const key of ['wrong', 'right']) {
        const run = await stage().begin(key, worker);
        const mark = key === 'wrong' ? ({ isError: true } as const) : {};
        await stage().engine.settle(key, run.run, { type: 'finish', outcome: { result: {} }, ...mark });
        worker.end(run);
      }
      expect((await stage().record('wrong')).isError).toBe(true);
      const { summaries } = await stage().engine.browse({ limit: 10 });
      expect(summaries.map(({ key, state, isError }) => [key, state, isError])).toEqual([
        ['right', 'completed', undefined],
        ['wrong', 'completed', true],
      ]);
      await stage().add('wrong');
      expect((await stage().record('wrong')).isError).toBeUndefined();
    });

    it('[D8] finds what has failed, also what has failed only for its client, page by page', async () => {
      const worker = stage().work();
      const end = async (key: string, settlement: Settlement): Promise<void> => {
        const delivery = await stage().begin(key, worker, { component: key.slice(0, 5) });
        await stage().engine.settle(key, delivery.run, settlement);
        worker.end(delivery);
      };
      for (const round of [1, 2]) {
        await end(`right${round}`, { type: 'finish', outcome: { result: 1 } });
        await end(`wrong${round}`, { type: 'finish', outcome: { result: 2 }, isError: true });
        await end(`break${round}`, failure);
      }
      await stage().add('waiting');
      const inPages = await allPages({ failed: true, limit: 3 });
      expect(inPages.flat()).toEqual(['break2', 'wrong2', 'break1', 'wrong1']);
      expect(inPages[0]).toHaveLength(3);
      expect((await allPages({ failed: true, component: 'wrong', limit: 10 })).flat()).toEqual(['wrong2', 'wrong1']);
      expect((await allPages({ state: 'failed', limit: 10 })).flat()).toEqual(['break2', 'break1']);
    });

    it('keeps the order of adding, whatever their state', async () => {
      const worker = stage().work(2);
      const first = await stage().begin('a', worker);
      await stage().begin('b', worker);
      await stage().add('c');
      await stage().add('d', { runAt: stage().now() + 60_000 });
      await stage().engine.cancel('c');
      await worker.finish(first);
      expect(await allPages({ limit: 3 })).toEqual([['d', 'c', 'b'], ['a']]);
      expect(await allPages({ limit: 4 })).toEqual([['d', 'c', 'b', 'a']]);
      // Added again, it is listed once, as new.
      await stage().add('a');
      expect(await allPages({ limit: 2 })).toEqual([
        ['a', 'd'],
        ['c', 'b'],
      ]);
    });

    it('filters by state and by component', async () => {
      const worker = stage().work();
      const run = await stage().begin('running', worker, { component: 'other' });
      for (const key of ['q1', 'q2', 'q3']) await stage().add(key);
      await stage().add('later', { component: 'other', runAt: stage().now() + 60_000 });
      await stage().engine.cancel('q2');
      expect((await allPages({ limit: 10, state: 'queued' })).flat()).toEqual(['q3', 'q1']);
      expect((await allPages({ limit: 1, state: 'queued' })).flat()).toEqual(['q3', 'q1']);
      expect((await allPages({ limit: 10, state: 'scheduled' })).flat()).toEqual(['later']);
      expect((await allPages({ limit: 10, state: 'cancelled' })).flat()).toEqual(['q2']);
      expect((await allPages({ limit: 1, component: 'other' })).flat()).toEqual(['later', 'running']);
      expect((await allPages({ limit: 10, component: 'other', state: 'running' })).flat()).toEqual(['running']);
      expect((await allPages({ limit: 10, component: 'none' })).flat()).toEqual([]);
      await worker.finish(run);
      expect((await allPages({ limit: 10, state: 'running' })).flat()).toEqual([]);
      expect((await allPages({ limit: 10, state: 'completed' })).flat()).toEqual(['running']);
    });

    it('examines a bounded number of records per page, and continues where it stopped', async () => {
      await stage().add('rare', { component: 'rare' });
      for (let index = 0; index < mostLookedAt; index++) await stage().add(`k${index}`);
      const first = await stage().engine.browse({ limit: 10, component: 'rare' });
      expect(first).toEqual({ summaries: [], nextCursor: expect.any(String) });
      const second = await stage().engine.browse({ limit: 10, component: 'rare', cursor: first.nextCursor! });
      expect(second.summaries.map(({ key }) => key)).toEqual(['rare']);
      expect(second.nextCursor).toBeUndefined();
    });

    it('continues correctly when executions come, change and expire in between', async () => {
      for (const key of ['a', 'b', 'c', 'd', 'e']) await stage().add(key, { ttl: 100 });
      const first = await stage().engine.browse({ limit: 2 });
      expect(first.summaries.map(({ key }) => key)).toEqual(['e', 'd']);
      await stage().engine.cancel('d');
      await stage().engine.cancel('c');
      await stage().pass(150);
      await eventually(async () => expect(await stage().engine.get('c')).toBeUndefined());
      await stage().add('f');
      const second = await stage().engine.browse({ limit: 2, cursor: first.nextCursor! });
      expect(second.summaries.map(({ key }) => key)).toEqual(['b', 'a']);
      expect((await allPages({ limit: 10 })).flat()).toEqual(['f', 'e', 'b', 'a']);
    });

    it('refuses a foreign cursor', async () => {
      for (const cursor of ['x', ...noTexts]) {
        await expect(stage().engine.browse({ limit: 1, cursor })).rejects.toMatchObject({
          code: 'CURSOR_INVALID',
          message: expect.stringContaining('is not from this docket'),
        });
      }
    });
  });

  describe('stats', () => {
    it('counts the executions in each state through every transition', async () => {
      expect(await counts()).toEqual({});
      const worker = stage().work();
      const run = await stage().begin('a', worker);
      await stage().add('b', { ttl: 100 });
      await stage().add('c', { runAt: stage().now() + 60_000 });
      expect(await counts()).toEqual({ scheduled: 1, queued: 1, running: 1 });
      await stage().engine.settle('a', run.run, { type: 'retry', error: { code: 1, message: 'no' }, delay: 60_000 });
      worker.end(run);
      const second = await worker.next();
      expect(await counts()).toEqual({ scheduled: 2, running: 1 });
      await stage().engine.settle('b', second.run, { type: 'finish', outcome: { result: 1 } });
      worker.end(second);
      await stage().engine.cancel('c');
      expect(await counts()).toEqual({ scheduled: 1, completed: 1, cancelled: 1 });
      await stage().pass(150);
      await eventually(async () => expect(await counts()).toEqual({ scheduled: 1, cancelled: 1 }));
      await stage().add('c');
      expect((await worker.next()).record.key).toBe('c');
      expect(await counts()).toEqual({ scheduled: 1, running: 1 });
    });

    it('counts an interrupted execution as queued', async () => {
      const worker = stage().work();
      const lost = await stage().begin('a', worker);
      await worker.consumer.stopIntake();
      worker.end(lost);
      await eventually(async () => expect(await counts()).toEqual({ queued: 1 }));
    });

    it('counts the questions without an answer', async () => {
      const worker = stage().work(2);
      const a = await stage().begin('a', worker);
      const b = await stage().begin('b', worker);
      for (const name of ['q1', 'q2', 'q3']) await stage().engine.ask('a', a.run, aQuestion(name));
      await stage().engine.ask('a', a.run, aQuestion('q1'));
      await stage().engine.ask('b', b.run, aQuestion('q1', 50));
      expect((await stage().engine.stats()).openQuestions).toBe(4);
      await stage().engine.answer('a', 'q1', { result: 1 });
      await stage().pass(100);
      await eventually(async () => expect((await stage().engine.stats()).openQuestions).toBe(2));
      await stage().engine.cancel('a');
      expect((await stage().engine.stats()).openQuestions).toBe(0);
    });

    it('reports how long an execution has waited for a worker', async () => {
      await stage().add('later', { runAt: stage().now() + 60_000 });
      expect(await stage().engine.stats()).not.toHaveProperty('oldestWaiting');
      await stage().add('old');
      await stage().pass(300);
      await stage().add('new');
      const waiting = (await stage().engine.stats()).oldestWaiting;
      expect(waiting).toBeGreaterThanOrEqual(290);
      expect(waiting).toBeLessThan(5_000);
      await stage().engine.cancel('old');
      expect((await stage().engine.stats()).oldestWaiting).toBeLessThan(290);
    });
  });

  describe('workers', () => {
    it('are listed while they live, with their load', async () => {
      expect(await stage().engine.workers()).toEqual([]);
      const worker = stage().work(3);
      const told = await eventually(async () => {
        const all = await stage().engine.workers();
        expect(all).toHaveLength(1);
        return all[0]!;
      });
      expect(told).toMatchObject({ name: 'worker', concurrency: 3, components: [], pid: process.pid });
      expect(Math.abs(told.startedAt.getTime() - stage().now())).toBeLessThan(10_000);
      expect((await stage().engine.stats()).workers).toBe(1);
      const consumer = stage().engine.consume(
        { worker: 'second', concurrency: 1, version: '2.0.0', components: ['report'] },
        { run: () => Promise.resolve(), revoke: () => undefined },
      );
      await eventually(async () => {
        const [, second] = await stage().engine.workers();
        expect(second).toMatchObject({ name: 'second', version: '2.0.0', components: ['report'] });
      });
      await consumer.stopIntake();
      await eventually(async () => {
        expect((await stage().engine.workers()).map(({ name }) => name)).toEqual(['worker']);
      });
      await worker.stop();
      await eventually(async () => expect(await stage().engine.workers()).toEqual([]));
      expect((await stage().engine.stats()).workers).toBe(0);
    });
  });

  describe('retry', () => {
    it('runs a failed execution again from its input, as a new generation', async () => {
      const worker = stage().work();
      await ofProgram('a', { input: { n: [] }, snapshot: { who: 'anna' } });
      const first = await worker.next();
      await stage().engine.progress('a', first.run, { current: 1 });
      await stage().engine.ask('a', first.run, aQuestion('q1'));
      await stage().engine.answer('a', 'q1', { result: 'yes' });
      await stage().engine.settle('a', first.run, failure);
      worker.end(first);
      const events = await stage().watch({ key: 'a' });
      const again = await stage().engine.retry('a');
      expect(again).toMatchObject({ retried: true, record: { state: 'queued', attempt: 0 } });
      expect(again.record?.generation).toBeGreaterThan(first.record.generation);
      for (const gone of ['outcome', 'progress', 'finishedAt']) {
        expect(again.record).not.toHaveProperty(gone, expect.anything());
      }
      const second = await worker.next();
      expect(second.record).toMatchObject({
        input: { n: [] },
        snapshot: { who: 'anna' },
        attempt: 1,
        redelivered: false,
      });
      expect(await stage().engine.questions('a')).toEqual([]);
      expect(await stage().engine.settle('a', first.run, failure)).toBe(false);
      await worker.finish(second, 'done');
      await eventually(() => expect(events.at(-1)?.record).toMatchObject({ state: 'completed' }));
      expect(await stage().record('a')).toMatchObject({ state: 'completed', outcome: { result: 'done' } });
      expect(await counts()).toEqual({ completed: 1 });
      expect(await stage().record('a')).not.toHaveProperty('input', expect.anything());
    });

    it('keeps it as long as it is alive, even beyond the expiry of its failed record', async () => {
      const worker = stage().work();
      await ofProgram('a', { ttl: 300 });
      const first = await worker.next();
      await stage().engine.settle('a', first.run, failure);
      worker.end(first);
      await stage().engine.retry('a');
      const second = await worker.next();
      await stage().pass(500);
      expect((await stage().record('a')).state).toBe('running');
      expect(await counts()).toEqual({ running: 1 });
      await worker.finish(second);
    });

    it('leaves alone tasks of clients, and executions that have not failed', async () => {
      const worker = stage().work();
      const task = await stage().begin('task', worker, { input: 1, snapshot: 2 });
      await stage().engine.settle('task', task.run, failure);
      worker.end(task);
      const record = await stage().record('task');
      expect(await stage().engine.retry('task')).toEqual({ retried: false, record });
      // A failed task stays failed, so there is no need to keep its input.
      for (const gone of ['input', 'snapshot']) expect(record).not.toHaveProperty(gone, expect.anything());
      await ofProgram('fine', { input: 1 });
      const fine = await worker.next();
      expect(await stage().engine.retry('fine')).toMatchObject({ retried: false, record: { state: 'running' } });
      await worker.finish(fine);
      expect(await stage().engine.retry('fine')).toMatchObject({ retried: false, record: { state: 'completed' } });
      expect(await stage().engine.retry('unknown')).toEqual({ retried: false });
    });

    it('happens once, however many request it at once', async () => {
      const worker = stage().work();
      await ofProgram('a');
      const first = await worker.next();
      await stage().engine.settle('a', first.run, failure);
      worker.end(first);
      const all = await Promise.all(Array.from({ length: 5 }, () => stage().engine.retry('a')));
      expect(all.filter(({ retried }) => retried)).toHaveLength(1);
      await worker.next();
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
    });
  });
}
