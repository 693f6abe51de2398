/**
 * The requests that run now and are told of when they end: when each started. A table by the low bits of their numbers,
 * which are close to each other, so that hardly two ever want the same place; where they do it grows.
 */

const CAPACITY_MIN = 1024;
const EMPTY = -1;

export class BegunRuns {
  // The length is a power of two, so that a mask gives the place.
  #arrivals = new Float64Array(CAPACITY_MIN).fill(EMPTY);
  #startUs = new Float64Array(CAPACITY_MIN);
  #startupUs = new Float64Array(CAPACITY_MIN);

  /** One that runs already begins anew. @param at below 2^31. */
  add(at: number, startUs: number, startupUs: number): void {
    let place = at & (this.#arrivals.length - 1);
    while (this.#arrivals[place] !== EMPTY && this.#arrivals[place] !== at) {
      this.#grow();
      place = at & (this.#arrivals.length - 1);
    }
    this.#arrivals[place] = at;
    this.#startUs[place] = startUs;
    this.#startupUs[place] = startupUs;
  }

  startUs(at: number): number {
    return this.#startUs[at & (this.#arrivals.length - 1)] as number;
  }

  startupUs(at: number): number {
    return this.#startupUs[at & (this.#arrivals.length - 1)] as number;
  }

  /** It is over. */
  remove(at: number): void {
    this.#arrivals[at & (this.#arrivals.length - 1)] = EMPTY;
  }

  /** Numbers that differ in their places still do with one bit more. */
  #grow(): void {
    const [arrivals, startUs, startupUs] = [this.#arrivals, this.#startUs, this.#startupUs];
    const room = arrivals.length * 2;
    this.#arrivals = new Float64Array(room).fill(EMPTY);
    this.#startUs = new Float64Array(room);
    this.#startupUs = new Float64Array(room);
    for (let old = 0; old < arrivals.length; old++) {
      const at = arrivals[old] as number;
      if (at === EMPTY) continue;
      const place = at & (room - 1);
      this.#arrivals[place] = at;
      this.#startUs[place] = startUs[old] as number;
      this.#startupUs[place] = startupUs[old] as number;
    }
  }
}
