/**
 * Small numbers in the order in which they were added, from which any can be taken out: a doubly linked list in typed
 * arrays. It knows no domain.
 */

const ROOM_MIN = 1024;
const OUT = -1;

export class LinkedOrder {
  // Number n is link n + 1. Link 0 stands before the first and behind the last, so that none is a special case.
  #next = new Int32Array(ROOM_MIN).fill(OUT);
  #previous = new Int32Array(ROOM_MIN);

  constructor() {
    this.#next[0] = 0;
  }

  /** The one that was added first of those that are left; below 0 when there is none. */
  get first(): number {
    return (this.#next[0] as number) - 1;
  }

  has(number: number): boolean {
    return number + 1 < this.#next.length && this.#next[number + 1] !== OUT;
  }

  /** @param number from 0 on, not in the list. */
  add(number: number): void {
    const link = number + 1;
    if (link >= this.#next.length) this.#grow(link);
    const next = this.#next;
    const previous = this.#previous;
    const last = previous[0] as number;
    next[last] = link;
    next[link] = 0;
    previous[link] = last;
    previous[0] = link;
  }

  /** @param number one that is in the list. */
  remove(number: number): void {
    const next = this.#next;
    const previous = this.#previous;
    const link = number + 1;
    const before = previous[link] as number;
    const after = next[link] as number;
    next[before] = after;
    previous[after] = before;
    next[link] = OUT;
  }

  #grow(link: number): void {
    const room = Math.max(this.#next.length * 2, link + 1);
    const next = new Int32Array(room).fill(OUT, this.#next.length);
    const previous = new Int32Array(room);
    next.set(this.#next);
    previous.set(this.#previous);
    this.#next = next;
    this.#previous = previous;
  }
}
