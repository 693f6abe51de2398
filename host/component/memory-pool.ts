/**
 * Linear memories that were used and can be used again, all of them zero. Making one costs more than a small guest's
 * whole run, and many made in a row make the collector run. Knows nothing of components.
 */
import { KEPT_PAGES_MAX, type MemoryType } from './import-memory.ts';
import { MemoryView } from './memory-view.ts';
import { type Resting, RestingPlaces } from './resting.ts';

const BYTES_PER_PAGE = 65_536;

interface Kept extends MemoryType, Resting {
  readonly memory: WebAssembly.Memory;
}

const create = ({ pagesInitial, pagesMax }: MemoryType): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: pagesInitial, maximum: pagesMax });

/** Memories of one thread. */
export class MemoryPool {
  /** Shared with what else rests in this thread. */
  readonly resting = new RestingPlaces();
  /** Longest unused first. */
  #kept: Kept[] = [];

  /** How many memories are kept. */
  get count(): number {
    return this.#kept.length;
  }

  /** A memory of exactly this type, with nothing but zeros in it. */
  take(type: MemoryType): WebAssembly.Memory {
    for (let index = this.#kept.length - 1; index >= 0; index--) {
      const kept = this.#kept[index] as Kept;
      if (kept.pagesInitial !== type.pagesInitial || kept.pagesMax !== type.pagesMax) continue;
      this.#kept.splice(index, 1);
      this.resting.take(kept);
      return kept.memory;
    }
    return create(type);
  }

  /**
   * Gives a memory back that nothing uses any more. One that grew is let go: memories never shrink, and the next
   * instance would find more pages than it declared.
   */
  give(memory: WebAssembly.Memory, type: MemoryType): void {
    const bytes = type.pagesInitial * BYTES_PER_PAGE;
    if (memory.buffer.byteLength !== bytes || type.pagesInitial > KEPT_PAGES_MAX) return;
    new MemoryView(memory).clear();
    const kept: Kept = { ...type, memory, bytes, letGo: () => this.#forget(kept) };
    this.#kept.push(kept);
    this.resting.add(kept);
  }

  #forget(kept: Kept): void {
    this.#kept = this.#kept.filter((each) => each !== kept);
  }
}
