/**
 * Whether an execution is still alive. Its first fault ends it for good, even where the guest's language catches the
 * exceptions of its host: no host function answers any more, and the execution ends with that fault.
 */
export class GuestCalls {
  /** Looked at first by every host function. */
  hasFailed = false;
  #fault: unknown;

  /** Makes this fresh for another execution. */
  reset(): void {
    this.hasFailed = false;
    this.#fault = undefined;
  }

  /** Remembers the first fault; gives what is to be thrown. */
  fail(thrown: unknown): unknown {
    if (!this.hasFailed) {
      this.hasFailed = true;
      this.#fault = thrown;
    }
    return this.#fault;
  }

  /** Throws the fault that the guest has swallowed, if any. */
  rethrow(): void {
    if (this.hasFailed) throw this.#fault;
  }
}
