/** Points in time and durations as traces write them, and the units they may come in. */
import { type Place, rowFault, shown } from './fault.ts';
import { scaledInteger } from './number.ts';
import { DURATION_US_MAX, TIME_US_MAX } from './trace.ts';

export const DURATION_UNITS = ['s', 'ms', 'us'] as const;
export type DurationUnit = (typeof DURATION_UNITS)[number];

/** `datetime` is text such as `2023-11-16 18:17:03.9799600`; the others are numbers since an epoch or a start. */
export const TIME_UNITS = [...DURATION_UNITS, 'datetime'] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

/** Powers of ten from a unit to the microsecond. */
export const UNIT_SHIFTS: Readonly<Record<DurationUnit, number>> = { s: 6, ms: 3, us: 0 };
const UNIT_NAMES: Readonly<Record<DurationUnit, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
};

const DATETIME = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?: ?(Z|UTC|[+-]\d\d:?\d\d))?$/;

const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A date and time of UTC in microseconds since the epoch; NaN if there is no such one. Months count from 1. */
export function utcUs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number {
  // Date.UTC carries over: 30 February becomes 2 March, and 25:00 the next day.
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && !isLeap ? 28 : (DAYS_IN_MONTH[month - 1] ?? 0);
  const isReal = day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60;
  return isReal ? Date.UTC(year, month - 1, day, hour, minute, second) * 1_000 : Number.NaN;
}

/** A date and time in microseconds since the epoch, digits beyond cut; UTC unless a zone is given; NaN if it is none. */
export function datetimeUs(text: string): number {
  const match = DATETIME.exec(text);
  if (!match) return Number.NaN;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const us = utcUs(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second));
  return us + Number(fraction.slice(0, 6).padEnd(6, '0')) - zoneUs(zone);
}

/** How far a zone such as `+01:00` or `-0500` is ahead of UTC. */
export function zoneUs(zone: string): number {
  if (zone === 'Z' || zone === 'UTC') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000_000;
}

// 10^11 ms and 10^14 µs are both in March 1973: below, a number counts from a trace's start, or in seconds.
const EPOCH_MS_MIN = 1e11;
const EPOCH_US_MIN = 1e14;

/** The unit that a time is written in, from the look of one value. */
export function guessTimeUnit(text: string): TimeUnit {
  if (/^\d{4}-\d\d-\d\d/.test(text)) return 'datetime';
  const value = Number(text);
  if (value >= EPOCH_US_MIN) return 'us';
  return value >= EPOCH_MS_MIN ? 'ms' : 's';
}

/** @throws CodedError `trace-invalid` unless the text is a time from the epoch (or the trace's zero) to 2112. */
export function timeUs(text: string, unit: TimeUnit, place: Place, column: string): number {
  const us = unit === 'datetime' ? datetimeUs(text) : scaledInteger(text, UNIT_SHIFTS[unit]);
  if (us >= 0 && us <= TIME_US_MAX) return us;
  const expected =
    unit === 'datetime'
      ? 'a date and time from 1970 to 2112 such as 2023-11-16 18:17:03.979'
      : `a time of 0 or more ${UNIT_NAMES[unit]}, up to the year 2112`;
  throw rowFault(place, column, expected, shown(text));
}

/** @throws CodedError `trace-invalid` unless the text is a duration from 0 to 31 years. */
export function durationUs(text: string, unit: DurationUnit, place: Place, column: string): number {
  return checkedDuration(scaledInteger(text, UNIT_SHIFTS[unit]), unit, place, column, shown(text));
}

/** @param got how the value is shown when it is out of range. */
export function checkedDuration(
  us: number,
  unit: DurationUnit,
  place: Place,
  column: string,
  got: string,
): number {
  if (us >= 0 && us <= DURATION_US_MAX) return us;
  throw rowFault(place, column, `a duration of 0 or more ${UNIT_NAMES[unit]}, up to 31 years`, got);
}

/**
 * Whole nanoseconds as whole microseconds, the rest cut.
 * @throws CodedError `trace-invalid` unless the text is digits, and a time up to 2112 or less.
 */
export function nanosecondsUs(text: string, place: Place, column: string): number {
  const us = /^\d{1,19}$/.test(text) ? Number(text.slice(0, -3) || '0') : Number.NaN;
  if (us <= TIME_US_MAX) return us;
  throw rowFault(place, column, 'whole nanoseconds of 0 or more, up to the year 2112', shown(text));
}
