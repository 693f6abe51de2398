/**
 * A sample of non-negative integers in the order in which they come, in memory that does not grow with it for ever: up to
 * 2^22 values are kept and its percentiles are exact, beyond they are counted in a sketch. It knows no domain.
 */
import { type Interval, meanInterval } from './interval.ts';
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
  /** What is kept, in order: values above 0, and below 0 how many zeros there are in a row, of which waits have most. */
  #entries: Float64Array;
  #length = 0;
  /** How many of the entries are zeros in a row. */
  #zeroRuns = 0;
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
    this.#entries = new Float64Array(Math.min(Math.max(Math.ceil(expected), CAPACITY_MIN), exactMax));
  }

  get count(): number {
    return this.#kept + this.#sketched;
  }

  /** @param value an integer from 0 to 2^52. */
  add(value: number): void {
    if (this.#kept === this.#exactMax) this.#giveUpKeeping();
    if (this.#sketch !== null) this.#count(this.#sketch, value);
    else if (value === 0) this.#keepZero();
    else this.#keep(value);
  }

  #keepZero(): void {
    const last = this.#length === 0 ? 0 : (this.#entries[this.#length - 1] as number);
    if (last >= 0) {
      this.#zeroRuns++;
      this.#keep(-1);
      return;
    }
    this.#entries[this.#length - 1] = last - 1;
    this.#kept++;
  }

  #keep(entry: number): void {
    if (this.#length === this.#entries.length) this.#grow();
    this.#entries[this.#length++] = entry;
    this.#kept++;
  }

  #grow(): void {
    const entries = this.#entries;
    this.#entries = new Float64Array(Math.min(entries.length * 2, this.#exactMax));
    this.#entries.set(entries);
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

  #giveUpKeeping(): void {
    const sketch = new Sketch();
    for (const entry of this.#entries.subarray(0, this.#length)) {
      for (let zeros = entry; zeros < 0; zeros++) this.#count(sketch, 0);
      if (entry > 0) this.#count(sketch, entry);
    }
    this.#sketch = sketch;
    this.#entries = new Float64Array();
    this.#length = 0;
    this.#kept = 0;
  }

  #flush(): void {
    this.#sumHigh += BigInt(this.#sumLow);
    this.#sumLow = 0;
  }

  /**
   * Of equal batches in the order of the sample, the rest left out: their means are nearly independent when batches are
   * long, even where values are not. Before `describe`.
   */
  batchMeans(batches: number): Interval {
    const size =
      this.#sketch === null
        ? Math.floor(this.#kept / batches)
        : Math.floor(this.#groups.length / batches) * GROUP;
    if (size === 0) return { mean: 0, halfWidth: null };
    const sums =
      this.#sketch === null ? this.#keptSums(batches, size) : this.#groupSums(batches, size / GROUP);
    return meanInterval(sums.map((sum) => sum / size));
  }

  #groupSums(batches: number, groups: number): number[] {
    return Array.from({ length: batches }, (_, batch) =>
      this.#groups.slice(batch * groups, (batch + 1) * groups).reduce((sum, group) => sum + group, 0),
    );
  }

  #keptSums(batches: number, size: number): number[] {
    const entries = this.#entries;
    const sums: number[] = [];
    let sum = 0;
    let values = 0;
    for (let at = 0; sums.length < batches; at++) {
      const entry = entries[at] as number;
      values += entry < 0 ? -entry : 1;
      if (entry > 0) sum += entry;
      while (values >= size && sums.length < batches) {
        sums.push(sum);
        sum = 0;
        values -= size;
      }
    }
    return sums;
  }

  /** Reorders what is kept. */
  describe(): Distribution {
    const sketch = this.#sketch;
    if (sketch === null) return this.#describeKept();
    const ranks = PER_MILLES.map((perMille) => rankOf(perMille, this.#sketched));
    const [p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0] = sketch.at(ranks);
    this.#flush();
    const mean = Number(this.#sumHigh) / this.#sketched;
    return { mean, p50, p90, p95, p99, p999, max: sketch.max };
  }

  #describeKept(): Distribution {
    if (this.#zeroRuns > 0) this.#dropZeros();
    return describeSample(this.#entries.subarray(0, this.#length), this.#kept - this.#length);
  }

  #dropZeros(): void {
    const entries = this.#entries;
    let above = 0;
    for (let at = 0; at < this.#length; at++) {
      const entry = entries[at] as number;
      if (entry > 0) entries[above++] = entry;
    }
    this.#length = above;
    this.#zeroRuns = 0;
  }
}
