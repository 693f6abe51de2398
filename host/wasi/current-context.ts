/**
 * An execution context that stands for another one, which changes with each execution: so host functions can be made
 * once and still serve whoever has the turn.
 */
import type { Allowance } from './allowance.ts';
import type { ExecutionPort, News } from './execution-port.ts';
import type { OpenFiles } from './files/open-files.ts';
import type { ExecutionContext } from './imports.ts';
import type { Outflow } from './outflow.ts';

/** The part of a guest's stack that the host can know. */
export interface GuestStack {
  /** Whether the engine can suspend the guest now: it was called so that it can, and no frame of the host is between. */
  readonly canSuspend: boolean;
}

/** An execution before it has a stack; what it made itself waits as the stack of its guest permits. */
export interface StartableContext extends ExecutionContext {
  /** Set by whoever links the guest, before that runs. */
  stack: GuestStack;
}

/**
 * News that suspend a guest only where its stack permits. A class, since each literal with an accessor would have a
 * layout of its own in the engine, which keeps what the literal refers to alive until a full collection.
 */
export class NewsOnStack implements News {
  readonly #news: () => News;
  readonly #stack: () => GuestStack;

  constructor(news: () => News, stack: () => GuestStack) {
    this.#news = news;
    this.#stack = stack;
  }

  get canSuspend(): boolean {
    return this.#stack().canSuspend && this.#news().canSuspend;
  }

  wait(timeoutMs: number): void {
    this.#news().wait(timeoutMs);
  }

  next(timeoutMs: number): Promise<void> {
    return this.#news().next(timeoutMs);
  }
}

/** The context of whichever execution has the turn, for host functions that are made once. */
export class CurrentContext implements ExecutionContext {
  readonly #stack: GuestStack;
  readonly news: News;
  #current: StartableContext | undefined;

  constructor(stack: GuestStack) {
    this.#stack = stack;
    this.news = new NewsOnStack(
      () => this.#now.news,
      () => stack,
    );
  }

  get current(): ExecutionContext | undefined {
    return this.#current;
  }

  begin(context: StartableContext): void {
    context.stack = this.#stack;
    this.#current = context;
  }

  end(): void {
    this.#current = undefined;
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

  get fieldsAllowance(): Allowance {
    return this.#now.fieldsAllowance;
  }

  get onLog(): ExecutionContext['onLog'] {
    return this.#now.onLog;
  }

  get preopens(): ExecutionContext['preopens'] {
    return this.#now.preopens;
  }

  get files(): OpenFiles {
    return this.#now.files;
  }

  get #now(): ExecutionContext {
    return this.#current as ExecutionContext;
  }
}
