/**
 * A few order statistics of a sample without sorting all of it: it is looked at twice, once to count how many values lie
 * in each of many narrow ranges, and once to pick out those of the few ranges that matter. It knows no domain.
 */

/** Ranges to each power of two: with values spread evenly over their size, a rank's own range holds a 256th of them. */
const RANGE_BITS = 8;
/** Range 0 is for values below 1, and from 2^53 on there are none. */
const RANGES = 54 << RANGE_BITS;

// The bits of doubles, read as integers, are in the order of the doubles: below the sign 11 bits of the exponent, and
// then those that tell the ranges of a power of two apart.
const HIGH_WORD = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;
const SHIFT = 20 - RANGE_BITS;
const EXPONENT_BIAS = 1023;
const FIRST = (EXPONENT_BIAS << RANGE_BITS) - 1;

const wordsOf = (sample: Float64Array): Uint32Array =>
  new Uint32Array(sample.buffer, sample.byteOffset, sample.length * 2);

const rangeOf = (highWord: number): number => Math.max(0, (highWord >>> SHIFT) - FIRST);

/**
 * What the sorted sample has at these places.
 * @param sample numbers from 0 to below 2^53, at least one. It stays as it is.
 * @param ranks from 0 to below the sample's length, in ascending order.
 */
export function valuesAtRanks(sample: Float64Array, ranks: readonly number[]): number[] {
  const words = wordsOf(sample);
  const { places, picks, room } = pickRanges(countRanges(words), ranks);
  const picked = pickOut(sample, words, places, room);
  return picks.map(({ rank, from, to }) => {
    selectRank(picked, rank, from, to);
    return picked[rank] as number;
  });
}

function countRanges(words: Uint32Array): Uint32Array {
  const counts = new Uint32Array(RANGES);
  for (let at = HIGH_WORD; at < words.length; at += 2) {
    const range = rangeOf(words[at] as number);
    counts[range] = (counts[range] as number) + 1;
  }
  return counts;
}

function pickOut(sample: Float64Array, words: Uint32Array, places: Int32Array, room: number): Float64Array {
  const picked = new Float64Array(room);
  for (let at = 0; at < sample.length; at++) {
    const range = rangeOf(words[2 * at + HIGH_WORD] as number);
    const place = places[range] as number;
    if (place < 0) continue;
    picked[place] = sample[at] as number;
    places[range] = place + 1;
  }
  return picked;
}

interface Pick {
  /** Among the values that are picked out. */
  readonly rank: number;
  /** Where the values of its range are among them, both included. */
  readonly from: number;
  readonly to: number;
}

interface PickedRanges {
  /** Of each range where its first value goes, below 0 of those that hold no rank. */
  readonly places: Int32Array;
  readonly picks: readonly Pick[];
  /** How many values are picked out. */
  readonly room: number;
}

function pickRanges(counts: Uint32Array, ranks: readonly number[]): PickedRanges {
  const places = new Int32Array(RANGES).fill(-1);
  const picks: Pick[] = [];
  let room = 0;
  let below = 0;
  for (let range = 0; picks.length < ranks.length; range++) {
    const count = counts[range] as number;
    const from = room;
    while ((ranks[picks.length] as number) < below + count) {
      const rank = from + (ranks[picks.length] as number) - below;
      // Ascending ranks: each search has only what the one before left above it.
      const start = places[range] === from ? (picks.at(-1) as Pick).rank : from;
      picks.push({ rank, from: start, to: from + count - 1 });
      places[range] = from;
      room = from + count;
    }
    below += count;
  }
  return { places, picks, room };
}

// Below this many numbers a plain insertion sort is quicker than more partitions.
const SMALL = 24;

/**
 * Afterwards sample[rank] is what it would be in the sorted sample, nothing before it is larger and nothing after it
 * is smaller. @param from, to bound the part that holds the rank, both included.
 */
export function selectRank(sample: Float64Array, rank: number, from: number, to: number): void {
  let low = from;
  let high = to;
  while (high - low > SMALL) {
    const pivot = medianOf3(
      sample[low] as number,
      sample[(low + high) >> 1] as number,
      sample[high] as number,
    );
    let left = low;
    let right = high;
    // Equal numbers are swapped too, so that a sample of mostly one value still falls into halves.
    while (left <= right) {
      while ((sample[left] as number) < pivot) left++;
      while ((sample[right] as number) > pivot) right--;
      if (left > right) break;
      const swapped = sample[left] as number;
      sample[left++] = sample[right] as number;
      sample[right--] = swapped;
    }
    if (rank <= right) high = right;
    else if (rank >= left) low = left;
    else return;
  }
  insertionSort(sample, low, high);
}

function medianOf3(a: number, b: number, c: number): number {
  return a < b ? (b < c ? b : Math.max(a, c)) : a < c ? a : Math.max(b, c);
}

function insertionSort(sample: Float64Array, from: number, to: number): void {
  for (let at = from + 1; at <= to; at++) {
    const value = sample[at] as number;
    let hole = at;
    while (hole > from && (sample[hole - 1] as number) > value) {
      sample[hole] = sample[hole - 1] as number;
      hole--;
    }
    sample[hole] = value;
  }
}
