import { describe, expect, it } from '@jest/globals';
import { nextTick, toTimetable, type Timetable } from '../../../../src/docket/engine/timetable.js';
import { refusalOf } from '../../../helpers/thrown.js';

/** The ticks after a time, as times of the wall there. */
function ticks(timetable: Timetable, after: string, count: number): string[] {
  const found: string[] = [];
  for (let at = Date.parse(after); found.length < count;) {
    at = nextTick(timetable, at);
    found.push(new Date(at).toISOString());
  }
  return found;
}

const berlin = (cron: string): Timetable => ({ cron, timezone: 'Europe/Berlin' });

describe('a cron timetable', () => {
  it('has five fields, or six with seconds', () => {
    expect(ticks(toTimetable({ cron: '0 3 * * 1-5' }), '2026-11-20T12:00:00Z', 2)).toEqual([
      '2026-11-23T03:00:00.000Z',
      '2026-11-24T03:00:00.000Z',
    ]);
    expect(ticks(toTimetable({ cron: '*/20 59 23 31 12 *' }), '2026-11-20T12:00:00Z', 4)).toEqual([
      '2026-12-31T23:59:00.000Z',
      '2026-12-31T23:59:20.000Z',
      '2026-12-31T23:59:40.000Z',
      '2027-12-31T23:59:00.000Z',
    ]);
  });

  it('applies in its own time zone, wherever the process runs', () => {
    expect(toTimetable({ cron: ' 0 3 * * * ' })).toEqual({ cron: '0 3 * * *', timezone: 'UTC' });
    expect(ticks(berlin('0 3 * * *'), '2026-11-20T12:00:00Z', 1)).toEqual(['2026-11-21T02:00:00.000Z']);
    expect(ticks(berlin('0 3 * * *'), '2026-07-20T12:00:00Z', 1)).toEqual(['2026-07-21T01:00:00.000Z']);
  });

  it('ticks once on the day that summer time skips its time, right after the gap', () => {
    expect(ticks(berlin('30 2 * * *'), '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    expect(ticks(berlin('0 * * * *'), '2026-03-28T23:30:00Z', 3)).toEqual([
      '2026-03-29T00:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T02:00:00.000Z',
    ]);
  });

  it('ticks once on the day that its time occurs twice; one for every hour ticks in both', () => {
    expect(ticks(berlin('30 2 * * *'), '2026-10-24T00:00:00Z', 3)).toEqual([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
    expect(ticks(berlin('*/30 * * * *'), '2026-10-24T23:59:00Z', 5)).toEqual([
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ]);
  });

  it.each([
    ['61 * * * *', 'minute'],
    ['0 3 * *', 'five fields'],
    ['0 0 3 * * * 2027', 'five fields'],
    ['', 'five fields'],
    ['2026-12-01T00:00:00', 'five fields'],
    ['@sometimes', '@sometimes'],
    ['0 0 30 2 *', 'never comes'],
  ])('%j is refused with the reason', (cron, reason) => {
    const error = refusalOf(() => toTimetable({ cron }));
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringContaining(reason) });
  });

  it.each(['Mars/Phobos', '', 'Europe/Berlin '])('the time zone %j is refused', (timezone) => {
    const error = refusalOf(() => toTimetable({ cron: '0 3 * * *', timezone }));
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringContaining(`'${timezone}'`) });
  });
});

describe('an interval', () => {
  it('keeps its beat, however many ticks were missed', () => {
    const every = toTimetable({ every: '15m' });
    expect(every).toEqual({ every: 900_000 });
    expect(nextTick(every, 1_000)).toBe(901_000);
    expect(nextTick(every, 901_000, 901_000)).toBe(1_801_000);
    expect(nextTick(every, 901_000 + 3 * 900_000 + 7, 901_000)).toBe(901_000 + 4 * 900_000);
  });

  it.each([999, '0s', 1e300, 'soon', -1])('of %j is refused', (every) => {
    expect(refusalOf(() => toTimetable({ every }))).toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});

describe('anything else', () => {
  it.each([undefined, null, '0 3 * * *', {}, { cron: '0 3 * * *', every: '1h' }, { cron: '0 3 * * *', zone: 'UTC' }])(
    '%j is refused, with the way out',
    (when) => {
      const error = refusalOf(() => toTimetable(when));
      expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringContaining("{ every: '15m' }") });
    },
  );
});
