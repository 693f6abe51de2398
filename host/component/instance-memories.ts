/** The linear memories that the instances of one execution have: some from a pool, some made for it alone. */
import { KEPT_PAGES_MAX, type MemoryType } from './import-memory.ts';
import { PAGE_BYTES } from './instrument/growth-guards.ts';
import type { MemoryPool } from './memory-pool.ts';
import { MemoryView } from './memory-view.ts';

interface Pooled {
  readonly view: MemoryView;
  readonly type: MemoryType;
}

/** How many pages it has grown by. */
const grownPages = ({ view, type }: Pooled): number => view.bytes.length / PAGE_BYTES - type.pagesInitial;

/** A memory is not cleared for others that is larger than so many times what was used of it. */
const UNUSED_MAX = 2;

const NONE: ReadonlySet<WebAssembly.Memory> = new Set();

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
    this.#pooled.push({ view: new MemoryView(memory), type });
    return memory;
  }

  /** Counts those that were made for this execution alone. */
  add(made: readonly WebAssembly.Memory[]): void {
    this.#made.push(...made);
  }

  /** Pages that the next instance has beyond those it starts with: memories never shrink. */
  get sparePages(): number {
    let pages = 0;
    for (const pooled of this.#pooled) pages += grownPages(pooled);
    return pages;
  }

  /**
   * Whether the same instances may use them again. Guests are told of one number of spare pages, so that of several
   * memories none may have any.
   */
  #canClear(bytesUsed: number): boolean {
    if (this.sparePages === 0) return true;
    const bytes = this.bytesWith(NONE);
    const isSmall = bytes <= KEPT_PAGES_MAX * PAGE_BYTES && bytes <= UNUSED_MAX * bytesUsed;
    return this.#pooled.length === 1 && isSmall;
  }

  /** What they hold together with others, some of which may be the same. */
  bytesWith(others: ReadonlySet<WebAssembly.Memory>): number {
    let bytes = 0;
    for (const { view } of this.#pooled) bytes += view.bytes.length;
    for (const memory of this.#made) bytes += memory.buffer.byteLength;
    for (const memory of others) if (!this.#isCounted(memory)) bytes += memory.buffer.byteLength;
    return bytes;
  }

  #isCounted(memory: WebAssembly.Memory): boolean {
    return this.#made.includes(memory) || this.#pooled.some(({ view }) => view.memory === memory);
  }

  /**
   * Leaves the pooled ones with zeros, to be used by the same instances.
   * @param bytesUsed what the guest saw of them.
   * @returns the bytes that they hold; undefined where they had better be given back.
   */
  clear(bytesUsed: number): number | undefined {
    if (!this.#canClear(bytesUsed)) return undefined;
    let bytes = 0;
    for (const { view } of this.#pooled) {
      view.clear();
      bytes += view.bytes.length;
    }
    return bytes;
  }

  /** Gives them back, or lets them go. */
  release(): void {
    for (const { view, type } of this.#pooled) this.#pool.give(view.memory, type);
    this.#pooled = [];
    this.#made = [];
  }
}
