import { describe, expect, it } from '@jest/globals';
import type { NewExecution } from '../../../src/docket/engine/engine.js';
import type { ExecutionRecord } from '../../../src/docket/engine/record.js';
import { eventually } from '../../helpers/eventually.js';
import { rejection } from '../../helpers/raw-calls.js';
import { anExecution, aQuestion, waysBack, type Stage } from './stage.js';

export function limitsContract(stage: () => Stage): void {
  const add = (
    key: string,
    limit: number,
    options: Partial<NewExecution> = {},
  ): Promise<{ added: boolean; record: ExecutionRecord }> =>
    stage().engine.add({ ...anExecution(key), ...options }, { owner: limit });

  /** The number of open tasks of an owner, which only a refusal reveals. */
  const openTasks = async (owner: string): Promise<unknown> =>
    ((await rejection(add('never added', 0, { owner }))).data as { open: number }).open;

  describe('the limit of open tasks', () => {
    it('allows an owner that many, and names itself when it refuses the next one', async () => {
      for (const key of ['a', 'b', 'c']) expect(await add(key, 3)).toMatchObject({ added: true });
      expect(await rejection(add('d', 3))).toMatchObject({
        code: 'TASK_LIMIT',
        exposed: true,
        data: { limit: 3, open: 3 },
      });
      expect(await stage().engine.get('d')).toBeUndefined();
      const { records } = await stage().engine.list({ owner: 'anna', limit: 10 });
      expect(records.map(({ key }) => key)).toEqual(['c', 'b', 'a']);
      // A limit below the open tasks, as after a restart with other options.
      expect(await rejection(add('d', 1))).toMatchObject({ data: { limit: 1, open: 3 } });
    });

    it('applies per owner, and to tasks only', async () => {
      await add('a', 1);
      expect((await add('b', 1, { owner: 'ben' })).added).toBe(true);
      for (const key of ['c', 'd']) await stage().engine.add(withoutSession(key));
      expect(await openTasks('anna')).toBe(1);
      expect(await openTasks('ben')).toBe(1);
      expect(await openTasks('carl')).toBe(0);
    });

    it('[B5] applies per client and per session as well, and says which one it is', async () => {
      const from = (client: string, session: string): Partial<NewExecution> => ({ client, session });
      const limits = { owner: 10, client: 2, session: 3 };
      const addFrom = (key: string, client: string, session: string) =>
        stage().engine.add({ ...anExecution(key), ...from(client, session) }, limits);
      const worker = stage().work(1);
      await addFrom('a', 'near', 's1');
      const first = await worker.next();
      await addFrom('b', 'near', 's1');
      expect(await rejection(addFrom('c', 'near', 's2'))).toMatchObject({
        code: 'TASK_LIMIT',
        message: expect.stringContaining('http.limits.perAddress.tasks allows 2'),
        data: { limit: 2, open: 2 },
      });
      expect((await addFrom('c', 'far', 's1')).record.client).toBe('far');
      expect((await stage().record('c')).client).toBe('far');
      expect(await rejection(addFrom('d', 'far', 's1'))).toMatchObject({
        message: expect.stringContaining('http.limits.perSession.tasks allows 3'),
      });
      await worker.finish(first);
      expect((await addFrom('d', 'near', 's1')).added).toBe(true);
      // A client that is known by its principal alone is counted as that.
      for (const key of ['e', 'f', 'g']) expect((await addFrom(key, 'anna', 's3')).added).toBe(true);
    });

    it('is exact for many concurrent adds', async () => {
      const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => add(`k${index}`, 7)));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
      expect(await openTasks('anna')).toBe(7);
    });

    it('counts an execution once, from its add to its end', async () => {
      const worker = stage().work(4);
      const done = await stage().begin('done', worker);
      const failed = await stage().begin('failed', worker);
      const cancelled = await stage().begin('cancelled', worker);
      const scheduled = { runAt: stage().now() + 60_000 };
      await stage().add('scheduled', scheduled);
      expect(await openTasks('anna')).toBe(4);

      await worker.finish(done);
      expect(await worker.finish(done)).toBe(false);
      expect(await openTasks('anna')).toBe(3);
      const outcome = { error: { code: 1, message: 'no' } };
      await stage().engine.settle('failed', failed.run, { type: 'finish', outcome });
      expect(await openTasks('anna')).toBe(2);
      await stage().engine.cancel('cancelled');
      await worker.finish(cancelled);
      await stage().engine.cancel('cancelled');
      expect(await openTasks('anna')).toBe(1);
      await stage().engine.cancel('scheduled');
      expect(await openTasks('anna')).toBe(0);
    });

    it.each([...waysBack(20), ['loss', undefined] as const])('is unaffected by a %s', async (_how, settlement) => {
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      if (settlement) await stage().engine.settle('a', first.run, settlement);
      worker.end(first);
      expect(await openTasks('anna')).toBe(1);
      await stage().pass(30);
      const second = await worker.next();
      expect(await openTasks('anna')).toBe(1);
      await worker.finish(second);
      expect(await openTasks('anna')).toBe(0);
    });

    it('is unaffected by the expiry of ended records', async () => {
      await stage().add('kept');
      await stage().add('ended', { ttl: 30 });
      await stage().engine.cancel('ended');
      await stage().pass(60);
      await eventually(async () => expect(await stage().engine.get('ended')).toBeUndefined());
      expect(await openTasks('anna')).toBe(1);
    });

    it('still returns the live execution with a key when there is no room', async () => {
      await add('a', 1);
      expect(await add('a', 1)).toMatchObject({ added: false, record: { key: 'a' } });
      expect(await openTasks('anna')).toBe(1);
    });

    it('keeps an ended execution if it refuses its successor, and counts the successor otherwise', async () => {
      const { record: first } = await add('a', 2);
      await stage().engine.cancel('a', 'the old one');
      await add('b', 2);
      expect((await rejection(add('a', 1))).code).toBe('TASK_LIMIT');
      const { generation } = first;
      expect(await stage().record('a')).toMatchObject({ generation, state: 'cancelled', reason: 'the old one' });
      expect(await add('a', 2)).toMatchObject({ added: true });
      expect(await openTasks('anna')).toBe(2);
      await stage().engine.cancel('a');
      expect(await add('a', 2, { owner: 'ben' })).toMatchObject({ added: true });
      expect([await openTasks('anna'), await openTasks('ben')]).toEqual([1, 1]);
    });
  });

  describe('the limit of questions', () => {
    it('counts answered ones, and always finds a known one', async () => {
      const { engine } = stage();
      const { run } = await stage().begin('a', stage().work());
      await engine.ask('a', run, aQuestion('q1'), 2);
      await engine.answer('a', 'q1', { result: 'one' });
      await engine.ask('a', run, aQuestion('q2'), 2);
      expect(await rejection(engine.ask('a', run, aQuestion('q3'), 2))).toMatchObject({
        code: 'QUESTION_LIMIT',
        exposed: true,
      });
      expect((await engine.questions('a')).map(({ key }) => key)).toEqual(['q1', 'q2']);
      expect(await stage().record('a')).toMatchObject({ state: 'running', openQuestions: 1 });
      expect(await engine.ask('a', run, aQuestion('q1'), 2)).toMatchObject({ answer: { result: 'one' } });
      expect(await engine.ask('a', run, aQuestion('q2'), 2)).toMatchObject({ key: 'q2' });
    });

    it('counts all runs of an execution together, and starts anew for the next one with its key', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await engine.ask('a', first.run, aQuestion('q1'), 1);
      worker.end(first);
      const second = await worker.next();
      expect((await rejection(engine.ask('a', second.run, aQuestion('q2'), 1))).code).toBe('QUESTION_LIMIT');
      await worker.finish(second);
      const next = await stage().begin('a', worker);
      expect(await engine.ask('a', next.run, aQuestion('q2'), 1)).toMatchObject({ key: 'q2' });
    });

    it('is not reported to a run that has lost its execution', async () => {
      const { engine } = stage();
      const { run } = await stage().begin('a', stage().work());
      await engine.cancel('a');
      expect(await engine.ask('a', run, aQuestion('q'), 0)).toBeUndefined();
    });
  });
}

/** An execution that the program added. */
function withoutSession(key: string): NewExecution {
  const { session: _, ...execution } = anExecution(key);
  return execution;
}
