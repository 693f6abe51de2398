/** Reads a scenario's options one by one and collects what is wrong with them; it knows none by name. */
import { didYouMean } from '../metering/nearest.ts';

export const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

export class OptionReader<Key extends string> {
  readonly faults: string[] = [];
  readonly #source: Readonly<Record<string, unknown>>;

  constructor(source: Readonly<Record<string, unknown>>, keys: readonly Key[]) {
    this.#source = source;
    for (const key of Object.keys(source)) {
      if (!(keys as readonly string[]).includes(key)) {
        this.faults.push(`no option ${shown(key)}${didYouMean(key, keys)}`);
      }
    }
  }

  fault(key: Key, expected: string): null {
    this.faults.push(`${key}: expected ${expected}, got ${shown(this.#source[key])}`);
    return null;
  }

  value(key: Key): unknown {
    return this.#source[key];
  }

  integer(key: Key, min: number, max: number): number | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    const isGood = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
    return isGood ? (value as number) : this.fault(key, `an integer from ${min} to ${max}`);
  }

  number(key: Key, max: number, min = 0): number | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    const isGood = typeof value === 'number' && value >= min && value <= max;
    return isGood ? value : this.fault(key, `a number from ${min} to ${max}`);
  }

  /** A number in a larger unit becomes whole microseconds. */
  us(key: Key, max: number, usPerUnit: number, min = 0): number | null {
    const value = this.number(key, max, min);
    return value === null ? null : Math.round(value * usPerUnit);
  }

  oneOf<T extends string>(key: Key, allowed: readonly T[]): T | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    if ((allowed as readonly unknown[]).includes(value)) return value as T;
    return this.fault(key, `one of ${allowed.join(', ')}`);
  }

  text(key: Key): string | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    return typeof value === 'string' && value !== '' ? value : this.fault(key, 'text');
  }

  /** Text of a little language of its own. */
  parsed<T>(key: Key, parse: (text: string) => T | null, expected: string): T | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    return (typeof value === 'string' ? parse(value) : null) ?? this.fault(key, expected);
  }

  list(key: Key): readonly string[] | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    const isGood =
      Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
    return isGood ? [...new Set(value)] : this.fault(key, 'a list of names, at least one');
  }

  flag(key: Key): boolean | null {
    const value = this.#source[key];
    if (value === undefined) return null;
    return typeof value === 'boolean' ? value : this.fault(key, 'true or false');
  }
}
