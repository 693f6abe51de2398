/** Instructions that read and write numbers in the limit cells, a memory with some index. Knows nothing of their meaning. */
import { encodeU32 } from '../binary.ts';
import { OP } from './opcodes.ts';

export type Code = readonly number[];

/** In the flags of a memory access, beside the logarithm of its alignment: a memory index follows. */
const HAS_MEMORY_INDEX = 0x40;
const ALIGNED_4 = 2;
const ALIGNED_8 = 3;
const ATOMIC_LOAD_BYTE: Code = [OP.atomicPrefix, 0x12];

export const ADDRESS_ZERO: Code = [OP.i32Const, 0x00];

export class CellAccess {
  readonly #memoryIndex: Code;

  constructor(memoryIndex: number) {
    this.#memoryIndex = encodeU32(memoryIndex);
  }

  #at(alignment: number, offset: number): Code {
    return [HAS_MEMORY_INDEX | alignment, ...this.#memoryIndex, ...encodeU32(offset)];
  }

  /** Atomic, so that no compiler may read it once and for all; a byte, because wider ones check their alignment. */
  loadByte(offset: number): Code {
    return [...ADDRESS_ZERO, ...ATOMIC_LOAD_BYTE, ...this.#at(0, offset)];
  }

  load32(offset: number): Code {
    return [...ADDRESS_ZERO, OP.i32Load, ...this.#at(ALIGNED_4, offset)];
  }

  load64(offset: number): Code {
    return [...ADDRESS_ZERO, OP.i64Load, ...this.#at(ALIGNED_8, offset)];
  }

  /** @param value code that leaves it on the stack. */
  store32(offset: number, value: Code): Code {
    return [...ADDRESS_ZERO, ...value, OP.i32Store, ...this.#at(ALIGNED_4, offset)];
  }

  /** @param value code that leaves it on the stack. */
  store64(offset: number, value: Code): Code {
    return [...ADDRESS_ZERO, ...value, OP.i64Store, ...this.#at(ALIGNED_8, offset)];
  }
}
