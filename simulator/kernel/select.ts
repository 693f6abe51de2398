/** Puts a few order statistics of a sample into their places without sorting all of it. It knows no domain. */

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
