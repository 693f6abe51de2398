/**
 * Counts of non-negative integers in buckets, for percentiles of samples that are too large to be kept: exact below 2^17,
 * above it in 2^16 buckets to each power of two. It knows no domain.
 */

const BITS = 16;
const PER_OCTAVE = 2 ** BITS;
const EXACT_BELOW = 2 * PER_OCTAVE;
const TWO_31 = 2 ** 31;

export class Sketch {
  readonly #exact = new Float64Array(EXACT_BELOW);
  /** For each power of two from EXACT_BELOW on, made when a value needs it. */
  readonly #octaves: (Float64Array | undefined)[] = [];
  #max = 0;

  /** @param value an integer from 0 to 2^53. */
  add(value: number): void {
    if (value > this.#max) this.#max = value;
    if (value < EXACT_BELOW) {
      this.#exact[value] = (this.#exact[value] as number) + 1;
      return;
    }
    const octave = octaveOf(value);
    const buckets = this.#octaves[octave] ?? this.#addOctave(octave);
    // The division is exact but for what is floored, since it is by a power of two.
    const bucket = Math.floor(value / 2 ** (octave + 1)) - PER_OCTAVE;
    buckets[bucket] = (buckets[bucket] as number) + 1;
  }

  #addOctave(octave: number): Float64Array {
    const buckets = new Float64Array(PER_OCTAVE);
    this.#octaves[octave] = buckets;
    return buckets;
  }

  get max(): number {
    return this.#max;
  }

  /**
   * The values at these ranks, which rise, of the sorted sample (from 0): the last value of each one's bucket, so never
   * below the true one and above it by less than its 65,536th part.
   */
  at(ranks: readonly number[]): number[] {
    const found: number[] = [];
    let before = 0;
    const seek = (buckets: Float64Array, lastOf: (bucket: number) => number): void => {
      for (let bucket = 0; bucket < buckets.length && found.length < ranks.length; bucket++) {
        before += buckets[bucket] as number;
        while (found.length < ranks.length && (ranks[found.length] as number) < before) {
          found.push(Math.min(lastOf(bucket), this.#max));
        }
      }
    };
    seek(this.#exact, (bucket) => bucket);
    for (const [octave, buckets] of this.#octaves.entries()) {
      const width = 2 ** (octave + 1);
      if (buckets !== undefined) seek(buckets, (bucket) => (PER_OCTAVE + bucket + 1) * width - 1);
    }
    return found;
  }
}

/** 0 for values from 2^17 to below 2^18, 1 to below 2^19 and so on. */
function octaveOf(value: number): number {
  if (value < TWO_31) return 31 - Math.clz32(value) - (BITS + 1);
  return 31 - Math.clz32(Math.floor(value / TWO_31)) + 31 - (BITS + 1);
}
