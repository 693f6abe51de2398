/**
 * A priority queue of integers by (key, sequence) in parallel typed arrays. It knows no domain: a key is mostly
 * a time in microseconds, and what a payload means is its owner's affair.
 */

const CAPACITY_MIN = 16;

/** Entries with equal keys come out in the order in which they went in. */
export class EventQueue {
  /** The first is Infinity while the queue is empty. */
  #keys: Float64Array;
  #sequences: Float64Array;
  #payloads: Int32Array;
  #length = 0;
  #pushed = 0;

  /** @param capacity entries to make room for at first; the queue grows as needed. */
  constructor(capacity = CAPACITY_MIN) {
    const room = Math.max(capacity, CAPACITY_MIN);
    this.#keys = new Float64Array(room);
    this.#keys[0] = Number.POSITIVE_INFINITY;
    this.#sequences = new Float64Array(room);
    this.#payloads = new Int32Array(room);
  }

  get length(): number {
    return this.#length;
  }

  /** The smallest key; Infinity when the queue is empty. */
  get nextKey(): number {
    return this.#keys[0] as number;
  }

  /** @param key a finite number. @param payload a 32-bit signed integer. */
  push(key: number, payload: number): void {
    if (this.#length === this.#keys.length) this.#grow();
    const keys = this.#keys;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    let at = this.#length++;
    // The newest sequence is above all others, so an equal key never moves the new entry up.
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentKey = keys[parent] as number;
      if (key >= parentKey) break;
      keys[at] = parentKey;
      sequences[at] = sequences[parent] as number;
      payloads[at] = payloads[parent] as number;
      at = parent;
    }
    keys[at] = key;
    sequences[at] = this.#pushed++;
    payloads[at] = payload;
  }

  /** Takes the first payload out; the queue must not be empty. */
  pop(): number {
    const payloads = this.#payloads;
    const first = payloads[0] as number;
    const last = --this.#length;
    if (last === 0) this.#keys[0] = Number.POSITIVE_INFINITY;
    else
      this.#sink(this.#keys[last] as number, this.#sequences[last] as number, payloads[last] as number, last);
    return first;
  }

  /** Fills the root's place: smaller children move up along one way to a leaf, and the entry up from there again. */
  #sink(key: number, sequence: number, payload: number, length: number): void {
    const keys = this.#keys;
    const sequences = this.#sequences;
    const payloads = this.#payloads;
    let at = 0;
    let child = 1;
    while (child + 1 < length) {
      const left = keys[child] as number;
      const right = keys[child + 1] as number;
      if (left === right) {
        if ((sequences[child + 1] as number) < (sequences[child] as number)) child++;
      } else {
        // Which of two is smaller cannot be guessed, and an addition needs no guess.
        child += +(right < left);
      }
      keys[at] = keys[child] as number;
      sequences[at] = sequences[child] as number;
      payloads[at] = payloads[child] as number;
      at = child;
      child = 2 * at + 1;
    }
    if (child < length) {
      keys[at] = keys[child] as number;
      sequences[at] = sequences[child] as number;
      payloads[at] = payloads[child] as number;
      at = child;
    }
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentKey = keys[parent] as number;
      if (key > parentKey || (key === parentKey && sequence > (sequences[parent] as number))) break;
      keys[at] = parentKey;
      sequences[at] = sequences[parent] as number;
      payloads[at] = payloads[parent] as number;
      at = parent;
    }
    keys[at] = key;
    sequences[at] = sequence;
    payloads[at] = payload;
  }

  #grow(): void {
    const room = this.#keys.length * 2;
    const keys = new Float64Array(room);
    const sequences = new Float64Array(room);
    const payloads = new Int32Array(room);
    keys.set(this.#keys);
    sequences.set(this.#sequences);
    payloads.set(this.#payloads);
    this.#keys = keys;
    this.#sequences = sequences;
    this.#payloads = payloads;
  }
}
