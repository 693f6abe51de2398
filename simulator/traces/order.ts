/**
 * Puts arrivals in order of time, stable, in memory that grows with their number alone: a radix sort of places by
 * whole microseconds. It knows no trace.
 */
import { sharedFloats } from '../kernel/shared-memory.ts';

// Eleven bits a pass: 2048 counters stay in the first-level cache, and two weeks of microseconds take four passes.
const DIGIT_BITS = 11;
const BUCKETS = 2 ** DIGIT_BITS;

/** Places of the times in rising order, equal times in the order given; null when they are in order already. */
export function timeOrder(times: Float64Array): Uint32Array | null {
  let isSorted = true;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < times.length; at++) {
    const time = times[at] as number;
    if (time < most) isSorted = false;
    else most = time;
    if (time < least) least = time;
  }
  return isSorted ? null : radixOrder(times, least, most - least);
}

function radixOrder(times: Float64Array, least: number, span: number): Uint32Array {
  const count = times.length;
  let order = new Uint32Array(count);
  let next = new Uint32Array(count);
  for (let at = 0; at < count; at++) order[at] = at;
  const ends = new Uint32Array(BUCKETS);
  const digits = new Uint16Array(count);
  // A quotient of whole numbers below 2^53 by a power of two is exact before it is floored.
  for (let unit = 1; unit <= span; unit *= BUCKETS) {
    ends.fill(0);
    for (let at = 0; at < count; at++) {
      const digit = Math.floor(((times[at] as number) - least) / unit) % BUCKETS;
      digits[at] = digit;
      ends[digit] = (ends[digit] as number) + 1;
    }
    for (let digit = 0, end = 0; digit < BUCKETS; digit++) {
      end += ends[digit] as number;
      ends[digit] = end - (ends[digit] as number);
    }
    for (let at = 0; at < count; at++) {
      const place = order[at] as number;
      const digit = digits[place] as number;
      const to = ends[digit] as number;
      next[to] = place;
      ends[digit] = to + 1;
    }
    [order, next] = [next, order];
  }
  return order;
}

/** The values at these places, in memory that threads share. */
export function inOrder(values: Float64Array, order: Uint32Array): Float64Array {
  const sorted = sharedFloats(order.length);
  for (let at = 0; at < order.length; at++) sorted[at] = values[order[at] as number] as number;
  return sorted;
}
