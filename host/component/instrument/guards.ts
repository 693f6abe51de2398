/** The instructions that are put into guests: they read and write the limit cells and trap. Decides nothing of where. */

import { encodeU32 } from '../binary.ts';
import { FUEL_OFFSET, GROWTH_OFFSET, STOP_OFFSET } from '../limit-cells.ts';
import { signedLeb } from './byte-sink.ts';
import { OP } from './opcodes.ts';

/** Which limits the code of a module is to keep. */
export interface GuardOptions {
  readonly deadline: boolean;
  readonly fuel: boolean;
  /** Of all memories and tables together. */
  readonly growth: boolean;
}

/** What grows: a memory or a table, with sizes of 32 or 64 bits. */
export interface Growth {
  readonly unit: 'page' | 'element';
  readonly isLong: boolean;
}

/** Two locals of its type: what is asked for, and what came of it. */
export interface GrowthLocals {
  readonly asked: number;
  readonly result: number;
}

/** An element of a table of functions takes 24 bytes in V8 14.6 (measured November 2026), others 8. */
export const TABLE_ELEMENT_BYTES = 24;
export const PAGE_BYTES = 65_536;

const ATOMIC_LOAD_BYTE = [OP.atomicPrefix, 0x12] as const;
const NO_RESULT = 0x40;
const ADDRESS_ZERO = [OP.i32Const, 0x00] as const;
const TRAP_IF_TRUE = [OP.if, NO_RESULT, OP.unreachable, OP.end] as const;
/** In the flags of a memory access, beside the logarithm of its alignment: a memory index follows. */
const HAS_MEMORY_INDEX = 0x40;
const ALIGNED_8 = 3;
const I32 = 0x7f;
const I64 = 0x7e;

export class Guards {
  readonly hasFuel: boolean;
  readonly hasGrowth: boolean;
  /** Traps when a limit was passed; the stack stays as it is. */
  readonly check: Uint8Array;
  readonly #loadFuel: readonly number[];
  readonly #storeFuel: readonly number[];
  readonly #loadGrowth: readonly number[];
  readonly #storeGrowth: readonly number[];
  readonly #charges = new Map<number, Uint8Array>();

  /** @param memoryIndex of the limit cells. */
  constructor({ deadline, fuel, growth }: GuardOptions, memoryIndex: number) {
    this.hasFuel = fuel;
    this.hasGrowth = growth;
    const access = (alignment: number, offset: number): number[] => [
      HAS_MEMORY_INDEX | alignment,
      ...encodeU32(memoryIndex),
      ...encodeU32(offset),
    ];
    this.#loadFuel = [...ADDRESS_ZERO, OP.i64Load, ...access(ALIGNED_8, FUEL_OFFSET)];
    this.#storeFuel = [OP.i64Store, ...access(ALIGNED_8, FUEL_OFFSET)];
    this.#loadGrowth = [...ADDRESS_ZERO, OP.i64Load, ...access(ALIGNED_8, GROWTH_OFFSET)];
    this.#storeGrowth = [OP.i64Store, ...access(ALIGNED_8, GROWTH_OFFSET)];
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

  /** Before an instruction that grows something: asks for as much as nobody has where there is not enough room. */
  beforeGrowth({ unit, isLong }: Growth, { asked }: GrowthLocals): number[] {
    const local = encodeU32(asked);
    const get = [OP.localGet, ...local];
    const tooMuch = [isLong ? OP.i64Const : OP.i32Const, MINUS_ONE];
    const room = [...this.#loadGrowth, OP.i64Const, ...signedLeb(bytesOf(unit)), OP.i64DivUnsigned];
    const fits = [...get, ...(isLong ? [] : [OP.i64ExtendUnsigned]), ...room, OP.i64LessEqualUnsigned];
    return [OP.localSet, ...local, ...get, ...tooMuch, ...fits, OP.select];
  }

  /** Behind it: takes what was given from the room that is left. The result stays on the stack. */
  afterGrowth({ unit, isLong }: Growth, { asked, result }: GrowthLocals): number[] {
    const isDone = isLong
      ? [OP.i64Const, MINUS_ONE, OP.i64NotEqual]
      : [OP.i32Const, MINUS_ONE, OP.i32NotEqual];
    const wide = isLong ? [] : [OP.i64ExtendUnsigned];
    const used = [
      OP.localGet,
      ...encodeU32(asked),
      ...wide,
      OP.i64Const,
      ...signedLeb(bytesOf(unit)),
      OP.i64Multiply,
    ];
    const take = [...ADDRESS_ZERO, ...this.#loadGrowth, ...used, OP.i64Sub, ...this.#storeGrowth];
    return [
      ...[OP.localTee, ...encodeU32(result), ...isDone, OP.if, NO_RESULT, ...take, OP.end],
      ...[OP.localGet, ...encodeU32(result)],
    ];
  }
}

/** -1 as signed LEB128. */
const MINUS_ONE = 0x7f;
const bytesOf = (unit: Growth['unit']): number => (unit === 'page' ? PAGE_BYTES : TABLE_ELEMENT_BYTES);

/** The type of both locals. */
export const localType = ({ isLong }: Growth): number => (isLong ? I64 : I32);
