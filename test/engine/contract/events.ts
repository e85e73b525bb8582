import { describe, expect, it } from '@jest/globals';
import type { EndWatch, EngineEvent } from '../../../src/docket/engine/engine.js';
import { isTerminal } from '../../../src/docket/engine/record.js';
import { eventually } from '../../helpers/eventually.js';
import { settled } from '../../helpers/fake-clock.js';
import { aQuestion, anExecution, expectEvents, type Stage } from './stage.js';

export function eventsContract(stage: () => Stage): void {
  describe('watchEnd', () => {
    const watchEnd = async (key: string): Promise<EndWatch & { readonly states: string[] }> => {
      const states: string[] = [];
      const watch = await stage().engine.watchEnd(key, (record) => {
        states.push(`${record?.generation} ${record?.state}`);
      });
      return { ...watch, states };
    };

    it('returns the current state, and reports the end', async () => {
      const worker = stage().work(1);
      await stage().add('a');
      const early = await watchEnd('a');
      expect(early.now).toMatchObject({ key: 'a' });
      const delivery = await worker.next();
      const { generation } = delivery.record;
      const late = await watchEnd('a');
      expect(late.now).toMatchObject({ generation, state: 'running' });
      await worker.finish(delivery, 'done');
      const end = `${generation} completed`;
      await eventually(() => expect([early.states.at(-1), late.states.at(-1)]).toEqual([end, end]));
      const after = await watchEnd('a');
      expect(after.now).toMatchObject({ state: 'completed', outcome: { result: 'done' } });
      expect(await watchEnd('unknown')).not.toHaveProperty('now');
      for (const { unwatch } of [early, late, after]) unwatch();
    });

    it('reports each end of an execution that is added again, even if an earlier one was watched', async () => {
      await stage().add('a');
      const first = await watchEnd('a');
      await stage().engine.cancel('a');
      await eventually(() => expect(first.states).toHaveLength(1));
      await stage().add('a');
      const second = await watchEnd('a');
      first.unwatch();
      await stage().engine.cancel('a');
      const { generation } = await stage().record('a');
      await eventually(() => expect(second.states).toEqual([`${generation} cancelled`]));
    });

    it('reports a later execution that replaces the watched one', async () => {
      const { session: _none, ...ofProgram } = anExecution('a');
      const { record } = await stage().engine.add(ofProgram);
      const watch = await watchEnd('a');
      await stage().engine.replace(ofProgram);
      const later = (await stage().record('a')).generation;
      expect(later).toBeGreaterThan(record.generation);
      await eventually(() => expect(watch.states.at(-1)).toBe(`${later} queued`));
      watch.unwatch();
    });

    it('reports nothing after unwatch', async () => {
      await stage().add('a');
      const [one, other] = [await watchEnd('a'), await watchEnd('a')];
      one.unwatch();
      await stage().engine.cancel('a');
      await eventually(() => expect(other.states).toHaveLength(1));
      expect(one.states).toEqual([]);
    });
  });

  describe('watch', () => {
    it('reports each execution once to a watcher of all, tasks or not', async () => {
      const all = await stage().watch({ all: true });
      const one = await stage().watch({ key: 'a' });
      await stage().add('a');
      const { session: _none, ...ofProgram } = anExecution('b');
      await stage().engine.add(ofProgram);
      await stage().engine.cancel('a');
      await expectEvents(one, ['state queued', 'state cancelled']);
      await expectEvents(all, ['state queued', 'state queued', 'state cancelled']);
      expect(all.map(({ record }) => record.key)).toEqual(['a', 'b', 'a']);
    });

    it('reports the events of an execution in order, each with the record as it was after the transition', async () => {
      const { engine } = stage();
      const events = await stage().watch({ key: 'a' });
      const worker = stage().work(2);
      const delivery = await stage().begin('a', worker);
      await stage().begin('b', worker);
      for (let current = 1; current <= 3; current++) await engine.progress('a', delivery.run, { current });
      await engine.notify('a', delivery.run, { type: 'log', level: 'info', logger: 'parts', data: { n: 1 } });
      await engine.ask('a', delivery.run, aQuestion('q'));
      await engine.answer('a', 'q', { result: 1 });
      await worker.finish(delivery, 'done');
      await expectEvents(events, [
        'state queued',
        'state running',
        'progress',
        'progress',
        'progress',
        'notice',
        'state running',
        'question q',
        'closed q',
        'state running',
        'state completed',
      ]);
      expect(events.every((event) => event.record.key === 'a')).toBe(true);
      expect(events.map((event) => event.record.progress?.current)).toEqual([
        undefined,
        undefined,
        1,
        2,
        3,
        ...Array.from({ length: 6 }, () => 3),
      ]);
      expect(events[5]).toMatchObject({ notice: { type: 'log', level: 'info', logger: 'parts', data: { n: 1 } } });
      const times = events.map((event) => event.record.updatedAt);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    });

    it('reports all executions of a session, and no others', async () => {
      const events = await stage().watch({ session: 's1' });
      const worker = stage().work(4);
      await stage().begin('a', worker, { session: 's1' });
      await stage().begin('b', worker, { session: 's2' });
      await stage().begin('none', worker);
      await stage().begin('c', worker, { session: 's1' });
      await eventually(() => expect(events).toHaveLength(4));
      expect(events.map((event) => `${event.record.key} ${event.record.state}`)).toEqual([
        'a queued',
        'a running',
        'c queued',
        'c running',
      ]);
    });

    it('reports every return to the queue, and the end of waiting', async () => {
      const events = await stage().watch({ key: 'a' });
      const worker = stage().work();
      const { engine } = stage();
      const settlements = [
        { type: 'retry', error: { code: 1, message: '' }, delay: 50 },
        { type: 'release', delay: 50 },
        { type: 'release' },
      ] as const;
      await stage().add('a');
      for (const settlement of settlements) {
        const delivery = await worker.next();
        await engine.settle('a', delivery.run, settlement);
        worker.end(delivery);
        await stage().pass(50);
      }
      worker.end(await worker.next());
      await worker.next();
      await engine.cancel('a');
      await expectEvents(
        events,
        [
          ['queued', 'running', 'scheduled', 'queued', 'running', 'scheduled', 'queued', 'running'],
          ['queued', 'running', 'queued', 'running', 'cancelled'],
        ]
          .flat()
          .map((state) => `state ${state}`),
      );
    });

    it('never calls synchronously', async () => {
      let inside = false;
      let calledInside = false;
      await stage().engine.watch({ key: 'a' }, () => (calledInside ||= inside));
      const events = await stage().watch({ key: 'a' });
      inside = true;
      const adding = stage().add('a');
      inside = false;
      await adding;
      inside = true;
      const cancelling = stage().engine.cancel('a');
      inside = false;
      await cancelling;
      await expectEvents(events, ['state queued', 'state cancelled']);
      expect(calledInside).toBe(false);
    });

    it('reports to each of several watchers until it stops; stopping twice stops once', async () => {
      const { engine } = stage();
      const counts = [0, 0, 0];
      const listener = (): unknown => counts[0]!++;
      // The same listener twice is two watches.
      const stopFirst = await engine.watch({ key: 'a' }, listener);
      const stopSecond = await engine.watch({ key: 'a' }, listener);
      await engine.watch({ session: 's' }, () => counts[1]!++);
      await engine.watch({ key: 'a' }, () => counts[2]!++);
      await stage().add('a', { session: 's' });
      await eventually(() => expect(counts).toEqual([2, 1, 1]));
      stopFirst();
      stopFirst();
      const worker = stage().work();
      const delivery = await worker.next();
      await eventually(() => expect(counts).toEqual([3, 2, 2]));
      stopSecond();
      await worker.finish(delivery);
      await eventually(() => expect(counts).toEqual([3, 3, 3]));
    });

    it('still reaches the others if one listener throws', async () => {
      await stage().engine.watch({ key: 'a' }, () => {
        throw new Error('a listener of the test');
      });
      const events = await stage().watch({ key: 'a' });
      await stage().add('a');
      await stage().engine.cancel('a');
      await expectEvents(events, ['state queued', 'state cancelled']);
    });

    it('and get together miss no end (1000 rounds)', async () => {
      const { engine } = stage();
      const consumer = engine.consume(
        { worker: 'racer', concurrency: 20 },
        {
          async run({ record, run }) {
            for (let turn = 0; turn < Number(record.key) % 4; turn++) await settled();
            await engine.settle(record.key, run, { type: 'finish', outcome: { result: record.key } });
          },
          revoke: () => undefined,
        },
      );
      /** The usual way to wait for an end: watch first, then read once, then rely on the events. */
      const untilEnd = async (key: string): Promise<void> => {
        let wake = (): void => undefined;
        const woken = new Promise<void>((resolve) => (wake = resolve));
        const stop = await engine.watch({ key }, (event: EngineEvent) => {
          if (isTerminal(event.record.state)) wake();
        });
        if (!isTerminal((await stage().record(key)).state)) await woken;
        stop();
        expect(await stage().record(key)).toMatchObject({ state: 'completed', outcome: { result: key } });
      };
      const waiters: Promise<void>[] = [];
      let left = 1000;
      for (let index = 0; index < 1000; index++) {
        await engine.add(anExecution(String(index)));
        if (index % 3 === 0) await settled();
        waiters.push(
          untilEnd(String(index)).then(() => {
            left--;
          }),
        );
      }
      await eventually(() => expect(left).toBe(0), { timeout: 25_000 });
      await Promise.all(waiters);
      await consumer.stopIntake();
      await consumer.idle();
    });
  });
}
