/** A first-in first-out queue of numbers in a ring that grows. It knows no domain. */

const CAPACITY_MIN = 16;

export class Fifo {
  // The length is a power of two, so that a mask wraps positions around.
  #ring = new Float64Array(CAPACITY_MIN);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The number that comes out next; the queue must not be empty. */
  get first(): number {
    return this.#ring[this.#head] as number;
  }

  push(value: number): void {
    if (this.#length === this.#ring.length) this.#grow();
    const ring = this.#ring;
    ring[(this.#head + this.#length++) & (ring.length - 1)] = value;
  }

  /** Takes the first number out; the queue must not be empty. */
  shift(): number {
    const ring = this.#ring;
    const value = ring[this.#head] as number;
    this.#head = (this.#head + 1) & (ring.length - 1);
    this.#length--;
    return value;
  }

  #grow(): void {
    const old = this.#ring;
    const ring = new Float64Array(old.length * 2);
    const tail = old.subarray(this.#head);
    ring.set(tail);
    ring.set(old.subarray(0, this.#head), tail.length);
    this.#ring = ring;
    this.#head = 0;
  }
}
