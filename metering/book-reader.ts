/** Reads fields of parsed JSON and collects every fault with its path, so that one run names them all. */
import { type Decimal, parseDecimal } from './units.ts';

export type Json = Readonly<Record<string, unknown>>;

/** One fault: where it is, for example `book.meters[0].unit`, and what was expected there and what came. */
export interface Fault {
  readonly path: string;
  readonly text: string;
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

export class BookReader {
  readonly faults: Fault[] = [];

  fault(path: string, expected: string, got: unknown): void {
    this.faults.push({ path, text: `${path}: expected ${expected}, got ${shown(got)}` });
  }

  object(value: unknown, path: string, keys: readonly string[]): Json {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fault(path, 'an object', value);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (!keys.includes(key)) this.fault(`${path}.${key}`, `one of the fields ${keys.join(', ')}`, key);
    }
    return value as Json;
  }

  text(value: unknown, path: string): string {
    if (typeof value === 'string' && value !== '') return value;
    this.fault(path, 'a text', value);
    return '';
  }

  matching(value: unknown, path: string, pattern: RegExp, expected: string): string {
    if (typeof value === 'string' && pattern.test(value)) return value;
    this.fault(path, expected, value);
    return '';
  }

  oneOf<T extends string>(value: unknown, path: string, allowed: readonly T[]): T {
    if (typeof value === 'string' && (allowed as readonly string[]).includes(value)) return value as T;
    this.fault(path, `one of ${allowed.join(', ')}`, value);
    return allowed[0] as T;
  }

  integer(value: unknown, path: string, least: number): number {
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
    this.fault(path, `an integer of ${least} or more`, value);
    return least;
  }

  /** A number above 0 with at most three decimals: what a whole number of thousandths can say. */
  thousandths(value: unknown, path: string): number {
    if (typeof value !== 'number' || value <= 0 || value >= 1e9)
      this.fault(path, 'a number above 0 and below a billion', value);
    else if (Math.round(value * 1_000) / 1_000 === value) return value;
    else this.fault(path, 'at most three decimals', value);
    return 1;
  }

  decimal(value: unknown, path: string): Decimal {
    try {
      if (typeof value === 'string') return parseDecimal(value);
    } catch {
      // The fault below says the same with its path.
    }
    this.fault(path, 'a decimal number as text, for example "0.20"', value);
    return { digits: 0n, scale: 0 };
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (Array.isArray(value)) return value;
    this.fault(path, 'a list', value);
    return [];
  }
}
