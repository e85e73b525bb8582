import { describe, expect, it } from '@jest/globals';
import type { Addition, NewExecution } from '../../../src/docket/engine/engine.js';
import { eventually } from '../../helpers/eventually.js';
import { anExecution, aQuestion, expectEvents, type Stage } from './stage.js';

/** An execution that the program adds: it has no session. */
function work(key: string, options: Partial<NewExecution> = {}): NewExecution {
  const { session: _, ...execution } = anExecution(key);
  return { ...execution, ...options };
}

export function replacingContract(stage: () => Stage): void {
  const replace = (key: string, options: Partial<NewExecution> = {}): Promise<Addition> =>
    stage().engine.replace(work(key, options));

  describe('replace', () => {
    it('adds if no live execution has the key', async () => {
      const worker = stage().work();
      const first = await replace('a', { input: 1 });
      expect(first).toMatchObject({ added: true, record: { state: 'queued', attempt: 0 } });
      await worker.finish(await worker.next());
      const second = await replace('a', { input: 2 });
      expect(second).toMatchObject({ added: true, record: { state: 'queued', attempt: 0 } });
      const { generation } = second.record;
      expect(generation).toBeGreaterThan(first.record.generation);
      expect((await worker.next()).record).toMatchObject({ input: 2, generation, attempt: 1 });
    });

    it('replaces a queued execution, which never runs', async () => {
      const old = await stage().engine.add(work('a', { input: 'old', priority: 3 }));
      await stage().engine.add(work('b'));
      const events = await stage().watch({ key: 'a' });
      const { added, record } = await replace('a', { input: 'new' });
      expect(added).toBe(true);
      expect(record).toMatchObject({ state: 'queued', attempt: 0, input: 'new' });
      expect(record.generation).toBeGreaterThan(old.record.generation);
      expect(record.priority ?? 0).toBe(0);
      await expectEvents(events, ['state queued']);
      expect(events[0]?.record.generation).toBe(record.generation);
      const worker = stage().work();
      const next = [await worker.next()];
      await worker.finish(next[0]!);
      next.push(await worker.next());
      await worker.finish(next[1]!);
      // It is new, and goes behind those that were already waiting.
      expect(next.map(({ record: { key, input } }) => [key, input])).toEqual([
        ['b', undefined],
        ['a', 'new'],
      ]);
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
    });

    it('moves a scheduled execution to another time, earlier or later', async () => {
      const worker = stage().work();
      await stage().engine.add(work('a', { runAt: stage().now() + 3_600_000 }));
      const { record } = await replace('a', { runAt: stage().now() + 100 });
      expect(record.state).toBe('scheduled');
      await stage().engine.add(work('b', { runAt: stage().now() + 50 }));
      const later = stage().now() + 3_600_000;
      expect((await replace('b', { runAt: later })).record).toMatchObject({ state: 'scheduled', runAt: later });
      await stage().pass(150);
      const delivery = await worker.next();
      expect(delivery.record).toMatchObject({ key: 'a', generation: record.generation });
      await worker.finish(delivery);
      expect(await stage().record('b')).toMatchObject({ state: 'scheduled' });
      await replace('b');
      await worker.finish(await worker.next());
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
    });

    it('revokes a run under way, which can no longer write', async () => {
      const worker = stage().work(2);
      await stage().engine.add(work('a', { input: 'old' }));
      const old = await worker.next();
      const { engine } = stage();
      await engine.progress('a', old.run, { current: 7 });
      await engine.ask('a', old.run, aQuestion('answered'));
      await engine.answer('a', 'answered', { result: 'yes' });
      await engine.ask('a', old.run, aQuestion('open'));
      const events = await stage().watch({ key: 'a' });
      const { added, record } = await replace('a', { input: 'new' });
      expect(added).toBe(true);
      expect(record).toMatchObject({ attempt: 0, redelivered: false, openQuestions: 0, input: 'new' });
      const { generation } = record;
      expect(generation).toBeGreaterThan(old.record.generation);
      expect(record.progress).toBeUndefined();
      await eventually(() => expect(worker.revoked).toEqual([{ run: old.run, why: 'replaced' }]));
      await expectEvents(events, ['closed open', 'state queued', 'state running']);
      expect(events.map((event) => [event.record.generation, event.record.openQuestions])).toEqual([
        [old.record.generation, 0],
        [generation, 0],
        [generation, 0],
      ]);
      expect(await engine.settle('a', old.run, { type: 'finish', outcome: { result: 'stale' } })).toBe(false);
      expect(await engine.settle('a', old.run, { type: 'release' })).toBe(false);
      expect(await engine.progress('a', old.run, { current: 8 })).toBe(false);
      expect(await engine.ask('a', old.run, aQuestion('more'))).toBeUndefined();
      expect(await engine.questions('a')).toEqual([]);
      expect(await engine.answer('a', 'open', { result: 'late' })).toBe('unknown');
      worker.end(old);
      const next = await worker.next();
      expect(next.record).toMatchObject({ generation, attempt: 1, input: 'new' });
      expect(await worker.finish(next, 'done')).toBe(true);
      expect(await stage().record('a')).toMatchObject({ state: 'completed', outcome: { result: 'done' } });
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
    });

    it('does not let a question deadline of the older one affect the new one', async () => {
      const worker = stage().work();
      await stage().engine.add(work('a'));
      const old = await worker.next();
      await stage().engine.ask('a', old.run, aQuestion('q', 150));
      await replace('a');
      worker.end(old);
      const next = await worker.next();
      await stage().engine.ask('a', next.run, aQuestion('q', 3_600_000));
      await stage().pass(300);
      expect((await stage().engine.questions('a')).map(({ answer }) => answer)).toEqual([undefined]);
      expect(await stage().record('a')).toMatchObject({ openQuestions: 1, state: 'running' });
    });

    it('leaves executions of another component or owner, and tasks of clients', async () => {
      await stage().engine.add(work('job', { input: 1 }));
      await stage().add('task', { input: 1 });
      const before = [await stage().record('job'), await stage().record('task')];
      expect(await replace('job', { component: 'other' })).toEqual({ added: false, record: before[0] });
      expect(await replace('job', { owner: 'ben' })).toEqual({ added: false, record: before[0] });
      expect(await replace('task')).toEqual({ added: false, record: before[1] });
      expect([await stage().record('job'), await stage().record('task')]).toEqual(before);
    });

    it('of an ended task removes it from the list of its owner', async () => {
      await stage().add('a');
      await stage().engine.cancel('a');
      expect((await replace('a')).added).toBe(true);
      expect((await stage().engine.list({ owner: 'anna', limit: 10 })).records).toEqual([]);
    });

    it('many times at once leaves one execution, the last generation, which runs once', async () => {
      const worker = stage().work(1);
      const results = await Promise.all(Array.from({ length: 20 }, (_, input) => replace('a', { input })));
      expect(results.every(({ added }) => added)).toBe(true);
      const generations = results.map(({ record }) => record.generation);
      expect(new Set(generations).size).toBe(20);
      const last = results.find(({ record }) => record.generation === Math.max(...generations))!.record;
      // Earlier ones may have begun in between. The last one does begin, and none after it.
      await eventually(() => {
        for (const delivery of worker.begun.slice(0, -1)) worker.end(delivery);
        expect(worker.begun.at(-1)?.record).toMatchObject({ generation: last.generation, input: last.input! });
      });
      await stage().quiet();
      expect(worker.begun.filter(({ record }) => record.generation === last.generation)).toHaveLength(1);
      expect(worker.revoked).toHaveLength(worker.begun.length - 1);
      expect(await worker.finish(worker.begun.at(-1)!)).toBe(true);
    });

    const rivals: [string, (run: string) => Promise<unknown>, unknown][] = [
      ['finish', (run) => stage().engine.settle('a', run, { type: 'finish', outcome: { result: 'old' } }), true],
      ['cancel', () => stage().engine.cancel('a'), 'cancelled'],
      ['release', (run) => stage().engine.settle('a', run, { type: 'release' }), true],
    ];
    it.each(rivals)('racing a %s is atomic, in either order', async (_name, rival, won) => {
      for (const replaceFirst of [true, false]) {
        const worker = stage().work(1);
        await stage().engine.replace(work('a', { input: 'old' }));
        const old = await worker.next();
        const steps = [() => replace('a', { input: 'new' }), () => rival(old.run)];
        if (!replaceFirst) steps.reverse();
        const results = await Promise.all(steps.map((step) => step()));
        worker.end(old);
        const settlement = results[replaceFirst ? 1 : 0];
        const cancelledTheNew = replaceFirst && won === 'cancelled';
        expect(settlement).toEqual(replaceFirst && won === true ? false : won);
        if (cancelledTheNew) {
          expect(await stage().record('a')).toMatchObject({ state: 'cancelled' });
          await worker.stop();
          continue;
        }
        const next = await eventually(() => {
          const found = worker.begun.find(({ record }) => record.input === 'new');
          if (!found) throw new Error('The new one has not begun');
          return found;
        });
        expect(await worker.finish(next, 'new')).toBe(true);
        expect(await stage().record('a')).toMatchObject({ state: 'completed', outcome: { result: 'new' } });
        await worker.stop();
      }
    });
  });
}
