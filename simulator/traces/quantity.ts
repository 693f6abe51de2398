/** Quantities as options write them: `120ms`, `1.5h`, `10/s`, `k=v` lists. Every refusal names the option. */
import { CodedError } from '../../metering/errors.ts';
import { didYouMean } from '../../metering/nearest.ts';
import { shown } from './fault.ts';
import { scaledInteger } from './number.ts';

const US_PER_UNIT: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3_600e6,
  d: 86_400e6,
  w: 604_800e6,
};
const UNITS = Object.keys(US_PER_UNIT).join(', ');
const US_MAX = 1e15;

/** @throws CodedError `usage` */
export function optionFault(option: string, text: string, expected: string, got: string): CodedError {
  return new CodedError('usage', `${option} ${shown(text)}: expected ${expected}, got ${got}`, {
    option,
    expected,
    got,
  });
}

/** A decimal text as a number; NaN unless it is plain digits with an optional fraction. */
export const plainNumber = (text: string): number =>
  /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;

/** `120ms` in whole microseconds, digits beyond cut; NaN when it is no time with a unit, or above 31 years. */
export function spanUs(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) ?? [];
  const usPerUnit = US_PER_UNIT[unit];
  if (usPerUnit === undefined) return Number.NaN;
  // In units below the minute by exact decimals; above it a microsecond of rounding is nothing.
  const shift = Math.log10(usPerUnit);
  const us = Number.isInteger(shift) ? scaledInteger(digits, shift) : Math.floor(Number(digits) * usPerUnit);
  return us <= US_MAX ? us : Number.NaN;
}

/** A requests-per-time rate such as `10/s`, in requests per microsecond; NaN when it is none. */
export function ratePerUs(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\/([a-z]+)$/.exec(text) ?? [];
  return Number(digits) / (US_PER_UNIT[unit] ?? Number.NaN);
}

/** Reads `key=value` pairs between commas and refuses what is not asked for. */
export class KeyValues {
  readonly #option: string;
  readonly #text: string;
  readonly #values = new Map<string, string>();
  readonly #asked = new Set<string>();

  /** @param text the whole option, for messages. @param pairs its part with the pairs. */
  constructor(option: string, text: string, pairs: string) {
    this.#option = option;
    this.#text = text;
    for (const pair of pairs === '' ? [] : pairs.split(',')) {
      const equals = pair.indexOf('=');
      const key = pair.slice(0, Math.max(equals, 0)).trim();
      if (equals < 1) throw this.#fault('pairs such as key=value between commas', shown(pair));
      if (this.#values.has(key)) throw this.#fault(`${key} once`, 'it twice');
      this.#values.set(key, pair.slice(equals + 1).trim());
    }
  }

  #fault(expected: string, got: string): CodedError {
    return optionFault(this.#option, this.#text, expected, got);
  }

  #read(
    key: string,
    read: (text: string) => number,
    expected: string,
    fallback: number | undefined,
    isGood: (value: number) => boolean,
  ): number {
    const text = this.text(key);
    if (text === undefined) {
      if (fallback !== undefined) return fallback;
      throw this.#fault(`${key}=… (${expected})`, 'none');
    }
    const value = read(text);
    if (isGood(value)) return value;
    throw this.#fault(`${key} to be ${expected}`, shown(text));
  }

  text(key: string): string | undefined {
    this.#asked.add(key);
    return this.#values.get(key);
  }

  /** A time in microseconds. Without a fallback it must be there. */
  span(key: string, fallback?: number): number {
    const expected = `a time with a unit (${UNITS}) such as 120ms or 1h`;
    return this.#read(key, spanUs, expected, fallback, (us) => us >= 0);
  }

  /** A span above 0. */
  length(key: string, fallback?: number): number {
    const expected = `a time above 0 with a unit (${UNITS}) such as 120ms or 1h`;
    return this.#read(key, spanUs, expected, fallback, (us) => us > 0);
  }

  /** A rate in requests per microsecond. */
  rate(key: string, fallback?: number): number {
    return this.#read(key, ratePerUs, 'a rate such as 10/s or 600/m', fallback, (rate) => rate <= 1e3);
  }

  number(key: string, min: number, max: number, fallback?: number): number {
    const isGood = (value: number): boolean => value >= min && value <= max;
    return this.#read(key, plainNumber, `a number from ${min} to ${max}`, fallback, isGood);
  }

  whole(key: string, min: number, max: number, fallback?: number): number {
    const isGood = (value: number): boolean => Number.isInteger(value) && value >= min && value <= max;
    return this.#read(key, plainNumber, `a whole number from ${min} to ${max}`, fallback, isGood);
  }

  /** Refuses keys that were never asked for. */
  end(): void {
    const known = [...this.#asked];
    for (const key of this.#values.keys()) {
      if (this.#asked.has(key)) continue;
      const got = `${shown(key)}${didYouMean(key, known)}`;
      throw this.#fault(known.length === 0 ? 'no pairs' : `the keys ${known.join(', ')}`, got);
    }
  }
}
