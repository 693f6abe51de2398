/** The instructions that are put into guests: they read and write the limit cells and trap. Decides nothing of where. */

import { encodeU32 } from '../binary.ts';
import { FUEL_OFFSET, STOP_OFFSET } from '../limit-cells.ts';
import { signedLeb } from './byte-sink.ts';
import { CellAccess, type Code } from './cell-access.ts';
import { BYTES_PER_FUEL_LOG2, type RangeUnit } from './fuel-costs.ts';
import { GrowthGuards } from './growth-guards.ts';
import { OP } from './opcodes.ts';

/** Which limits the code of a module is to keep. */
export interface GuardOptions {
  readonly deadline: boolean;
  readonly fuel: boolean;
  /** Of all memories and tables together. */
  readonly growth: boolean;
}

/** A range of memory, table or array that is worked on: what its length counts, in 32 or 64 bits. */
export interface Range {
  readonly unit: RangeUnit;
  readonly isLong: boolean;
}

const NO_RESULT = 0x40;
const TRAP_IF_TRUE: Code = [OP.if, NO_RESULT, OP.unreachable, OP.end];
const I32 = 0x7f;
const I64 = 0x7e;

export class Guards {
  readonly hasFuel: boolean;
  /** Traps when a limit was passed; the stack stays as it is. */
  readonly check: Uint8Array;
  /** Undefined where growth has no limit. */
  readonly growth: GrowthGuards | undefined;
  readonly #cells: CellAccess;
  readonly #charges = new Map<number, Uint8Array>();

  /** @param memoryIndex of the limit cells. */
  constructor({ deadline, fuel, growth }: GuardOptions, memoryIndex: number) {
    this.hasFuel = fuel;
    this.#cells = new CellAccess(memoryIndex);
    const chargeBytes = (bytes: Code): Code => (fuel ? this.#takeFuel(inFuel(bytes)) : []);
    this.growth = growth ? new GrowthGuards(this.#cells, chargeBytes) : undefined;
    const readStop = this.#cells.loadByte(STOP_OFFSET);
    const readFuel = [...this.#cells.load64(FUEL_OFFSET), OP.i64Const, 0x00, OP.i64LessSigned];
    this.check = Uint8Array.from([
      ...(deadline ? [...readStop, ...TRAP_IF_TRUE] : []),
      ...(fuel ? [...readFuel, ...TRAP_IF_TRUE] : []),
    ]);
  }

  /** Takes fuel for what was run since the last charge. */
  charge(cost: number): Uint8Array {
    const known = this.#charges.get(cost);
    if (known) return known;
    const code = Uint8Array.from(this.#takeFuel([OP.i64Const, ...signedLeb(cost)]));
    this.#charges.set(cost, code);
    return code;
  }

  /** Before an instruction that works on a range, whose length is on the stack: takes fuel for it, and looks. */
  chargeRange({ unit, isLong }: Range, local: number): Code {
    const index = encodeU32(local);
    const length = [OP.localGet, ...index, ...(isLong ? [] : [OP.i64ExtendUnsigned])];
    return [
      OP.localTee,
      ...index,
      ...this.#takeFuel(unit === 'byte' ? inFuel(length) : length),
      ...this.check,
    ];
  }

  /** @param amount code that leaves it on the stack, in 64 bits. */
  #takeFuel(amount: Code): Code {
    return this.#cells.store64(FUEL_OFFSET, [...this.#cells.load64(FUEL_OFFSET), ...amount, OP.i64Sub]);
  }
}

/** What an amount of bytes costs. */
const inFuel = (bytes: Code): Code => [
  ...bytes,
  ...[OP.i64Const, BYTES_PER_FUEL_LOG2, OP.i64ShiftRightUnsigned],
];

/** The type of both locals. */
export const localType = ({ isLong }: { readonly isLong: boolean }): number => (isLong ? I64 : I32);
