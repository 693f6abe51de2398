/** The requests that run now and are told of when they end: when each started. As many as ever run at once. */

/** Of one request. */
export interface BegunRun {
  readonly startUs: number;
  readonly startupUs: number;
}

export class BegunRuns {
  readonly #runs = new Map<number, BegunRun>();

  /** The same request may begin again when it was lost. */
  add(at: number, startUs: number, startupUs: number): void {
    this.#runs.set(at, { startUs, startupUs });
  }

  /** It is over. */
  take(at: number): BegunRun {
    const run = this.#runs.get(at) as BegunRun;
    this.#runs.delete(at);
    return run;
  }
}
