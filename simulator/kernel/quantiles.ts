/** Exact percentiles of a sample by the nearest-rank rule. It knows no domain. */

import { selectRank } from './select.ts';

export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

// Whole per mille, multiplied before they are divided: 0.95 × n would pass through a binary fraction and miss a rank.
/** The place in the sorted sample, from 0. */
export const rankOf = (perMille: number, count: number): number =>
  Math.max(Math.ceil((perMille * count) / 1000), 1) - 1;

/** The smallest value that at least `percent` % of the sorted sample does not exceed. */
export function nearestRank(sorted: Float64Array, percent: number): number {
  return sorted[rankOf(percent * 10, sorted.length)] ?? 0;
}

export const PER_MILLES = [500, 900, 950, 990, 999] as const;

/**
 * Describes a sample of non-negative integers; all figures are 0 for an empty one.
 * @param sample is put into another order in place. @param zeros how many more of its values are 0.
 */
export function describeSample(sample: Float64Array, zeros = 0): Distribution {
  const last = sample.length - 1;
  // Ascending ranks: each search has only what the one before left above it.
  let from = 0;
  const [p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0] = PER_MILLES.map((perMille) => {
    const rank = rankOf(perMille, sample.length + zeros) - zeros;
    if (rank < 0 || last < 0) return 0;
    selectRank(sample, rank, from, last);
    from = rank;
    return sample[rank] as number;
  });
  return { mean: meanOf(sample, zeros), p50, p90, p95, p99, p999, max: maxOf(sample, from) };
}

function maxOf(sample: Float64Array, from: number): number {
  let max = 0;
  for (let at = from; at < sample.length; at++) max = Math.max(max, sample[at] as number);
  return max;
}

const FLUSH_AT = 2 ** 52;

/** The mean from an exact sum of integers, so that it does not depend on their order. */
function meanOf(sample: Float64Array, zeros: number): number {
  if (sample.length === 0) return 0;
  let high = 0n;
  let low = 0;
  for (let at = 0; at < sample.length; at++) {
    low += sample[at] as number;
    if (low >= FLUSH_AT) {
      high += BigInt(low);
      low = 0;
    }
  }
  return Number(high + BigInt(low)) / (sample.length + zeros);
}
