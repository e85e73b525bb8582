import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../../src/docket/engine/engine.js';
import { eventually } from '../../helpers/eventually.js';
import type { Stage } from './stage.js';
import { aQuestion, expectEvents, inShort, waysBack } from './stage.js';

export function questionsContract(stage: () => Stage): void {
  describe('a question', () => {
    it('is opened, counted and answered', async () => {
      const { engine } = stage();
      const { run } = await stage().begin('a', stage().work());
      const events = await stage().watch({ key: 'a' });
      const asked = await engine.ask('a', run, aQuestion('q1'));
      expect(asked).toMatchObject({ ...aQuestion('q1'), deadline: asked!.createdAt + aQuestion('q1').deadline });
      expect(asked?.answer).toBeUndefined();
      expect(Math.abs(asked!.createdAt - stage().now())).toBeLessThanOrEqual(100);
      await engine.ask('a', run, aQuestion('q2'));
      expect(await stage().record('a')).toMatchObject({ state: 'running', openQuestions: 2 });
      expect(await engine.answer('a', 'q2', { result: { publish: true } })).toBe('accepted');
      expect((await stage().record('a')).openQuestions).toBe(1);
      expect(await engine.answer('a', 'q1', { error: { code: -1, message: 'declined' } })).toBe('accepted');
      expect((await stage().record('a')).openQuestions).toBe(0);
      expect(await engine.questions('a')).toMatchObject([
        { key: 'q1', answer: { error: { code: -1, message: 'declined' } } },
        { key: 'q2', answer: { result: { publish: true } } },
      ]);
      // Only the first question to open and the last to close change the state that a client sees.
      await expectEvents(events, [
        'state running',
        'question q1',
        'question q2',
        'closed q2',
        'closed q1',
        'state running',
      ]);
      expect(events.map((event) => event.record.openQuestions)).toEqual([1, 1, 2, 1, 0, 0]);
      expect(events[3]).toMatchObject({ question: { key: 'q2', answer: { result: { publish: true } } } });
    });

    it('takes the first of 8 racing answers', async () => {
      const { engine } = stage();
      const { run } = await stage().begin('a', stage().work());
      for (let round = 0; round < 20; round++) {
        const name = `q${round}`;
        await engine.ask('a', run, aQuestion(name));
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, index) => engine.answer('a', name, { result: index })),
        );
        const winner = results.indexOf('accepted');
        expect(results.filter((result) => result === 'accepted')).toHaveLength(1);
        expect(results.filter((result) => result === 'answered')).toHaveLength(7);
        expect((await engine.questions('a')).at(-1)).toMatchObject({ key: name, answer: { result: winner } });
        expect((await stage().record('a')).openQuestions).toBe(0);
      }
    });

    it('that was never asked is unknown, and one whose execution has ended is ended', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const delivery = await stage().begin('a', worker);
      await engine.ask('a', delivery.run, aQuestion('q'));
      expect(await engine.answer('a', 'other', { result: 1 })).toBe('unknown');
      expect(await engine.answer('nobody', 'q', { result: 1 })).toBe('unknown');
      await worker.finish(delivery);
      expect(await engine.answer('a', 'q', { result: 1 })).toBe('ended');
      expect(await stage().record('a')).toMatchObject({ state: 'completed', openQuestions: 0 });
    });

    it('[A12] may be answered in the stead of its client, and the record says for good who did', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const delivery = await stage().begin('a', worker);
      for (const name of ['q1', 'q2', 'q3']) await engine.ask('a', delivery.run, aQuestion(name));
      const events = await stage().watch({ key: 'a' });
      const ann = 'ann, "the\nboss"';
      expect(await engine.answer('a', 'q1', { result: 1 }, { by: ann })).toBe('accepted');
      expect(await engine.answer('a', 'q1', { result: 2 }, { by: 'ben' })).toBe('answered');
      expect(await engine.answer('a', 'q2', { result: 2 })).toBe('accepted');
      expect(await engine.answer('a', 'q3', { result: 3 }, { by: 'ben' })).toBe('accepted');
      expect(await engine.answer('a', 'q4', { result: 3 }, { by: 'ben' })).toBe('unknown');
      const asked = await engine.questions('a');
      expect(asked.map(({ by }) => by)).toEqual([ann, undefined, 'ben']);
      expect(asked[0]?.answer).toEqual({ result: 1 });
      await expectEvents(events, ['closed q1', 'closed q2', 'closed q3', 'state running']);
      expect(events[0]).toMatchObject({ question: { by: ann } });
      const answerers = [
        { question: 'q1', by: ann },
        { question: 'q3', by: 'ben' },
      ];
      expect(await stage().record('a')).toMatchObject({ answerers });
      await worker.finish(delivery);
      expect(await stage().record('a')).toMatchObject({ state: 'completed', answerers });
      await stage().begin('a', worker);
      expect((await stage().record('a')).answerers).toBeUndefined();
    });

    it('still open when the run finishes is closed without an answer', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const delivery = await stage().begin('a', worker);
      for (const name of ['q1', 'q2', 'q3']) await engine.ask('a', delivery.run, aQuestion(name));
      await engine.answer('a', 'q2', { result: 1 });
      const events = await stage().watch({ key: 'a' });
      await worker.finish(delivery, 'done');
      await expectEvents(events, ['closed q1', 'closed q3', 'state completed']);
      for (const event of events) {
        expect(event.record).toMatchObject({ state: 'completed', openQuestions: 0 });
        if (event.type === 'closed') expect(event.question.answer).toBeUndefined();
      }
    });

    it('does not outlive its execution: the next one with the key asks anew', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await engine.ask('a', first.run, aQuestion('q'));
      await engine.answer('a', 'q', { result: 'old' });
      await worker.finish(first);
      const second = await stage().begin('a', worker);
      expect(await engine.questions('a')).toEqual([]);
      expect((await engine.ask('a', second.run, aQuestion('q')))?.answer).toBeUndefined();
      expect((await stage().record('a')).openQuestions).toBe(1);
    });
  });

  describe('the deadline of a question', () => {
    it('may lie beyond the range of dates', async () => {
      const { engine } = stage();
      const { run } = await stage().begin('a', stage().work());
      const asked = await engine.ask('a', run, aQuestion('q', Number.MAX_VALUE));
      expect(asked!.deadline).toBeGreaterThan(stage().now() + 1e12);
    });

    it('answers if the client does not', async () => {
      const { engine } = stage();
      const { run } = await stage().begin('a', stage().work());
      const events = await stage().watch({ key: 'a' });
      await engine.ask('a', run, aQuestion('late', 400));
      await engine.ask('a', run, aQuestion('early', 100));
      await stage().pass(200);
      await expectEvents(events, ['state running', 'question late', 'question early', 'closed early']);
      expect(events.at(-1)).toMatchObject({ question: { answer: { result: 'nobody' } }, record: { openQuestions: 1 } });
      expect(await engine.answer('a', 'early', { result: 'too late' })).toBe('answered');
      await stage().pass(300);
      await eventually(async () => expect((await stage().record('a')).openQuestions).toBe(0));
      expect(inShort(events).slice(4)).toEqual(['closed late', 'state running']);
      expect((await engine.questions('a')).map(({ answer }) => answer)).toEqual([
        { result: 'nobody' },
        { result: 'nobody' },
      ]);
    });

    it.each(waysBack(300))('also passes between runs, after %s', async (_how, settlement) => {
      const { engine } = stage();
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await engine.ask('a', first.run, aQuestion('q', 150));
      await engine.settle('a', first.run, settlement);
      expect((await stage().record('a')).openQuestions).toBe(1);
      await stage().pass(200);
      await eventually(async () => expect((await stage().record('a')).openQuestions).toBe(0));
      worker.end(first);
      await stage().pass(200);
      const second = await worker.next();
      expect((await engine.ask('a', second.run, aQuestion('q')))?.answer).toEqual({ result: 'nobody' });
    });

    it('stays the first one when a later run asks again', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      const { deadline } = (await engine.ask('a', first.run, aQuestion('q', 300)))!;
      worker.end(first);
      const second = await worker.next();
      expect(await engine.ask('a', second.run, aQuestion('q', 1e6))).toMatchObject({ deadline });
      await stage().pass(350);
      await eventually(async () => expect((await stage().record('a')).openQuestions).toBe(0));
    });

    it('does nothing once the question is answered or its execution has ended', async () => {
      const { engine } = stage();
      const worker = stage().work(3);
      const [answered, finished, cancelled] = await Promise.all(
        ['answered', 'finished', 'cancelled'].map((key) => stage().begin(key, worker)),
      );
      for (const { record, run } of [answered, finished, cancelled] as Delivery[]) {
        await engine.ask(record.key, run, aQuestion('q', 150));
      }
      await engine.answer('answered', 'q', { result: 'in time' });
      await worker.finish(finished!);
      await engine.cancel('cancelled');
      const events = await stage().watch({ session: 'of anna' });
      await stage().pass(250);
      await stage().quiet();
      expect(events).toEqual([]);
      expect((await engine.questions('answered'))[0]?.answer).toEqual({ result: 'in time' });
    });
  });

  describe('the journal', () => {
    it('returns answers to a later run, and shows open questions again unchanged', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      const names = ['q1', 'q2', 'q3', 'q4'];
      const asked = await Promise.all(names.map((name) => engine.ask('a', first.run, aQuestion(name))));
      await engine.answer('a', 'q3', { result: 'three' });
      await engine.answer('a', 'q1', { result: 'one' });
      worker.end(first);
      const second = await worker.next();
      expect(second.record).toMatchObject({ redelivered: true, openQuestions: 2 });
      await stage().pass(30);
      const events = await stage().watch({ key: 'a' });
      // Concurrent questions, in another order and with another deadline than before.
      const again = await Promise.all(
        [...names].reverse().map((name) => engine.ask('a', second.run, aQuestion(name, 7_200_000))),
      );
      const byName = new Map(again.map((question) => [question?.key, question]));
      for (const [index, name] of names.entries()) {
        expect(byName.get(name)).toMatchObject({
          deadline: asked[index]!.deadline,
          createdAt: asked[index]!.createdAt,
        });
      }
      expect(byName.get('q1')?.answer).toEqual({ result: 'one' });
      expect(byName.get('q3')?.answer).toEqual({ result: 'three' });
      expect(byName.get('q2')?.answer).toBeUndefined();
      await expectEvents(events, ['question q4', 'question q2']);
      expect((await stage().record('a')).openQuestions).toBe(2);
      expect(await engine.answer('a', 'q2', { result: 'two' })).toBe('accepted');
      expect((await engine.questions('a')).map((question) => question.key)).toEqual(names);
    });

    it.each(waysBack(50))('survives %s', async (_how, settlement) => {
      const { engine } = stage();
      const worker = stage().work();
      const first = await stage().begin('a', worker);
      await engine.ask('a', first.run, aQuestion('answered'));
      await engine.ask('a', first.run, aQuestion('open'));
      await engine.answer('a', 'answered', { result: 'before' });
      await engine.settle('a', first.run, settlement);
      // A person may take longer than the run.
      expect(await engine.answer('a', 'open', { result: 'meanwhile' })).toBe('accepted');
      expect((await stage().record('a')).openQuestions).toBe(0);
      worker.end(first);
      await stage().pass(60);
      const second = await worker.next();
      expect((await engine.ask('a', second.run, aQuestion('answered')))?.answer).toEqual({ result: 'before' });
      expect((await engine.ask('a', second.run, aQuestion('open')))?.answer).toEqual({ result: 'meanwhile' });
    });
  });
}
