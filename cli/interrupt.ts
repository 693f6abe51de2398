/**
 * Ctrl-C in two steps: the first asks the work to stop with what is done, the second ends the process as it always did.
 */

/** As shells report a process that a SIGINT ended. */
export const INTERRUPTED_EXIT_CODE = 130;

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #listener = (): void => this.#controller.abort();

  constructor() {
    // Once: without a listener the next signal has its usual effect.
    process.once('SIGINT', this.#listener);
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The work is done: a signal is no longer listened to. */
  end(): void {
    process.off('SIGINT', this.#listener);
  }
}
