import type { ExecutionPort } from '../execution-port.ts';

/**
 * Whether an execution is still alive, and who runs. Its first fault ends it for good, even where the guest's language
 * catches the exceptions of its host: no host function answers any more, and the execution ends with that fault.
 */
export class GuestCalls {
  /** Looked at first by every host function. */
  hasFailed = false;
  /** Whether the engine can suspend the guest: it was called so that it can, and no frame of the host is between. */
  canSuspend = false;
  #fault: unknown;
  #port: ExecutionPort | undefined;

  /** Makes this fresh for another execution. */
  reset(port?: ExecutionPort): void {
    this.hasFailed = false;
    this.canSuspend = false;
    this.#fault = undefined;
    this.#port = port;
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

  /** The guest's code runs from now on. */
  readonly enter = (): void => this.#port?.enter();

  readonly leave = (): void => this.#port?.leave();

  /** Runs what calls the guest from within the host, where it cannot be suspended. */
  nested<T>(run: () => T): T {
    const could = this.canSuspend;
    this.canSuspend = false;
    try {
      return run();
    } finally {
      this.canSuspend = could;
    }
  }
}
