/** The linear memories that the instances of one execution have: some from a pool, some made for it alone. */
import type { MemoryType } from './import-memory.ts';
import { PAGE_BYTES } from './instrument/guards.ts';
import type { MemoryPool } from './memory-pool.ts';

interface Pooled {
  readonly memory: WebAssembly.Memory;
  readonly type: MemoryType;
}

/** Memories never shrink: the next guest would find more pages than it declared. */
const hasGrown = ({ memory, type }: Pooled): boolean =>
  memory.buffer.byteLength !== type.pagesInitial * PAGE_BYTES;

export class InstanceMemories {
  readonly #pool: MemoryPool;
  #pooled: Pooled[] = [];
  #made: WebAssembly.Memory[] = [];

  constructor(pool: MemoryPool) {
    this.#pool = pool;
  }

  /** Takes one of zeros from the pool. */
  take(type: MemoryType): WebAssembly.Memory {
    const memory = this.#pool.take(type);
    this.#pooled.push({ memory, type });
    return memory;
  }

  /** Counts those that were made for this execution alone. */
  add(made: readonly WebAssembly.Memory[]): void {
    this.#made.push(...made);
  }

  get haveGrown(): boolean {
    return this.#pooled.some(hasGrown);
  }

  /** What they hold together with others, some of which may be the same. */
  bytesWith(others: ReadonlySet<WebAssembly.Memory>): number {
    let bytes = 0;
    for (const { memory } of this.#pooled) bytes += memory.buffer.byteLength;
    for (const memory of this.#made) bytes += memory.buffer.byteLength;
    for (const memory of others) if (!this.#isCounted(memory)) bytes += memory.buffer.byteLength;
    return bytes;
  }

  #isCounted(memory: WebAssembly.Memory): boolean {
    return this.#made.includes(memory) || this.#pooled.some((pooled) => pooled.memory === memory);
  }

  /**
   * Leaves the pooled ones with zeros, to be used by the same instances.
   * @returns the bytes that they hold.
   */
  clear(): number {
    let bytes = 0;
    for (const { memory } of this.#pooled) {
      new Uint8Array(memory.buffer).fill(0);
      bytes += memory.buffer.byteLength;
    }
    return bytes;
  }

  /** Gives them back, or lets them go. */
  release(): void {
    for (const { memory, type } of this.#pooled) this.#pool.give(memory, type);
    this.#pooled = [];
    this.#made = [];
  }
}
