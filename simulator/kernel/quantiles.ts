/** Exact percentiles of a sample by the nearest-rank rule. It knows no domain. */

export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The smallest value that at least `percent` % of the sorted sample does not exceed. */
export function nearestRank(sorted: Float64Array, percent: number): number {
  // Multiplied before it is divided: 0.95 × n would pass through a binary fraction and miss a rank.
  const rank = Math.ceil((percent * sorted.length) / 100);
  return sorted[Math.max(rank, 1) - 1] ?? 0;
}

/**
 * Describes a sample of non-negative integers; all figures are 0 for an empty one.
 * @param sample is sorted in place.
 */
export function describeSample(sample: Float64Array): Distribution {
  sample.sort();
  return {
    mean: meanOf(sample),
    p50: nearestRank(sample, 50),
    p90: nearestRank(sample, 90),
    p95: nearestRank(sample, 95),
    p99: nearestRank(sample, 99),
    max: sample[sample.length - 1] ?? 0,
  };
}

const FLUSH_AT = 2 ** 52;

/** The mean from an exact sum of integers, so that it does not depend on their order. */
function meanOf(sample: Float64Array): number {
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
  return Number(high + BigInt(low)) / sample.length;
}
