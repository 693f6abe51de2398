/**
 * Which idle instance of a function takes its next request. Queues keep entries of instances that were used or ended
 * since, and are cleaned of them when they are mostly stale: memory does not grow with the trace.
 */
import { EventQueue } from '../kernel/event-queue.ts';

/**
 * Which idle instance takes the next request: `newest` the one that was created last, `oldest` the one that was
 * created first, `lru` the one that has been idle longest.
 */
export const PICKS = ['newest', 'oldest', 'lru'] as const;
export type Pick = (typeof PICKS)[number];

/** Stale entries that are left in a queue at most, beside as many again as it needs. */
const STALE_MAX = 1024;
const CAPACITY_MIN = 1024;

/** A pool for each function; instances are known by their ids. */
export class IdlePools {
  readonly #pick: Pick;
  readonly #queues: (EventQueue | undefined)[];
  /** How many instances of each pool are idle. */
  readonly #idle: Int32Array;
  #added = 0;
  /** The key of an idle instance's entry, NaN of one that is not idle: other entries of it are stale. */
  #keys = new Float64Array(CAPACITY_MIN);

  constructor(pools: number, pick: Pick) {
    this.#pick = pick;
    this.#queues = new Array(pools);
    this.#idle = new Int32Array(pools);
  }

  /** @param number which of all instances it is, in the order of their creation. */
  add(pool: number, id: number, number: number): void {
    const idle = (this.#idle[pool] as number) + 1;
    this.#idle[pool] = idle;
    const key = this.#pick === 'newest' ? -number : this.#pick === 'oldest' ? number : this.#added++;
    if (id >= this.#keys.length) this.#grow(id);
    this.#keys[id] = key;
    let queue = this.#queues[pool];
    if (queue === undefined || queue.length > 2 * idle + STALE_MAX) {
      queue = this.#cleaned(queue);
      this.#queues[pool] = queue;
    }
    queue.push(key, id);
  }

  /** Takes out the one that the pick says; below 0 when there is none. */
  take(pool: number): number {
    const queue = this.#queues[pool];
    while (queue !== undefined && queue.length > 0) {
      const key = queue.nextKey;
      const id = queue.pop();
      if (this.#keys[id] !== key) continue;
      this.remove(pool, id);
      return id;
    }
    return -1;
  }

  remove(pool: number, id: number): void {
    this.#keys[id] = Number.NaN;
    this.#idle[pool] = (this.#idle[pool] as number) - 1;
  }

  /** The queue without stale entries. */
  #cleaned(queue: EventQueue | undefined): EventQueue {
    const clean = new EventQueue();
    while (queue !== undefined && queue.length > 0) {
      const key = queue.nextKey;
      const id = queue.pop();
      if (this.#keys[id] === key) clean.push(key, id);
    }
    return clean;
  }

  #grow(id: number): void {
    const larger = new Float64Array(Math.max(this.#keys.length * 2, id + 1));
    larger.set(this.#keys);
    this.#keys = larger;
  }
}
