/**
 * Few things that come and go all the time, in the order in which they came. A Set would do, but for what it costs in
 * V8: whenever it makes its table anew, the old table refers to the new one. Once one of them is in the old generation,
 * everything that was ever in the set stays alive until a full collection. Measured in Node 26: half of what passes
 * through a Set survives, and nothing of what passes through an array.
 */
export class Roster<T> implements Iterable<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  get last(): T | undefined {
    return this.#items.at(-1);
  }

  has(item: T): boolean {
    return this.#items.includes(item);
  }

  /** Adds what is not in it. */
  add(item: T): void {
    this.#items.push(item);
  }

  /** @returns whether it was there. */
  delete(item: T): boolean {
    // Mostly it is among the first.
    const at = this.#items.indexOf(item);
    if (at < 0) return false;
    if (at === 0) this.#items.shift();
    else this.#items.splice(at, 1);
    return true;
  }

  /** What is deleted meanwhile may make it leave out others: then copy it first. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }
}
