/** A distribution known by some of its percentiles, for draws by its inverse. It knows no trace format. */
import { type Place, rowFault } from './fault.ts';

const VALUE_MAX = 1e15;

export class PercentileCurve {
  readonly #shares: readonly number[];
  readonly #values: readonly number[];

  /**
   * @param perUnit what a value is multiplied with, for example 1000 from milliseconds to microseconds.
   * @throws CodedError `trace-invalid` for values that are none or that fall.
   */
  constructor(
    percents: readonly number[],
    values: readonly number[],
    perUnit: number,
    place: Place,
    prefix: string,
  ) {
    for (const [at, value] of values.entries()) {
      const column = `${prefix}${percents[at]}`;
      const before = values[at - 1] ?? 0;
      if (!(value >= before)) throw rowFault(place, column, `a number of at least ${before}`, String(value));
      if (value * perUnit > VALUE_MAX)
        throw rowFault(place, column, `at most ${VALUE_MAX / perUnit}`, String(value));
    }
    this.#shares = percents.map((percent) => percent / 100);
    this.#values = values.map((value) => Math.round(value * perUnit));
  }

  get max(): number {
    return this.#values.at(-1) as number;
  }

  /** The value that this share of the distribution is below: linear between percentiles, flat before the first. */
  at(share: number): number {
    const shares = this.#shares;
    const upper = shares.findIndex((known) => share < known);
    if (upper <= 0) return this.#values[upper < 0 ? shares.length - 1 : 0] as number;
    const from = shares[upper - 1] as number;
    const low = this.#values[upper - 1] as number;
    const high = this.#values[upper] as number;
    const part = (share - from) / ((shares[upper] as number) - from);
    return Math.round(low + part * (high - low));
  }
}
