/**
 * The bodies of one execution that have somewhere to go: what they hold flows on whenever there is news. Guests often
 * write before they say whom it is for, and then wait for something else.
 */
import type { ErrorCodeCase, News } from './execution-port.ts';

/** A body on its way. */
export interface Flowing {
  /** Passes on what the receiver takes now. Gives true once there is nothing more to do, now or later. */
  pour(): boolean;
  /** Ends it unfinished, unless it is complete. */
  abort(error: ErrorCodeCase): void;
}

export class Outflow {
  readonly #bodies = new Set<Flowing>();

  /** Pours a body now, and again on every news until it is done. */
  add(body: Flowing): void {
    if (!body.pour()) this.#bodies.add(body);
  }

  pour(): void {
    for (const body of this.#bodies) if (body.pour()) this.#bodies.delete(body);
  }

  get isEmpty(): boolean {
    return this.#bodies.size === 0;
  }

  /** Ends all bodies unfinished, but for one. */
  abort(error: ErrorCodeCase, except?: Flowing): void {
    for (const body of this.#bodies) {
      if (body === except) continue;
      body.abort(error);
      this.#bodies.delete(body);
    }
  }
}

/** The news of an execution, at which its bodies flow. */
export class FlowingNews implements News {
  readonly #news: News;
  readonly #outflow: Outflow;

  constructor(news: News, outflow: Outflow) {
    this.#news = news;
    this.#outflow = outflow;
  }

  get canSuspend(): boolean {
    return this.#news.canSuspend;
  }

  wait(timeoutMs: number): void {
    this.#news.wait(timeoutMs);
    this.#outflow.pour();
  }

  next(timeoutMs: number): Promise<void> {
    const next = this.#news.next(timeoutMs);
    return this.#outflow.isEmpty ? next : next.then(() => this.#outflow.pour());
  }
}
