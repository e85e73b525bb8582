import { describe, expect, it } from '@jest/globals';
import { nextTick } from '../../../src/docket/engine/timetable.js';
import { aSchedule, expectEvents, type Stage } from './stage.js';

export function schedulesContract(stage: () => Stage): void {
  describe('a schedule', () => {
    it('adds an execution at each tick, and skips ticks while one is alive', async () => {
      const { engine } = stage();
      const before = stage().now();
      const input = { rooms: ['hall'] };
      const given = aSchedule('nightly', { input, snapshot: { version: 1 }, timeout: 5_000, ttl: 30_000 });
      const { next } = await engine.schedule(given);
      expect(next - before).toBeGreaterThanOrEqual(1_000);
      const events = await stage().watch({ key: 'nightly' });
      const worker = stage().work();
      await stage().pass(1_000);
      const first = await worker.next();
      const { id, when, ...carried } = given;
      expect(first.record).toMatchObject({ key: id, ...carried, state: 'running', attempt: 1 });
      expect(first.record.session).toBeUndefined();
      expect(first.record.createdAt).toBeGreaterThanOrEqual(next);
      // If one execution changes its input, the next does not see it.
      (first.record.input as { rooms: string[] }).rooms.push('attic');

      await stage().pass(1_300);
      expect(worker.begun).toHaveLength(1);
      await worker.finish(first, 'swept');
      await stage().pass(1_000);
      const second = await worker.next();
      expect(second.record).toMatchObject({ key: id, ...carried, attempt: 1 });
      expect(second.record.generation).toBeGreaterThan(first.record.generation);
      expect(second.record.createdAt - first.record.createdAt).toBeGreaterThan(1_500);
      await worker.finish(second);
      const once = ['state queued', 'state running', 'state completed'];
      expect((await engine.schedules())[0]!.when).toEqual(when);
      await engine.unschedule(id);
      await expectEvents(events, [...once, ...once]);
    });

    it('stops ticking when it is removed, and its execution stays', async () => {
      const { engine } = stage();
      await engine.schedule(aSchedule('nightly'));
      await engine.schedule(aSchedule('other'));
      const worker = stage().work(2);
      await stage().pass(1_000);
      await worker.next();
      await worker.next();
      expect(await engine.unschedule('nightly')).toBe(true);
      expect(await engine.unschedule('nightly')).toBe(false);
      expect((await engine.schedules()).map(({ id }) => id)).toEqual(['other']);
      expect(await stage().record('nightly')).toMatchObject({ state: 'running' });
      for (const delivery of worker.begun) await worker.finish(delivery);
      await stage().pass(1_000);
      const { record } = await worker.next();
      expect(record.key).toBe('other');
      await stage().quiet();
      expect(worker.begun).toHaveLength(3);
      expect(await engine.unschedule('other')).toBe(true);
    });

    it('set again with the same timetable keeps its next tick; another timetable replaces it', async () => {
      const { engine } = stage();
      const hourly = { when: { every: 3_600_000 } };
      const { next } = await engine.schedule(aSchedule('nightly', hourly));
      await stage().pass(50);
      expect(await engine.schedule(aSchedule('nightly', hourly))).toEqual({
        id: 'nightly',
        ...hourly,
        component: 'sweep',
        owner: 'anna',
        next,
      });
      expect(await engine.schedule(aSchedule('nightly', { ...hourly, component: 'mop' }))).toMatchObject({ next });
      expect(await engine.schedules()).toMatchObject([{ id: 'nightly', component: 'mop', next }]);
      const twice = { when: { every: 1_800_000 } };
      const replaced = await engine.schedule(aSchedule('nightly', twice));
      expect(replaced.next).toBeLessThan(next);
      expect(await engine.schedules()).toEqual([replaced]);
      await engine.unschedule('nightly');
      await stage().pass(50);
      expect((await engine.schedule(aSchedule('nightly', twice))).next).toBeGreaterThan(replaced.next);
      await engine.unschedule('nightly');
    });

    it.each(['0 2 * * *', '*/15 2,14 * * *', '0 1-3 * * *', '0 */2 * * *', '0 * * * *'])(
      '[C9] %j ticks when its timetable says, whatever the engine',
      async (cron) => {
        const when = { cron, timezone: 'Europe/Berlin' };
        const before = stage().now();
        const { next } = await stage().engine.schedule(aSchedule('sweep', { when }));
        // The clock of Redis is not exactly ours.
        expect([before - 1_000, stage().now() + 1_000].map((now) => nextTick(when, now))).toContain(next);
        await stage().engine.unschedule('sweep');
      },
    );

    it('is listed with its next tick, the soonest first', async () => {
      const { engine } = stage();
      expect(await engine.schedules()).toEqual([]);
      const leapDay = { cron: '0 12 29 2 *', timezone: 'Europe/Berlin' };
      await engine.schedule(aSchedule('c', { when: leapDay }));
      await engine.schedule(aSchedule('b', { when: { every: 7_200_000 } }));
      await engine.schedule(aSchedule('a', { when: { every: 2 ** 33 } }));
      await engine.schedule(aSchedule('d', { when: { every: 3_600_000 } }));
      const listed = await engine.schedules();
      expect(listed.map(({ id }) => id)).toEqual(['d', 'b', 'a', 'c']);
      expect(listed[3]).toEqual({
        id: 'c',
        when: leapDay,
        component: 'sweep',
        owner: 'anna',
        next: nextTick(leapDay, stage().now()),
      });
      await stage().quiet();
      for (const { id } of listed) {
        expect(await engine.get(id)).toBeUndefined();
        await engine.unschedule(id);
      }
    });
  });
}
