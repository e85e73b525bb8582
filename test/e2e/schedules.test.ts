import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { CurrentDocket, defineJob, job, Logger, type ErrandServer } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { rejection } from '../helpers/raw-calls.js';

let ran: string[];

const sweep = defineJob({
  name: 'sweep',
  input: z.object({ room: z.string() }),
  run: ({ room }) => void ran.push(room),
});

class Jobs {
  @job()
  tidy() {
    ran.push('tidy');
  }

  /** Follows another execution to its end, in the only slot that there is. */
  @job()
  async follow(docket: CurrentDocket) {
    const execution = await docket.add(sweep, { room: 'followed' });
    const seen: string[] = [];
    for await (const change of execution.subscribe()) if (change.type === 'state') seen.push(change.state);
    return seen.at(-1);
  }
}

let clock: FakeClock;
let server: ErrandServer;
beforeEach(() => {
  ran = [];
  clock = new FakeClock();
  server = serverWithClock(
    {
      name: 'schedules',
      version: '1.0.0',
      components: [Jobs, sweep],
      logger: new Logger(() => undefined),
      docket: { concurrency: 1 },
    },
    clock,
  );
});
afterEach(() => server.close());

describe('docket.schedule', () => {
  it('runs a definition with its input, and a method, when their times come', async () => {
    const { docket } = server;
    const hourly = await docket.schedule('hourly', { every: '1h' }, sweep, { room: 'hall' });
    expect(hourly).toEqual({
      id: 'hourly',
      when: { every: 3_600_000 },
      component: 'sweep',
      next: new Date(clock.now() + 3_600_000),
    });
    const nightly = { cron: '30 0 * * *', timezone: 'Europe/Berlin' };
    await docket.schedule('nightly', nightly, Jobs, 'tidy', undefined, { retry: 3, timeout: '1m' });
    expect((await docket.schedules()).map(({ id, when }) => [id, when])).toEqual([
      ['hourly', { every: 3_600_000 }],
      ['nightly', nightly],
    ]);
    await clock.advance(3_600_000);
    await eventually(() => expect(ran).toEqual(['hall']));
    expect(await (await docket.get('hourly'))?.state()).toBe('completed');
    // It is one o'clock at night in Berlin on the first of January, so that the night's work comes in 22 hours and a half.
    expect((await docket.schedules()).at(-1)?.next).toEqual(new Date('2026-01-01T23:30:00Z'));
    expect(await docket.unschedule('hourly')).toBe(true);
    expect(await docket.unschedule('hourly')).toBe(false);
    await clock.advance(24 * 3_600_000);
    await eventually(() => expect(ran).toEqual(['hall', 'tidy']));
  });

  it('makes up once for what was missed while the machine slept', async () => {
    await server.docket.schedule('hourly', { every: '1h' }, sweep, { room: 'hall' });
    const start = clock.now();
    clock.jump(10.5 * 3_600_000);
    await clock.advance(1);
    await eventually(() => expect(ran).toEqual(['hall']));
    expect((await server.docket.schedules())[0]?.next).toEqual(new Date(start + 11 * 3_600_000));
  });

  it('refuses at once what can never run', async () => {
    const { docket } = server;
    const every = { every: '1h' } as const;
    const refusals = [
      [docket.schedule('', every, sweep, { room: 'hall' }), 'OPTIONS_INVALID', 'docket.schedule: id'],
      [docket.schedule('a', { cron: '0 0 31 2 *' }, sweep, { room: 'hall' }), 'OPTIONS_INVALID', 'never comes'],
      [docket.schedule('a', { every: '500ms' }, sweep, { room: 'hall' }), 'OPTIONS_INVALID', 'one second'],
      [docket.schedule('a', every, sweep, { room: 7 } as never), 'INPUT_INVALID', 'room'],
      [docket.schedule('a', every, sweep, { room: 'hall' }, { retry: 0 }), 'OPTIONS_INVALID', 'docket.schedule'],
      [docket.schedule('a', every, defineJob({ name: 'x', run: () => 1 })), 'COMPONENT_UNKNOWN', 'x'],
    ] as const;
    for (const [promise, code, message] of refusals) {
      expect(await rejection(promise)).toMatchObject({ code, message: expect.stringContaining(message) });
    }
    expect(await docket.schedules()).toEqual([]);
  });
});

describe('a call that follows another', () => {
  it('gives its slot to it', async () => {
    const execution = await server.docket.add(Jobs, 'follow');
    expect(await execution.result()).toBe('completed');
    expect(ran).toEqual(['followed']);
  });
});
