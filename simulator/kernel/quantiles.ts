/** Exact means and percentiles of a sample, the latter by the nearest-rank rule. It knows no domain. */

import { valuesAtRanks } from './select.ts';

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

const NOTHING: Distribution = { mean: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0, max: 0 };

/**
 * Describes a sample of integers from 0 to 2^52; all figures are 0 for an empty one.
 * @param zeros how many more of its values are 0.
 */
export function describeSample(sample: Float64Array, zeros = 0): Distribution {
  const { length } = sample;
  if (length === 0) return NOTHING;
  const ranks = PER_MILLES.map((perMille) => rankOf(perMille, length + zeros) - zeros);
  const above = ranks.filter((rank) => rank >= 0);
  // The largest is the value at the last rank.
  const found = valuesAtRanks(sample, [...above, length - 1]);
  const ofZeros = ranks.slice(above.length).fill(0);
  const [p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0, max = 0] = [...ofZeros, ...found];
  return { mean: meanOf(sample, zeros), p50, p90, p95, p99, p999, max };
}

const FLUSH_AT = 2 ** 52;

/** The mean from an exact sum of integers, so that it does not depend on their order. */
function meanOf(sample: Float64Array, zeros: number): number {
  let high = 0n;
  for (let at = 0; at < sample.length; ) {
    let low = 0;
    while (at < sample.length && low < FLUSH_AT) low += sample[at++] as number;
    high += BigInt(low);
  }
  return Number(high) / (sample.length + zeros);
}
