/**
 * Functions that share a bounded memory: idle instances stay until a new one needs their room, and give way in the
 * order of the policy, least recently used or greedy-dual.
 */
import type { Instances, Retention } from '../instances.ts';
import { GreedyDual } from './greedy-dual.ts';

export class MemoryCap implements Retention {
  readonly #capBytes: number;
  readonly #greedy: GreedyDual | null;
  readonly #bytesOf = new Map<number, number>();
  #usedBytes = 0;

  constructor(pools: number, capBytes: number, policy: 'lru' | 'greedy-dual') {
    this.#capBytes = capBytes;
    this.#greedy = policy === 'greedy-dual' ? new GreedyDual(pools) : null;
  }

  keepAliveUs(id: number): number {
    return this.#greedy?.keepAliveUs(id) ?? Number.POSITIVE_INFINITY;
  }

  /** Gives up idle instances until a new one fits; false when what is busy leaves no room for it. */
  makeRoom(instances: Instances, bytes: number, nowUs: number): boolean {
    while (this.#usedBytes + bytes > this.#capBytes) {
      if (this.#greedy === null) {
        if (!instances.giveUpIdle(nowUs)) return false;
        continue;
      }
      const id = this.#greedy.next((candidate) => instances.isIdle(candidate));
      if (id < 0) return false;
      instances.giveUp(id, nowUs);
    }
    return true;
  }

  created(id: number, bytes: number): void {
    this.#usedBytes += bytes;
    this.#bytesOf.set(id, bytes);
  }

  /** @param startupUs what a new instance would have cost the request. */
  used(id: number, pool: number, startupUs: number): void {
    this.#greedy?.used(id, pool, startupUs, this.#bytesOf.get(id) ?? 1);
  }

  ended(id: number, pool: number, isLast: boolean): void {
    this.#usedBytes -= this.#bytesOf.get(id) ?? 0;
    this.#bytesOf.delete(id);
    this.#greedy?.ended(id, pool, isLast);
  }
}
