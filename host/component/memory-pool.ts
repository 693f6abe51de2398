/**
 * Linear memories that were used and can be used again, all of them zero. Making one costs more than a small guest's
 * whole run, and many made in a row make the collector run. Knows nothing of components.
 */
import type { MemoryType } from './import-memory.ts';

const BYTES_PER_PAGE = 65_536;

/** Memories kept at once: each reserves some 10 GB of addresses, which are plenty but not endless. */
const MEMORIES_MAX = 16;
/** What kept memories may hold together. */
const BYTES_MAX = 32 * 1_048_576;
/** Larger ones are made anew: clearing them would still be faster, but a thread that rests should hold little. */
const PAGES_MAX = 256;

interface Kept extends MemoryType {
  readonly memory: WebAssembly.Memory;
}

const create = ({ pagesInitial, pagesMax }: MemoryType): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: pagesInitial, maximum: pagesMax });

/** Memories of one thread. */
export class MemoryPool {
  /** Longest unused first. */
  #kept: Kept[] = [];
  #bytes = 0;

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
      this.#bytes -= type.pagesInitial * BYTES_PER_PAGE;
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
    if (memory.buffer.byteLength !== bytes || type.pagesInitial > PAGES_MAX) return;
    new Uint8Array(memory.buffer).fill(0);
    this.#kept.push({ ...type, memory });
    this.#bytes += bytes;
    while (this.#kept.length > MEMORIES_MAX || this.#bytes > BYTES_MAX) {
      const oldest = this.#kept.shift() as Kept;
      this.#bytes -= oldest.pagesInitial * BYTES_PER_PAGE;
    }
  }
}
