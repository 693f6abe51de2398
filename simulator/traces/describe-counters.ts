/** What is counted while arrivals go by in order of time, each in memory that does not grow with their number. */
import { US_PER_MS, US_PER_S } from '../../metering/units.ts';
import { EventQueue } from '../kernel/event-queue.ts';

/** Six decimals, or six digits of what is smaller. */
export const rounded = (value: number): number =>
  Number(Math.abs(value) < 0.1 ? value.toPrecision(6) : value.toFixed(6));

export interface CountsPerInterval {
  /** Of whole intervals from the first arrival on, the last one included. */
  readonly mean: number;
  readonly max: number;
  /** Variance of the counts by their mean: 1 for a Poisson process, 0 for an even one; null for one interval. */
  readonly dispersion: number | null;
}

/** In one pass, so that empty intervals cost nothing. */
export class IntervalCounts {
  readonly #intervalUs: number;
  #interval = 0;
  #inInterval = 0;
  #count = 0;
  #max = 0;
  #squares = 0;

  constructor(intervalUs: number) {
    this.#intervalUs = intervalUs;
  }

  /** @param sinceUs since the first arrival, never falling. */
  add(sinceUs: number): void {
    const here = Math.floor(sinceUs / this.#intervalUs);
    if (here !== this.#interval) {
      this.#squares += this.#inInterval ** 2;
      this.#interval = here;
      this.#inInterval = 0;
    }
    this.#count++;
    this.#inInterval++;
    if (this.#inInterval > this.#max) this.#max = this.#inInterval;
  }

  /** After at least one arrival. */
  describe(): CountsPerInterval {
    const intervals = this.#interval + 1;
    const squares = this.#squares + this.#inInterval ** 2;
    const mean = this.#count / intervals;
    const variance = squares / intervals - mean ** 2;
    const dispersion = intervals < 2 ? null : rounded(variance / mean);
    return { mean: rounded(mean), max: this.#max, dispersion };
  }
}

/** Requests that run at once if none has to wait; its memory grows with those, not with all. */
export class Concurrency {
  readonly #ends = new EventQueue();
  #max = 0;

  add(atUs: number, runUs: number): void {
    const ends = this.#ends;
    // One that ends when another arrives is not beside it.
    while (ends.nextKey <= atUs) ends.pop();
    if (runUs > 0) ends.push(atUs + runUs, 0);
    // Who takes no time is beside nobody, but is there.
    this.#max = Math.max(this.#max, ends.length, 1);
  }

  get max(): number {
    return this.#max;
  }
}

export interface FunctionShare {
  readonly name: string;
  readonly requests: number;
  readonly share: number;
  readonly meanMs: number;
}

export class FunctionCounts {
  readonly #names: readonly string[];
  readonly #requests: Float64Array;
  readonly #runUs: Float64Array;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#requests = new Float64Array(names.length);
    this.#runUs = new Float64Array(names.length);
  }

  add(index: number, runUs: number): void {
    this.#requests[index] = (this.#requests[index] as number) + 1;
    this.#runUs[index] = (this.#runUs[index] as number) + runUs;
  }

  /** Those with most requests, of equal ones the first; none without a request. */
  top(count: number): readonly FunctionShare[] {
    const requests = this.#requests;
    const total = requests.reduce((sum, one) => sum + one, 0);
    const used = Array.from(requests.keys()).filter((index) => (requests[index] as number) > 0);
    const order = used.sort((a, b) => (requests[b] as number) - (requests[a] as number) || a - b);
    return order.slice(0, count).map((index) => {
      const own = requests[index] as number;
      return {
        name: this.#names[index] as string,
        requests: own,
        share: rounded(own / total),
        meanMs: rounded((this.#runUs[index] as number) / own / US_PER_MS),
      };
    });
  }
}

/** Arrivals in equal parts of the span. */
export interface Shape {
  /** 0 where all arrive at once. */
  readonly columnS: number;
  readonly counts: readonly number[];
}

export class ShapeCounts {
  readonly #spanUs: number;
  readonly #counts: number[];

  constructor(spanUs: number, columns: number) {
    this.#spanUs = spanUs;
    this.#counts = new Array<number>(spanUs === 0 ? 1 : columns).fill(0);
  }

  add(sinceUs: number): void {
    const last = this.#counts.length - 1;
    const column = last === 0 ? 0 : Math.min(Math.floor((sinceUs / this.#spanUs) * (last + 1)), last);
    this.#counts[column] = (this.#counts[column] as number) + 1;
  }

  describe(): Shape {
    const counts = this.#counts;
    return { columnS: rounded(this.#spanUs / counts.length / US_PER_S), counts };
  }
}

/** Variation of gaps around a mean that is known. */
export class GapVariation {
  readonly #mean: number;
  #squares = 0;
  #count = 0;

  constructor(mean: number) {
    this.#mean = mean;
  }

  add(gapUs: number): void {
    this.#squares += (gapUs - this.#mean) ** 2;
    this.#count++;
  }

  /** Their coefficient of variation; null for fewer than two, or where all arrive at once. */
  describe(): number | null {
    if (this.#count < 2 || this.#mean === 0) return null;
    return rounded(Math.sqrt(this.#squares / this.#count) / this.#mean);
  }
}
