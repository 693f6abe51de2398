/**
 * Whether an instance may call the host now. A fault ends an execution for good, even where the guest's language
 * catches exceptions of its host; and no host function may be called from within the guest's `realloc`.
 */
import { GuestFault } from '../result-error.ts';

export class GuestCalls {
  /** Looked at first by every host function: one test for both reasons. */
  isBarred = false;
  #fault: { readonly thrown: unknown } | undefined;

  /** Makes this fresh for another execution. */
  reset(): void {
    this.isBarred = false;
    this.#fault = undefined;
  }

  enterRealloc(): void {
    this.isBarred = true;
  }

  leaveRealloc(): void {
    this.isBarred = false;
  }

  /** Remembers the first fault of an execution; gives what is to be thrown. */
  fail(thrown: unknown): unknown {
    this.isBarred = true;
    this.#fault ??= { thrown };
    return this.#fault.thrown;
  }

  /** What a barred call ends with. */
  refusal(): unknown {
    return this.fail(new GuestFault('expected no call of the host from within realloc or post-return'));
  }

  /** Throws the fault that the guest has swallowed, if any. */
  rethrow(): void {
    if (this.#fault) throw this.#fault.thrown;
  }
}
