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

const ROOM_MIN = 64;

function larger(old: Float64Array): Float64Array<ArrayBuffer> {
  const values = new Float64Array(old.length * 2);
  values.set(old);
  return values;
}

/** Which interval a time is in; mostly the one of the time before, which takes no division to tell. */
class Intervals {
  readonly widthUs: number;
  #at = 0;
  #fromUs = 0;
  #toUs: number;

  constructor(widthUs: number) {
    this.widthUs = widthUs;
    this.#toUs = widthUs;
  }

  /** @param timeUs from the series' beginning. */
  of(timeUs: number): number {
    if (timeUs < this.#fromUs || timeUs >= this.#toUs) this.#go(Math.floor(timeUs / this.widthUs));
    return this.#at;
  }

  #go(at: number): void {
    this.#at = at;
    this.#fromUs = at * this.widthUs;
    this.#toUs = this.#fromUs + this.widthUs;
  }
}

/** Counts by interval. */
class Counts {
  #counts = new Float64Array(ROOM_MIN);

  add(at: number): void {
    while (at >= this.#counts.length) this.#counts = larger(this.#counts);
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  first(intervals: number): number[] {
    return Array.from({ length: intervals }, (_, at) => this.#counts[at] ?? 0);
  }
}

/** Sums spans into intervals: both ends on their own, what lies between by where it begins and ends. */
class Coverage {
  readonly #intervals: Intervals;
  #partUs = new Float64Array(ROOM_MIN);
  #whole = new Float64Array(ROOM_MIN);

  constructor(intervals: Intervals) {
    this.#intervals = intervals;
  }

  /** Times from the series' beginning. @returns the interval of the span's end. */
  add(fromUs: number, toUs: number): number {
    const width = this.#intervals.widthUs;
    const first = this.#intervals.of(fromUs);
    const last = this.#intervals.of(toUs);
    while (last + 1 >= this.#partUs.length) this.#grow();
    const parts = this.#partUs;
    if (first === last) {
      parts[first] = (parts[first] as number) + toUs - fromUs;
      return last;
    }
    parts[first] = (parts[first] as number) + (first + 1) * width - fromUs;
    parts[last] = (parts[last] as number) + toUs - last * width;
    this.#whole[first + 1] = (this.#whole[first + 1] as number) + 1;
    this.#whole[last] = (this.#whole[last] as number) - 1;
    return last;
  }

  means(intervals: number): number[] {
    let open = 0;
    return Array.from({ length: intervals }, (_, at) => {
      open += this.#whole[at] ?? 0;
      return Number((open + (this.#partUs[at] ?? 0) / this.#intervals.widthUs).toFixed(DECIMALS));
    });
  }

  #grow(): void {
    if (this.#partUs.length > INTERVALS_MAX) throw tooFine(this.#intervals.widthUs);
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
  readonly #intervalAt: Intervals;
  readonly #arrivals = new Counts();
  readonly #rejected = new Counts();
  readonly #coldStarts = new Counts();
  readonly #running: Coverage;
  readonly #waiting: Coverage;
  readonly #alive: Coverage;
  #intervals = 0;

  /** @param startUs the first arrival. */
  constructor(startUs: number, intervalUs: number) {
    this.#startUs = startUs;
    this.#intervalUs = intervalUs;
    this.#intervalAt = new Intervals(intervalUs);
    this.#running = new Coverage(this.#intervalAt);
    this.#waiting = new Coverage(this.#intervalAt);
    this.#alive = new Coverage(this.#intervalAt);
  }

  execution(record: ExecutionRecord): void {
    const arrivedUs = record.arrivedAtUs - this.#startUs;
    const startUs = arrivedUs + record.queueUs;
    const at = this.#intervalAt.of(arrivedUs);
    this.#reach(at);
    this.#arrivals.add(at);
    if (startUs > arrivedUs) this.#waiting.add(arrivedUs, startUs);
    if (!wasStarted(record)) {
      this.#rejected.add(at);
      return;
    }
    if (record.warmth === 'cold') this.#coldStarts.add(at);
    this.#reach(this.#running.add(startUs, startUs + record.startupUs + record.runUs));
  }

  instance(startedAtUs: number, endedAtUs: number): void {
    this.#reach(this.#alive.add(startedAtUs - this.#startUs, endedAtUs - this.#startUs));
  }

  /** All that was counted until now. */
  get series(): Series {
    const intervals = this.#intervals;
    return {
      intervalS: this.#intervalUs / US_PER_S,
      arrivals: this.#arrivals.first(intervals),
      rejected: this.#rejected.first(intervals),
      coldStarts: this.#coldStarts.first(intervals),
      concurrency: this.#running.means(intervals),
      queue: this.#waiting.means(intervals),
      instances: this.#alive.means(intervals),
    };
  }

  #reach(at: number): void {
    if (at >= INTERVALS_MAX) throw tooFine(this.#intervalUs);
    if (at >= this.#intervals) this.#intervals = at + 1;
  }
}
