/**
 * The runs that share processors now, whose records are written when they end: which arrival each is of and when it
 * started. Places are used again, so there are as many as ever run at once.
 */

const CAPACITY_MIN = 64;

export class SharedRuns {
  #arrivals = new Float64Array(CAPACITY_MIN);
  #startUs = new Float64Array(CAPACITY_MIN);
  #startupUs = new Float64Array(CAPACITY_MIN);
  readonly #free: number[] = [];
  #used = 0;

  /** @returns the run's number, below 2^31. */
  add(arrival: number, startUs: number, startupUs: number): number {
    const run = this.#free.pop() ?? this.#used++;
    if (run === this.#arrivals.length) this.#grow();
    this.#arrivals[run] = arrival;
    this.#startUs[run] = startUs;
    this.#startupUs[run] = startupUs;
    return run;
  }

  arrival(run: number): number {
    return this.#arrivals[run] as number;
  }

  startUs(run: number): number {
    return this.#startUs[run] as number;
  }

  startupUs(run: number): number {
    return this.#startupUs[run] as number;
  }

  remove(run: number): void {
    this.#free.push(run);
  }

  #grow(): void {
    const larger = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const values = new Float64Array(old.length * 2);
      values.set(old);
      return values;
    };
    this.#arrivals = larger(this.#arrivals);
    this.#startUs = larger(this.#startUs);
    this.#startupUs = larger(this.#startupUs);
  }
}
