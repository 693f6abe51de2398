/** A view of all of a linear memory that lasts: to ask the engine for one takes longer than most of what it is for. */

/** Large enough that a comparison is worth its call, small enough that little is written for one byte. */
const STRETCH_BYTES = 16_384;
/** Up to here it is faster to write all of it. */
const WRITTEN_BYTES_MAX = 4 * 65_536;
const ZEROS = Buffer.alloc(STRETCH_BYTES);

export class MemoryView {
  readonly memory: WebAssembly.Memory;
  #bytes: Buffer;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#bytes = Buffer.from(memory.buffer);
  }

  /** All of its bytes now. Growth detaches what was seen before. */
  get bytes(): Buffer {
    if (this.#bytes.length === 0) this.#bytes = Buffer.from(this.memory.buffer);
    return this.#bytes;
  }

  /**
   * Makes it zero, and writes only where something else is: most of a guest's memory is stack that it never reached, of
   * which the system then keeps no page, and to read zeros is faster than to write them.
   */
  clear(): void {
    const { bytes } = this;
    if (bytes.length <= WRITTEN_BYTES_MAX) {
      bytes.fill(0);
      return;
    }
    for (let at = 0; at < bytes.length; at += STRETCH_BYTES) {
      const end = at + STRETCH_BYTES;
      if (bytes.compare(ZEROS, 0, STRETCH_BYTES, at, end) !== 0) bytes.fill(0, at, end);
    }
  }
}
