/**
 * An execution context that stands for another one, which changes with each execution: so host functions can be made
 * once and still serve whoever has the turn.
 */
import type { Allowance } from './allowance.ts';
import type { ExecutionPort, News } from './execution-port.ts';
import type { ExecutionContext } from './imports.ts';
import type { Outflow } from './outflow.ts';

/** The part of a guest's stack that the host can know. */
export interface GuestStack {
  /** Whether the engine can suspend the guest now: it was called so that it can, and no frame of the host is between. */
  readonly canSuspend: boolean;
}

/** The context of whichever execution has the turn, for host functions that are made once. */
export class CurrentContext implements ExecutionContext {
  readonly #stack: GuestStack;
  current: ExecutionContext | undefined;
  readonly news: News;

  constructor(stack: GuestStack) {
    this.#stack = stack;
    this.news = this.#newsOf();
  }

  get port(): ExecutionPort {
    return this.#now.port;
  }

  get outflow(): Outflow {
    return this.#now.outflow;
  }

  get isHead(): boolean {
    return this.#now.isHead;
  }

  get responseAllowance(): Allowance {
    return this.#now.responseAllowance;
  }

  get heldAllowance(): Allowance {
    return this.#now.heldAllowance;
  }

  get onLog(): ExecutionContext['onLog'] {
    return this.#now.onLog;
  }

  get #now(): ExecutionContext {
    return this.current as ExecutionContext;
  }

  #newsOf(): News {
    const now = () => this.#now.news;
    const stack = this.#stack;
    return {
      get canSuspend() {
        return stack.canSuspend && now().canSuspend;
      },
      wait: (timeoutMs) => now().wait(timeoutMs),
      next: (timeoutMs) => now().next(timeoutMs),
    };
  }
}
