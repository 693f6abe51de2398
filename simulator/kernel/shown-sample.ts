/**
 * Exact figures of a sample that is shown again and again instead of being kept: the first showing finds its sum and its
 * largest value, each further one narrows down where the percentiles are. Its memory does not depend on the sample. It
 * knows no domain.
 */
import { type Distribution, PER_MILLES, rankOf } from './quantiles.ts';

/** 2^18 counters of a window are 1 MB: three showings are enough for values up to 2^36. */
const BUCKET_BITS = 18;
const BUCKETS = 2 ** BUCKET_BITS;
const FLUSH_AT = 2 ** 52;

/** Values from `low` on, counted in buckets of one width. */
interface Window {
  readonly low: number;
  /** A power of two. */
  readonly width: number;
  /** How many values are below. */
  readonly before: number;
  /** The ranks that are in it, from 0, rising. */
  readonly ranks: readonly number[];
  readonly counts: Uint32Array;
}

const windowOf = (low: number, width: number, before: number, ranks: readonly number[]): Window => ({
  ...{ low, width, before, ranks },
  counts: new Uint32Array(BUCKETS),
});

export class ShownSample {
  #count = 0;
  #max = 0;
  #sumLow = 0;
  #sumHigh = 0n;
  /** null in the first showing. */
  #windows: readonly Window[] | null = null;
  readonly #found = new Map<number, number>();

  /** Whether another showing would find nothing more. */
  get isDone(): boolean {
    return this.#windows?.length === 0;
  }

  /** @param value an integer from 0 to 2^52, the same ones in each showing, in any order. */
  add(value: number): void {
    if (this.#windows === null) this.#survey(value);
    else for (const window of this.#windows) count(window, value);
  }

  #survey(value: number): void {
    this.#count++;
    if (value > this.#max) this.#max = value;
    this.#sumLow += value;
    if (this.#sumLow < FLUSH_AT) return;
    this.#sumHigh += BigInt(this.#sumLow);
    this.#sumLow = 0;
  }

  /** All values have been shown. */
  endShowing(): void {
    if (this.#windows === null) this.#windows = this.#firstWindows();
    else this.#windows = this.#windows.flatMap((window) => this.#narrowed(window));
  }

  #firstWindows(): readonly Window[] {
    if (this.#count === 0) return [];
    let width = 1;
    while (width * BUCKETS <= this.#max) width *= 2;
    return [windowOf(0, width, 0, this.#ranks())];
  }

  #ranks(): readonly number[] {
    return [...new Set(PER_MILLES.map((perMille) => rankOf(perMille, this.#count)))];
  }

  /** Windows for the buckets that hold a rank; where those are a single value wide it is found. */
  #narrowed({ low, width, before, ranks, counts }: Window): readonly Window[] {
    const next = Math.max(1, width / BUCKETS);
    const windows: Window[] = [];
    let below = before;
    let rank = 0;
    for (let bucket = 0; bucket < BUCKETS && rank < ranks.length; bucket++) {
      const upTo = below + (counts[bucket] as number);
      const from = rank;
      while (rank < ranks.length && (ranks[rank] as number) < upTo) rank++;
      const own = ranks.slice(from, rank);
      const value = low + bucket * width;
      if (width === 1) for (const one of own) this.#found.set(one, value);
      else if (own.length > 0) windows.push(windowOf(value, next, below, own));
      below = upTo;
    }
    return windows;
  }

  /** Nearest-rank percentiles, all figures 0 for an empty sample. When it is done. */
  describe(): Distribution {
    const [p50, p90, p95, p99, p999] = PER_MILLES.map(
      (perMille) => this.#found.get(rankOf(perMille, this.#count)) ?? 0,
    ) as [number, number, number, number, number];
    const sum = this.#sumHigh + BigInt(this.#sumLow);
    const mean = this.#count === 0 ? 0 : Number(sum) / this.#count;
    return { mean, p50, p90, p95, p99, p999, max: this.#max };
  }
}

function count({ low, width, counts }: Window, value: number): void {
  // By a power of two, so the division is exact but for what is floored.
  const bucket = Math.floor((value - low) / width);
  if (bucket >= 0 && bucket < BUCKETS) counts[bucket] = (counts[bucket] as number) + 1;
}
