/**
 * Puts arrivals in order of time, stable, in memory that grows with their number alone: a radix sort of places by
 * whole microseconds. It knows no trace.
 */
import { sharedFloats } from '../kernel/shared-memory.ts';
import type { Work } from './turns.ts';

// Eleven bits a pass: 2048 counters stay in the first-level cache, and two weeks of microseconds take four passes.
const DIGIT_BITS = 11;
const BUCKETS = 2 ** DIGIT_BITS;
/** Arrivals between two turns: about a millisecond of a pass. */
const SLICE = 2 ** 16;

/** Calls for one slice of so many places after the other, with a turn after each. */
export function* eachSlice(
  count: number,
  doing: string,
  visit: (from: number, to: number) => void,
  shareOf: (share: number) => number = (share) => share,
): Work<void> {
  for (let from = 0; from < count; from += SLICE) {
    const to = Math.min(from + SLICE, count);
    visit(from, to);
    yield { doing, share: shareOf(to / count) };
  }
}

/** Places of the times in rising order, equal times in the order given; null when they are in order already. */
export function* timeOrder(times: Float64Array): Work<Uint32Array | null> {
  let isSorted = true;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < times.length; at++) {
    const time = times[at] as number;
    if (time < most) isSorted = false;
    else most = time;
    if (time < least) least = time;
  }
  return isSorted ? null : yield* radixOrder(times, least, most - least);
}

/** The working memory of a sort. */
interface Radix {
  readonly times: Float64Array;
  readonly least: number;
  /** Of each time in the current pass. */
  readonly digits: Uint16Array;
  readonly ends: Uint32Array;
}

function* radixOrder(times: Float64Array, least: number, span: number): Work<Uint32Array> {
  const count = times.length;
  let order = new Uint32Array(count);
  let next = new Uint32Array(count);
  for (let at = 0; at < count; at++) order[at] = at;
  const radix = { times, least, digits: new Uint16Array(count), ends: new Uint32Array(BUCKETS) };
  const passes = Math.floor(Math.log(span) / Math.log(BUCKETS)) + 1;
  for (let unit = 1, half = 0; unit <= span; unit *= BUCKETS, half += 2) {
    const shareOf = (done: number) => (share: number) => Math.min(1, (done + share) / (2 * passes));
    radix.ends.fill(0);
    yield* eachSlice(count, 'sorting', (from, to) => countDigits(radix, unit, from, to), shareOf(half));
    beginnings(radix.ends);
    const [read, written] = [order, next];
    const place = (from: number, to: number): void => placeByDigit(radix, read, written, from, to);
    yield* eachSlice(count, 'sorting', place, shareOf(half + 1));
    [order, next] = [next, order];
  }
  return order;
}

function countDigits({ times, least, digits, ends }: Radix, unit: number, from: number, to: number): void {
  for (let at = from; at < to; at++) {
    // A quotient of whole numbers below 2^53 by a power of two is exact before it is floored.
    const digit = Math.floor(((times[at] as number) - least) / unit) % BUCKETS;
    digits[at] = digit;
    ends[digit] = (ends[digit] as number) + 1;
  }
}

/** Counts become the place where each digit begins. */
function beginnings(ends: Uint32Array): void {
  for (let digit = 0, end = 0; digit < BUCKETS; digit++) {
    end += ends[digit] as number;
    ends[digit] = end - (ends[digit] as number);
  }
}

function placeByDigit(
  { digits, ends }: Radix,
  order: Uint32Array,
  next: Uint32Array,
  from: number,
  to: number,
): void {
  for (let at = from; at < to; at++) {
    const place = order[at] as number;
    const digit = digits[place] as number;
    const end = ends[digit] as number;
    next[end] = place;
    ends[digit] = end + 1;
  }
}

/** The values at these places, in memory that threads share. */
export function* inOrder(values: Float64Array, order: Uint32Array): Work<Float64Array> {
  const sorted = sharedFloats(order.length);
  yield* eachSlice(order.length, 'ordering', (from, to) => {
    for (let at = from; at < to; at++) sorted[at] = values[order[at] as number] as number;
  });
  return sorted;
}
