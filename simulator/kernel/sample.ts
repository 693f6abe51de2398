/**
 * A sample of non-negative integers in the order in which they come, in memory that does not grow with it for ever: up to
 * 2^22 values are kept and its percentiles are exact, beyond they are counted in a sketch. It knows no domain.
 */
import { batchMeans, type Interval, meanInterval } from './interval.ts';
import { type Distribution, describeSample, PER_MILLES, rankOf } from './quantiles.ts';
import { Sketch } from './sketch.ts';

/** Of two samples of a replay, waits and latencies, these are 64 MB. */
export const EXACT_MAX = 2 ** 22;
const CAPACITY_MIN = 1024;
/** Of a sample that is not kept, sums of so many values in a row are. */
const GROUP = 1024;
const FLUSH_AT = 2 ** 52;

export class Sample {
  readonly #exactMax: number;
  #values: Float64Array;
  #kept = 0;
  /** null while all values are kept. */
  #sketch: Sketch | null = null;
  #sketched = 0;
  readonly #groups: number[] = [];
  #groupSum = 0;
  #sumLow = 0;
  #sumHigh = 0n;

  /** @param expected about how many values will come. @param exactMax up to how many are kept. */
  constructor(expected: number, exactMax = EXACT_MAX) {
    this.#exactMax = exactMax;
    this.#values = new Float64Array(Math.min(Math.max(Math.ceil(expected), CAPACITY_MIN), exactMax));
  }

  get count(): number {
    return this.#kept + this.#sketched;
  }

  /** @param value an integer from 0 to 2^52. */
  add(value: number): void {
    if (this.#sketch === null) {
      if (this.#kept === this.#values.length) this.#grow();
      if (this.#sketch === null) {
        this.#values[this.#kept++] = value;
        return;
      }
    }
    this.#count(this.#sketch, value);
  }

  #count(sketch: Sketch, value: number): void {
    sketch.add(value);
    this.#sumLow += value;
    if (this.#sumLow >= FLUSH_AT) this.#flush();
    this.#groupSum += value;
    if (++this.#sketched % GROUP !== 0) return;
    this.#groups.push(this.#groupSum);
    this.#groupSum = 0;
  }

  /** Makes room for more, or gives up keeping. */
  #grow(): void {
    const values = this.#values;
    if (values.length < this.#exactMax) {
      this.#values = new Float64Array(Math.min(values.length * 2, this.#exactMax));
      this.#values.set(values);
      return;
    }
    this.#sketch = new Sketch();
    for (let at = 0; at < this.#kept; at++) this.#count(this.#sketch, values[at] as number);
    this.#values = new Float64Array();
    this.#kept = 0;
  }

  #flush(): void {
    this.#sumHigh += BigInt(this.#sumLow);
    this.#sumLow = 0;
  }

  /** The mean of batches in the order of the sample, as `batchMeans` has it; before `describe`. */
  batchMeans(batches: number): Interval {
    if (this.#sketch === null) return batchMeans(this.#values.subarray(0, this.#kept), batches);
    const size = Math.floor(this.#groups.length / batches);
    if (size === 0) return { mean: 0, halfWidth: null };
    const means = Array.from({ length: batches }, (_, batch) => {
      const groups = this.#groups.slice(batch * size, (batch + 1) * size);
      return groups.reduce((sum, group) => sum + group, 0) / (size * GROUP);
    });
    return meanInterval(means);
  }

  /** Reorders what is kept. */
  describe(): Distribution {
    const sketch = this.#sketch;
    if (sketch === null) return describeSample(this.#values.subarray(0, this.#kept));
    const ranks = PER_MILLES.map((perMille) => rankOf(perMille, this.#sketched));
    const [p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0] = sketch.at(ranks);
    this.#flush();
    const mean = Number(this.#sumHigh) / this.#sketched;
    return { mean, p50, p90, p95, p99, p999, max: sketch.max };
  }
}
