/**
 * Exact numbers: integer sums that never lose a digit, decimals for prices, and the sizes of the units that
 * providers bill in. Quantities are plain integers whose names carry the unit; they are checked where they
 * enter (brands would be lost at the first addition).
 */
import { CodedError } from './errors.ts';

export const US_PER_MS = 1_000;
export const US_PER_S = 1_000_000;
export const US_PER_HOUR = 3_600_000_000;
/** Providers' GB of memory is 2^30 bytes: a 512 MB function counts as 0.5 GB. */
export const BYTES_PER_MB = 1_048_576;
export const BYTES_PER_GB = 1_073_741_824;
/** Convention of AWS, Azure and Google calculators for prices by the month. */
export const HOURS_PER_MONTH = 730;

/** Smallest multiple of `step` that is not below `value`; both non-negative safe integers, step above 0. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

const CARRY_AT = 2 ** 51;
const UPPER_UNIT = 2 ** 24;

/**
 * An exact sum of non-negative integers of any size: low + upper × 2^24 + high. The first two are numbers below 2^52,
 * so that bigints, which are slow, are hardly ever needed.
 */
export class ExactSum {
  #low = 0;
  #upper = 0;
  #high = 0n;

  /** Adds an integer from 0 to 2^51. */
  add(value: number): void {
    this.#low += value;
    if (this.#low >= CARRY_AT) this.#carry();
  }

  /** Adds a × b exactly; both non-negative safe integers. Of the two, a is the one that may be large. */
  addProduct(a: number, b: number): void {
    const units = Math.floor(a / UPPER_UNIT);
    const lower = (a - units * UPPER_UNIT) * b;
    const upper = units * b;
    // Rounded products that are below it are exact.
    if (lower >= CARRY_AT || upper >= CARRY_AT) {
      this.#high += BigInt(a) * BigInt(b);
      return;
    }
    this.#low += lower;
    if (this.#low >= CARRY_AT) this.#carry();
    this.#upper += upper;
    if (this.#upper >= CARRY_AT) this.#flush();
  }

  addBig(value: bigint): void {
    this.#high += value;
  }

  get value(): bigint {
    this.#flush();
    return this.#high;
  }

  #carry(): void {
    const units = Math.floor(this.#low / UPPER_UNIT);
    this.#upper += units;
    this.#low -= units * UPPER_UNIT;
    if (this.#upper >= CARRY_AT) this.#flush();
  }

  #flush(): void {
    this.#high += BigInt(this.#upper) * BigInt(UPPER_UNIT) + BigInt(this.#low);
    this.#upper = 0;
    this.#low = 0;
  }
}

/** An exact decimal: `digits` / 10^`scale`. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/**
 * Reads a non-negative decimal such as `0.0000166667` or `1.5e-7` without passing through a binary fraction.
 * @throws CodedError `value-invalid`
 */
export function parseDecimal(text: string): Decimal {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d{1,3}))?$/i.exec(text);
  if (!match) {
    throw new CodedError(
      'value-invalid',
      `expected a decimal number of 0 or more, got ${JSON.stringify(text)}`,
    );
  }
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** numerator / denominator, rounded up; both positive or numerator 0. */
export function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/** The quotient as plain decimal text with at most `places` decimals, rounded up, without trailing zeros. */
export function formatQuotient(numerator: bigint, denominator: bigint, places: number): string {
  const scaled = divideUp(numerator * 10n ** BigInt(places), denominator)
    .toString()
    .padStart(places + 1, '0');
  const whole = scaled.slice(0, scaled.length - places);
  const fraction = scaled.slice(scaled.length - places).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

const NANO = 1_000_000_000n;

/** Nano-dollars as decimal text: 12000020000n is `12.00002`. */
export function formatNanoUsd(nanoUsd: bigint): string {
  return formatQuotient(nanoUsd, NANO, 9);
}

/** A decimal as plain text, all of it, without trailing zeros. */
export const decimalText = ({ digits, scale }: Decimal): string =>
  formatQuotient(digits, 10n ** BigInt(scale), scale);
