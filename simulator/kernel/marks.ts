/**
 * Numbered places, some of them marked, and the first and the last that is, found at once: a bit for each place, and above
 * those a bit for each word that has any. It knows no domain.
 */

const PLACES_OF_WORD = 32;

export class Marks {
  readonly #words: Int32Array;
  /** By word: a bit that says whether it has marks. */
  readonly #used: Int32Array;

  /** @param places are numbered from 0 to before this. */
  constructor(places: number) {
    this.#words = new Int32Array(Math.ceil(places / PLACES_OF_WORD));
    this.#used = new Int32Array(Math.ceil(this.#words.length / PLACES_OF_WORD));
  }

  // Shifts take the lower five bits of what they shift by.
  has(place: number): boolean {
    return (((this.#words[place >> 5] as number) >>> place) & 1) === 1;
  }

  mark(place: number): void {
    const word = place >> 5;
    this.#words[word] = (this.#words[word] as number) | (1 << place);
    this.#used[word >> 5] = (this.#used[word >> 5] as number) | (1 << word);
  }

  unmark(place: number): void {
    const word = place >> 5;
    const left = (this.#words[word] as number) & ~(1 << place);
    this.#words[word] = left;
    if (left === 0) this.#used[word >> 5] = (this.#used[word >> 5] as number) & ~(1 << word);
  }

  /** Below 0 when there is none. */
  get first(): number {
    for (let at = 0; at < this.#used.length; at++) {
      const used = this.#used[at] as number;
      if (used === 0) continue;
      const word = (at << 5) + lowestBit(used);
      return (word << 5) + lowestBit(this.#words[word] as number);
    }
    return -1;
  }

  /** Below 0 when there is none. */
  get last(): number {
    for (let at = this.#used.length - 1; at >= 0; at--) {
      const used = this.#used[at] as number;
      if (used === 0) continue;
      const word = (at << 5) + highestBit(used);
      return (word << 5) + highestBit(this.#words[word] as number);
    }
    return -1;
  }
}

const highestBit = (bits: number): number => 31 - Math.clz32(bits);
const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
