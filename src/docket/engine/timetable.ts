import { inspect } from 'node:util';
import { Cron, CronPattern, type CronOptions } from 'croner';
import { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';
import { ErrandError, messageOf } from '../../base/errors.js';
import { nearName } from '../../base/near-name.js';
import { unknownOption } from '../../base/read-options.js';
import { shown } from '../../base/shown.js';

/** The timetable of a schedule. */
export type ScheduleWhen =
  | {
      /**
       * A cron pattern of five fields (minute, hour, day of the month, month, day of the week), or six with leading seconds:
       * `'0 3 * * *'`. A pattern for every hour (`'*'` in the field of the hour) follows real time. Otherwise the clock on the
       * wall counts: a time skipped by the change to summer time comes right after the gap, and several skipped ones come as
       * one; a time that occurs twice in autumn counts only the first time, also in lists, ranges and steps of hours.
       */
      readonly cron: string;
      /** An IANA name such as `'Europe/Berlin'`. Default: `'UTC'`, wherever the process runs. */
      readonly timezone?: string;
    }
  | {
      /** The interval between ticks, 1 second to 100 years. The first tick comes after one interval. */
      readonly every: Duration;
    };

/** A timetable with all defaults filled in, as stored. */
export type Timetable =
  | {
      /** The cron pattern, trimmed. */
      readonly cron: string;
      /** An IANA name. */
      readonly timezone: string;
    }
  | {
      /** The interval in milliseconds. */
      readonly every: number;
    };
export const Timetable: z.ZodType<Timetable> = z.union([
  z.strictObject({ cron: z.string(), timezone: z.string() }),
  z.strictObject({ every: z.number() }),
]);

const shortestEvery = 1_000;
const longestEvery = 100 * 365 * 24 * 3_600_000;

const Given = z.union([
  z.strictObject({ cron: z.string(), timezone: z.string().optional() }),
  z.strictObject({ every: z.unknown() }),
]);

/** Validates a timetable. @throws {ErrandError} `OPTIONS_INVALID` with the reason. */
export function toTimetable(when: unknown): Timetable {
  const given = Given.safeParse(when);
  if (!given.success) {
    refuseUnknown(when);
    throw invalid(
      `when is ${shown(inspect(when, { breakLength: Infinity }))}. Give { cron: '0 3 * * *', timezone: 'Europe/Berlin' } or { every: '15m' }.`,
    );
  }
  if ('cron' in given.data) {
    const { cron, timezone = 'UTC' } = given.data;
    const timetable = { cron: cron.trim(), timezone };
    checkCron(timetable);
    return timetable;
  }
  const every = Math.round(toMilliseconds(given.data.every, 'docket.schedule: when.every'));
  if (every >= shortestEvery && every <= longestEvery) return { every };
  throw invalid(`when.every is ${every} milliseconds. Give at least one second, and at most 100 years.`);
}

/** A misspelt option deserves its own sentence. */
function refuseUnknown(when: unknown): void {
  if (typeof when !== 'object' || when === null) return;
  const known = 'every' in when ? ['every'] : 'cron' in when ? ['cron', 'timezone'] : ['cron', 'timezone', 'every'];
  const unknown = Object.keys(when).find((name) => !known.includes(name));
  if (unknown === undefined || nearName(unknown, known) === undefined) return;
  throw invalid(`when: ${unknownOption(unknown, known)}.`);
}

/**
 * The first tick after `now`. Missed ticks are skipped.
 *
 * @param last - the previous tick, from which the intervals of `every` count. Default: `now`
 * @throws {ErrandError} `OPTIONS_INVALID` if no tick follows, or this process does not know the time zone.
 */
export function nextTick(timetable: Timetable, now: number, last = now): number {
  if ('every' in timetable) {
    const { every } = timetable;
    return last + every * (Math.floor(Math.max(now - last, 0) / every) + 1);
  }
  const { cron, timezone } = timetable;
  let next: Date | null;
  try {
    next = toCron(cron, timezone).nextRun(new Date(Math.max(now, last)));
  } catch (error) {
    throw invalid(`the cron pattern '${shown(cron)}' is invalid: ${shown(messageOf(error))}`, error);
  }
  if (next) return next.getTime();
  throw invalid(`the cron pattern '${shown(cron)}' names a time that never comes. Give one that does.`);
}

/**
 * A pattern as Croner counts it when the clocks change. To Croner, a pattern with a wildcard or a step counts in real time. To
 * us, only one for every hour does; so for others, those fields are written out.
 */
function toCron(cron: string, timezone: string): Cron {
  const options = { timezone, mode: '5-or-6-parts' } as const satisfies CronOptions;
  const { second, minute, hour } = new CronPattern(cron, timezone, options);
  if (cron.startsWith('@') || hour.every(Boolean)) return new Cron(cron, options);
  const days = cron.split(/\s+/).slice(-3);
  return new Cron([second, minute, hour].map(listOf).concat(days).join(' '), {
    ...options,
    fixedTimeRule: 'no-wildcard',
  });
}

/** The field of a pattern with the values whose place in a list is set. */
const listOf = (places: readonly number[]): string =>
  places.flatMap((isSet, value) => (isSet ? [value] : [])).join(',');

function checkCron(timetable: Extract<Timetable, { cron: string }>): void {
  const { cron, timezone } = timetable;
  // Croner also accepts a date, for a single tick.
  if (!/^@\w+$|^\S+(\s+\S+){4,5}$/.test(cron)) {
    throw invalid(`when.cron is '${shown(cron)}'. Give five fields, or six with leading seconds, such as '0 3 * * *'.`);
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch (error) {
    throw invalid(`when.timezone is '${shown(timezone)}'. Give a name such as 'Europe/Berlin' or 'UTC'.`, error);
  }
  nextTick(timetable, Date.now());
}

const invalid = (message: string, cause?: unknown): ErrandError =>
  new ErrandError('OPTIONS_INVALID', `docket.schedule: ${message}`, cause === undefined ? {} : { cause });
