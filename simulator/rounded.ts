/** Exact sums and samples of microseconds as the decimals of a result, to the sixth place. */
import { formatQuotient, US_PER_MS, US_PER_S } from '../metering/units.ts';
import type { Distribution } from './kernel/quantiles.ts';
import type { Sample } from './kernel/sample.ts';

/** @param shares of an instance that the time is summed over. */
export const seconds = (us: bigint, shares = 1): number =>
  Number(formatQuotient(us, BigInt(US_PER_S * shares), 6));
/** A mean of microseconds is rarely whole; a nanosecond is more than it can mean. */
export const milliseconds = (us: number): number => Number((us / US_PER_MS).toFixed(6));
/** 0 of nothing. */
export const ratio = (part: bigint, whole: bigint): number =>
  whole === 0n ? 0 : Number((Number(part) / Number(whole)).toFixed(6));

/** Reorders the sample. */
export function inMs(sampleUs: Sample): Distribution {
  const { mean, p50, p90, p95, p99, p999, max } = sampleUs.describe();
  return {
    mean: milliseconds(mean),
    p50: milliseconds(p50),
    p90: milliseconds(p90),
    p95: milliseconds(p95),
    p99: milliseconds(p99),
    p999: milliseconds(p999),
    max: milliseconds(max),
  };
}
