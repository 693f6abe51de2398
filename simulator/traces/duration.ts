/**
 * Durations from columns: a column, or a linear expression such as `0.05+0.02*GeneratedTokens`, evaluated in
 * exact decimals and then cut to whole microseconds.
 */
import { CodedError } from '../../metering/errors.ts';
import { type Decimal, parseDecimal } from '../../metering/units.ts';
import { optionColumn } from './csv.ts';
import { type Place, rowFault, shown } from './fault.ts';
import { checkedDuration, type DurationUnit, UNIT_SHIFTS } from './time.ts';

const OPTION = 'csvDuration';

/** One summand: coefficient × column, or the coefficient alone. */
interface Term {
  readonly coefficient: Decimal;
  readonly isNegative: boolean;
  readonly column: number | null;
}

const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const NAME = /[^\s+*-]+/y;
const SPACE = /\s*/y;

/** Reads an expression from left to right. */
class ExpressionReader {
  readonly #text: string;
  readonly #columns: readonly string[];
  readonly #byLength: readonly string[];
  readonly #file: string;
  #at = 0;

  constructor(text: string, columns: readonly string[], file: string) {
    this.#text = text;
    this.#columns = columns;
    // A name may hold characters that mean something here (`run-ms`), so the longest name that fits is meant.
    this.#byLength = [...columns].filter((name) => name !== '').sort((a, b) => b.length - a.length);
    this.#file = file;
  }

  terms(): Term[] {
    let isNegative = this.#take(/[+-]/y) === '-';
    const terms: Term[] = [];
    for (;;) {
      terms.push(this.#term(isNegative));
      const sign = this.#take(/[+-]/y);
      if (sign === '') break;
      isNegative = sign === '-';
    }
    if (this.#at < this.#text.length) throw this.#fault('+, - or *');
    return terms;
  }

  #term(isNegative: boolean): Term {
    let coefficient: Decimal = { digits: 1n, scale: 0 };
    let column: number | null = null;
    do {
      const name = this.#column();
      const number = name === null ? this.#take(NUMBER) : '';
      if (number !== '') coefficient = multiplied(coefficient, parseDecimal(number));
      else if (column !== null)
        throw this.#fault('at most one column in a product (the expression is linear)');
      else column = optionColumn(this.#columns, name ?? this.#unknownName(), OPTION, this.#file);
    } while (this.#take(/\*/y) !== '');
    return { coefficient, isNegative, column };
  }

  #column(): string | null {
    this.#take(SPACE);
    const name = this.#byLength.find((candidate) => {
      if (!this.#text.startsWith(candidate, this.#at)) return false;
      const after = this.#text[this.#at + candidate.length];
      return after === undefined || /[\s+*-]/.test(after);
    });
    if (name === undefined) return null;
    this.#at += name.length;
    this.#take(SPACE);
    return name;
  }

  #unknownName(): string {
    const name = this.#take(NAME);
    if (name === '') throw this.#fault('a number or a column');
    return name;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    SPACE.lastIndex = this.#at + found.length;
    this.#at += found.length + (SPACE.exec(this.#text)?.[0].length ?? 0);
    return found;
  }

  #fault(expected: string): CodedError {
    const rest = this.#at < this.#text.length ? shown(this.#text.slice(this.#at)) : 'its end';
    return new CodedError('usage', `${OPTION} ${shown(this.#text)}: expected ${expected}, got ${rest}`, {
      option: OPTION,
      expected,
    });
  }
}

const multiplied = (a: Decimal, b: Decimal): Decimal => ({
  digits: a.digits * b.digits,
  scale: a.scale + b.scale,
});

/** A compiled expression: every coefficient in whole units of 10^-scale of the duration's unit. */
export class DurationExpression {
  readonly #text: string;
  readonly #unit: DurationUnit;
  readonly #columns: readonly string[];
  readonly #scale: number;
  readonly #terms: readonly {
    readonly factor: bigint;
    readonly number: number;
    readonly column: number | null;
  }[];

  /** @throws CodedError `usage` for a column that is not there, or an expression that is not linear. */
  constructor(text: string, columns: readonly string[], unit: DurationUnit, file: string) {
    this.#text = text.trim();
    this.#unit = unit;
    this.#columns = columns;
    const terms = new ExpressionReader(this.#text, columns, file).terms();
    this.#scale = Math.max(UNIT_SHIFTS[unit], ...terms.map((term) => term.coefficient.scale));
    this.#terms = terms.map(({ coefficient, isNegative, column }) => {
      const size = coefficient.digits * 10n ** BigInt(this.#scale - coefficient.scale);
      const factor = isNegative ? -size : size;
      return { factor, number: Number(factor), column };
    });
  }

  /** @throws CodedError `trace-invalid` for a value that is no number, or a duration below 0. */
  us(fields: readonly string[], place: Place): number {
    const excess = this.#scale - UNIT_SHIFTS[this.#unit];
    const sum = this.#wholeSum(fields);
    const us = sum === null ? Number(this.#bigSum(fields, place) / 10n ** BigInt(excess)) : cut(sum, excess);
    return checkedDuration(us, this.#unit, place, this.#text, `${us} µs`);
  }

  /** The sum when all values are short whole numbers and no digit can be lost; else null. */
  #wholeSum(fields: readonly string[]): number | null {
    let sum = 0;
    for (const { number, column } of this.#terms) {
      const text = column === null ? '1' : (fields[column] as string);
      if (!/^\d{1,15}$/.test(text)) return null;
      const product = number * Number(text);
      sum += product;
      if (!Number.isSafeInteger(product) || !Number.isSafeInteger(sum)) return null;
    }
    return sum;
  }

  /** The sum for any decimals, in units of 10^-scale, cut below. */
  #bigSum(fields: readonly string[], place: Place): bigint {
    const values = this.#terms.map(({ column }) =>
      column === null ? null : this.#value(fields, column, place),
    );
    const scale = Math.max(0, ...values.map((value) => value?.scale ?? 0));
    let sum = 0n;
    for (const [index, { factor }] of this.#terms.entries()) {
      const { digits, scale: own } = values[index] ?? { digits: 1n, scale: 0 };
      sum += factor * digits * 10n ** BigInt(scale - own);
    }
    return sum / 10n ** BigInt(scale);
  }

  #value(fields: readonly string[], column: number, place: Place): Decimal {
    const text = (fields[column] as string).trim();
    try {
      const { digits, scale } = parseDecimal(text.replace(/^-/, ''));
      return { digits: text.startsWith('-') ? -digits : digits, scale };
    } catch {
      // What parseDecimal would say, with the place.
      throw rowFault(place, this.#columns[column] ?? null, 'a number', shown(text));
    }
  }
}

/** A whole number divided by 10^places and cut towards zero; the remainder is taken off first, so it is exact. */
function cut(value: number, places: number): number {
  const divisor = 10 ** places;
  return (value - (value % divisor)) / divisor;
}
