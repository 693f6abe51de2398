/** Requests that wait for a thread: first come, first served within a level, deeper levels first. */
import type { CodedError } from '../metering/errors.ts';

/** One waiting request; `start` or `refuse` is called once. */
export interface Waiting<Slot> {
  readonly level: number;
  /** By `performance.now()`. */
  readonly enqueuedMs: number;
  readonly start: (slot: Slot) => void;
  readonly refuse: (error: CodedError) => void;
}

export class WaitingRequests<Slot> {
  /** By level; each set in the order of arrival. */
  readonly #queues: readonly Set<Waiting<Slot>>[];

  constructor(levelMax: number) {
    this.#queues = Array.from({ length: levelMax + 1 }, () => new Set());
  }

  get size(): number {
    return this.countFrom(0);
  }

  /** How many wait at this level or a deeper one: those that are served before a new one of this level. */
  countFrom(level: number): number {
    let count = 0;
    for (let at = level; at < this.#queues.length; at++) count += this.#queues[at]?.size ?? 0;
    return count;
  }

  add(waiting: Waiting<Slot>): void {
    this.#queues[waiting.level]?.add(waiting);
  }

  remove(waiting: Waiting<Slot>): boolean {
    return this.#queues[waiting.level]?.delete(waiting) ?? false;
  }

  /** The one to serve next among the levels that may start. */
  first(mayStart: (level: number) => boolean): Waiting<Slot> | undefined {
    for (let level = this.#queues.length - 1; level >= 0; level--) {
      const queue = this.#queues[level];
      if (queue && queue.size > 0 && mayStart(level)) return queue.values().next().value;
    }
    return undefined;
  }

  /** Does nothing where it no longer waits. */
  refuse(waiting: Waiting<Slot>, error: CodedError): void {
    if (this.remove(waiting)) waiting.refuse(error);
  }

  /** Refuses from the front of each level for as long as `isOver` holds. */
  refuseWhere(isOver: (waiting: Waiting<Slot>) => boolean, error: () => CodedError): void {
    for (const queue of this.#queues) {
      for (const waiting of queue) {
        if (!isOver(waiting)) break;
        this.refuse(waiting, error());
      }
    }
  }

  refuseAll(error: CodedError): void {
    this.refuseWhere(
      () => true,
      () => error,
    );
  }
}
