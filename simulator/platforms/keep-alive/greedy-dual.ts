/**
 * Which idle instance gives way when memory is short: greedy-dual by size, frequency and cost (Fuerst and Sharma,
 * "FaasCache", ASPLOS 2021): priority = clock + frequency × start-up / memory, the lowest goes first.
 */
import { BYTES_PER_MB } from '../../../metering/units.ts';
import { EventQueue } from '../../kernel/event-queue.ts';
import type { Retention } from '../instances.ts';

/** Stale entries that are left at most, beside some for each instance. */
const STALE_MAX = 1024;

export class GreedyDual implements Retention {
  #idle = new EventQueue();
  /** Empty but while stale entries are taken out. */
  #current = new EventQueue();
  readonly #frequency: Float64Array;
  readonly #priority = new Map<number, number>();
  /** The priority of the last that gave way, so that those not used since grow old. */
  #clock = 0;

  constructor(pools: number) {
    this.#frequency = new Float64Array(pools);
  }

  /** An instance takes a request. @param startupUs what a new one would have cost. */
  used(id: number, pool: number, startupUs: number, memoryBytes: number): void {
    const frequency = (this.#frequency[pool] as number) + 1;
    this.#frequency[pool] = frequency;
    this.#priority.set(id, this.#clock + (frequency * startupUs) / (memoryBytes / BYTES_PER_MB));
  }

  keepAliveUs(id: number): number {
    if (this.#idle.length > 4 * this.#priority.size + STALE_MAX) this.#clean();
    this.#idle.push(this.#priority.get(id) ?? this.#clock, id);
    return Number.POSITIVE_INFINITY;
  }

  /** The idle instance of the lowest priority, the longest idle of equals; below 0 when none is idle. */
  next(isIdle: (id: number) => boolean): number {
    while (this.#idle.length > 0) {
      const key = this.#idle.nextKey;
      const id = this.#idle.pop();
      // Used since, or gone: its entry is stale.
      if (!isIdle(id) || this.#priority.get(id) !== key) continue;
      this.#clock = key;
      return id;
    }
    return -1;
  }

  /** Takes out entries of instances that were used since, or are gone. */
  #clean(): void {
    for (let left = this.#idle.length; left > 0; left--) {
      const key = this.#idle.nextKey;
      const id = this.#idle.pop();
      if (this.#priority.get(id) === key) this.#current.push(key, id);
    }
    [this.#idle, this.#current] = [this.#current, this.#idle];
  }

  /** An instance has ended; a function without any begins to count anew. */
  ended(id: number, pool: number, isLast: boolean): void {
    this.#priority.delete(id);
    if (isLast) this.#frequency[pool] = 0;
  }
}
