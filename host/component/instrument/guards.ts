/** The instructions that are put into guests: they read and write the limit cells and trap. Decides nothing of where. */

import { encodeU32 } from '../binary.ts';
import { FUEL_OFFSET, STOP_OFFSET } from '../limit-cells.ts';
import { signedLeb } from './byte-sink.ts';
import { OP } from './opcodes.ts';

/** Which limits the code of a module is to keep. */
export interface GuardOptions {
  readonly deadline: boolean;
  readonly fuel: boolean;
}

const ATOMIC_LOAD_BYTE = [OP.atomicPrefix, 0x12] as const;
const NO_RESULT = 0x40;
const ADDRESS_ZERO = [OP.i32Const, 0x00] as const;
const TRAP_IF_TRUE = [OP.if, NO_RESULT, OP.unreachable, OP.end] as const;
/** In the flags of a memory access, beside the logarithm of its alignment: a memory index follows. */
const HAS_MEMORY_INDEX = 0x40;
const ALIGNED_8 = 3;

export class Guards {
  readonly hasFuel: boolean;
  /** Traps when a limit was passed; the stack stays as it is. */
  readonly check: Uint8Array;
  readonly #loadFuel: readonly number[];
  readonly #storeFuel: readonly number[];
  readonly #charges = new Map<number, Uint8Array>();

  /** @param memoryIndex of the limit cells. */
  constructor({ deadline, fuel }: GuardOptions, memoryIndex: number) {
    this.hasFuel = fuel;
    const access = (alignment: number, offset: number): number[] => [
      HAS_MEMORY_INDEX | alignment,
      ...encodeU32(memoryIndex),
      ...encodeU32(offset),
    ];
    this.#loadFuel = [...ADDRESS_ZERO, OP.i64Load, ...access(ALIGNED_8, FUEL_OFFSET)];
    this.#storeFuel = [OP.i64Store, ...access(ALIGNED_8, FUEL_OFFSET)];
    // Atomic, so that no compiler may read it once and for all; a byte, because wider ones check their alignment.
    const readStop = [...ADDRESS_ZERO, ...ATOMIC_LOAD_BYTE, ...access(0, STOP_OFFSET)];
    const readFuel = [...this.#loadFuel, OP.i64Const, 0x00, OP.i64LessSigned];
    this.check = Uint8Array.from([
      ...(deadline ? [...readStop, ...TRAP_IF_TRUE] : []),
      ...(fuel ? [...readFuel, ...TRAP_IF_TRUE] : []),
    ]);
  }

  /** Takes fuel for what was run since the last charge. */
  charge(cost: number): Uint8Array {
    const known = this.#charges.get(cost);
    if (known) return known;
    const amount = [OP.i64Const, ...signedLeb(cost), OP.i64Sub];
    const code = Uint8Array.from([...ADDRESS_ZERO, ...this.#loadFuel, ...amount, ...this.#storeFuel]);
    this.#charges.set(cost, code);
    return code;
  }
}
