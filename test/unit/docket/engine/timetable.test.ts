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

/** `2026-10-25T00:30:00.000Z` as `25T00:30`. */
const shortOf = (iso: string): string => iso.slice(8, 19).replace(/:00$/, '');

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

  const newYork = 'America/New_York';
  const lordHowe = 'Australia/Lord_Howe';

  it.each([
    ['0 2,14 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', ['25T00:00', '25T13:00', '26T01:00']],
    ['0 1-3 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', ['24T23:00', '25T00:00', '25T02:00', '26T00:00']],
    ['0 */2 * * *', 'Europe/Berlin', '2026-10-24T21:00Z', ['24T22:00', '25T00:00', '25T03:00', '25T05:00']],
    ['*/30 2 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', ['25T00:00', '25T00:30', '26T01:00', '26T01:30']],
    ['*/30 59 2 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', ['25T00:59', '25T00:59:30', '26T01:59', '26T01:59:30']],
    ['30 1,5 * * *', newYork, '2026-11-01T04:00Z', ['01T05:30', '01T10:30', '02T06:30']],
    ['45 1,2 * * *', lordHowe, '2026-04-04T13:00Z', ['04T14:45', '04T16:15', '05T15:15', '05T16:15']],
    ['30 1 * * SUN#1', newYork, '2026-10-31T04:00Z', ['01T05:30', '06T06:30']],
  ])('[C9] %j in %s ticks once for each of its hours that comes twice', (cron, timezone, after, expected) => {
    expect(ticks({ cron, timezone }, after, expected.length).map(shortOf)).toEqual(expected);
  });

  it.each([
    ['0 * * * *', 'Europe/Berlin', '2026-10-24T23:30Z', ['25T00:00', '25T01:00', '25T02:00', '25T03:00']],
    ['0 0-23 * * *', 'Europe/Berlin', '2026-10-24T23:30Z', ['25T00:00', '25T01:00', '25T02:00', '25T03:00']],
    ['0 */1 * * *', 'Europe/Berlin', '2026-10-24T23:30Z', ['25T00:00', '25T01:00', '25T02:00', '25T03:00']],
    ['@hourly', newYork, '2026-11-01T04:30Z', ['01T05:00', '01T06:00', '01T07:00']],
    ['*/20 30 * * * *', newYork, '2026-11-01T05:30:30Z', ['01T05:30:40', '01T06:30', '01T06:30:20', '01T06:30:40']],
    ['15 * * * *', lordHowe, '2026-04-04T14:00Z', ['04T14:15', '04T15:45', '04T16:45']],
    ['0 * * * *', 'Europe/Berlin', '2026-03-28T23:30Z', ['29T00:00', '29T01:00', '29T02:00']],
    ['*/30 * * * *', newYork, '2026-03-08T06:10Z', ['08T06:30', '08T07:00', '08T07:30']],
  ])('[C9] %j in %s follows real time through both changes', (cron, timezone, after, expected) => {
    expect(ticks({ cron, timezone }, after, expected.length).map(shortOf)).toEqual(expected);
  });

  it.each([
    ['0,30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['29T01:00', '30T00:00', '30T00:30']],
    ['*/15 2,14 * * *', 'Europe/Berlin', '2026-03-28T14:00Z', ['29T01:00', '29T12:00', '29T12:15']],
    ['0 1-3 * * *', 'Europe/Berlin', '2026-03-28T22:00Z', ['29T00:00', '29T01:00', '29T23:00']],
    ['0 */2 * * *', newYork, '2026-03-08T04:00Z', ['08T05:00', '08T07:00', '08T08:00', '08T10:00']],
    ['10,20 2 8 3 *', newYork, '2026-03-01T00:00Z', ['08T07:00', '08T07:10']],
  ])('[C9] %j in %s ticks once, right after the gap, for the times in it', (cron, timezone, after, expected) => {
    expect(ticks({ cron, timezone }, after, expected.length).map(shortOf)).toEqual(expected);
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
