/**
 * A replay over time: for each interval what arrived, and the mean number of requests that ran and waited and of
 * instances that were alive. It is made from records and lives alone, so it is the same for every platform.
 */
import { CodedError } from '../metering/errors.ts';
import { type ExecutionRecord, wasStarted } from '../metering/execution.ts';
import { US_PER_S } from '../metering/units.ts';

/** Lists have an entry for each interval; means are rounded to the sixth decimal. */
export interface Series {
  readonly intervalS: number;
  /** Requests that arrived in the interval. */
  readonly arrivals: readonly number[];
  readonly rejected: readonly number[];
  /** Cold starts of requests that arrived in it. */
  readonly coldStarts: readonly number[];
  /** Requests that start up or run, on average. */
  readonly concurrency: readonly number[];
  /** Requests that wait before they start, on average. */
  readonly queue: readonly number[];
  /** Instances alive, on average: after the last arrival as long as they live. */
  readonly instances: readonly number[];
}

/** More intervals than anybody reads; a finer series of a long trace is a mistake. */
const INTERVALS_MAX = 100_000;
const DECIMALS = 6;

/** Sums spans into intervals: both ends on their own, what lies between by where it begins and ends. */
class Coverage {
  readonly #intervalUs: number;
  #partUs = new Float64Array(64);
  #whole = new Float64Array(64);

  constructor(intervalUs: number) {
    this.#intervalUs = intervalUs;
  }

  /** Times from the series' beginning. */
  add(fromUs: number, toUs: number): void {
    const width = this.#intervalUs;
    const first = Math.floor(fromUs / width);
    const last = Math.floor(toUs / width);
    while (last + 1 >= this.#partUs.length) this.#grow();
    const parts = this.#partUs;
    if (first === last) {
      parts[first] = (parts[first] as number) + toUs - fromUs;
      return;
    }
    parts[first] = (parts[first] as number) + (first + 1) * width - fromUs;
    parts[last] = (parts[last] as number) + toUs - last * width;
    this.#whole[first + 1] = (this.#whole[first + 1] as number) + 1;
    this.#whole[last] = (this.#whole[last] as number) - 1;
  }

  means(intervals: number): number[] {
    let open = 0;
    return Array.from({ length: intervals }, (_, at) => {
      open += this.#whole[at] ?? 0;
      return Number((open + (this.#partUs[at] ?? 0) / this.#intervalUs).toFixed(DECIMALS));
    });
  }

  #grow(): void {
    if (this.#partUs.length > INTERVALS_MAX) throw tooFine(this.#intervalUs);
    const room = this.#partUs.length * 2;
    const larger = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const values = new Float64Array(room);
      values.set(old);
      return values;
    };
    this.#partUs = larger(this.#partUs);
    this.#whole = larger(this.#whole);
  }
}

function tooFine(intervalUs: number): CodedError {
  return new CodedError(
    'config-invalid',
    `seriesS: expected at most ${INTERVALS_MAX} intervals, got more of ${intervalUs / US_PER_S} s each`,
  );
}

export class SeriesMeter {
  readonly #startUs: number;
  readonly #intervalUs: number;
  readonly #counts = { arrivals: [] as number[], rejected: [] as number[], coldStarts: [] as number[] };
  readonly #running: Coverage;
  readonly #waiting: Coverage;
  readonly #alive: Coverage;
  #intervals = 0;

  /** @param startUs the first arrival. */
  constructor(startUs: number, intervalUs: number) {
    this.#startUs = startUs;
    this.#intervalUs = intervalUs;
    this.#running = new Coverage(intervalUs);
    this.#waiting = new Coverage(intervalUs);
    this.#alive = new Coverage(intervalUs);
  }

  execution(record: ExecutionRecord): void {
    const arrivedUs = record.arrivedAtUs - this.#startUs;
    const startUs = arrivedUs + record.queueUs;
    const at = Math.floor(arrivedUs / this.#intervalUs);
    this.#reach(at);
    this.#count('arrivals', at);
    if (startUs > arrivedUs) this.#waiting.add(arrivedUs, startUs);
    if (!wasStarted(record)) {
      this.#count('rejected', at);
      return;
    }
    if (record.warmth === 'cold') this.#count('coldStarts', at);
    const endUs = startUs + record.startupUs + record.runUs;
    this.#running.add(startUs, endUs);
    this.#reach(Math.floor(endUs / this.#intervalUs));
  }

  instance(startedAtUs: number, endedAtUs: number): void {
    this.#alive.add(startedAtUs - this.#startUs, endedAtUs - this.#startUs);
    this.#reach(Math.floor((endedAtUs - this.#startUs) / this.#intervalUs));
  }

  /** All that was counted until now. */
  get series(): Series {
    const intervals = this.#intervals;
    const counted = (name: 'arrivals' | 'rejected' | 'coldStarts'): number[] =>
      Array.from({ length: intervals }, (_, at) => this.#counts[name][at] ?? 0);
    return {
      intervalS: this.#intervalUs / US_PER_S,
      arrivals: counted('arrivals'),
      rejected: counted('rejected'),
      coldStarts: counted('coldStarts'),
      concurrency: this.#running.means(intervals),
      queue: this.#waiting.means(intervals),
      instances: this.#alive.means(intervals),
    };
  }

  #reach(at: number): void {
    if (at >= INTERVALS_MAX) throw tooFine(this.#intervalUs);
    if (at >= this.#intervals) this.#intervals = at + 1;
  }

  #count(name: 'arrivals' | 'rejected' | 'coldStarts', at: number): void {
    const counts = this.#counts[name];
    counts[at] = (counts[at] ?? 0) + 1;
  }
}
