/**
 * The instructions around those that grow a memory or a table: they keep the room that all growth shares, and make a
 * memory that has spare pages look as if it had none.
 */

import { encodeU32 } from '../binary.ts';
import { GROWTH_OFFSET, REFUSED_OFFSET, SPARE_OFFSET } from '../limit-cells.ts';
import { signedLeb } from './byte-sink.ts';
import type { CellAccess, Code } from './cell-access.ts';
import { OP } from './opcodes.ts';

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

const I32 = 0x7f;
const NO_RESULT = 0x40;
/** -1 as signed LEB128. */
const MINUS_ONE = 0x7f;

const bytesOf = (unit: Growth['unit']): number => (unit === 'page' ? PAGE_BYTES : TABLE_ELEMENT_BYTES);
const localGet = (local: number): Code => [OP.localGet, ...encodeU32(local)];

/** Pages of a memory can be spare; nobody keeps a memory with 64-bit addresses for another instance. */
const canBeSpare = ({ unit, isLong }: Growth): boolean => unit === 'page' && !isLong;

export class GrowthGuards {
  readonly #cells: CellAccess;
  readonly #spare: Code;
  readonly #chargeBytes: (bytes: Code) => Code;

  /** @param chargeBytes takes fuel for an amount of bytes, which is code that leaves it on the stack. */
  constructor(cells: CellAccess, chargeBytes: (bytes: Code) => Code) {
    this.#cells = cells;
    this.#spare = cells.load32(SPARE_OFFSET);
    this.#chargeBytes = chargeBytes;
  }

  /** In place of an instruction that grows something by what is on the stack. */
  grow(growth: Growth, grow: Code, size: Code, locals: GrowthLocals): Code {
    const grown = canBeSpare(growth) ? this.#growOverSpare(grow, size, locals) : grow;
    return [...this.#before(growth, locals), ...grown, ...this.#after(growth, locals)];
  }

  /** Behind an instruction that gives the pages of a memory with 32-bit addresses. */
  get withoutSpare(): Code {
    return [...this.#spare, OP.i32Sub];
  }

  /** Asks for as much as nobody has where there is not enough room. */
  #before({ unit, isLong }: Growth, { asked }: GrowthLocals): Code {
    const get = localGet(asked);
    const tooMuch = [isLong ? OP.i64Const : OP.i32Const, MINUS_ONE];
    const room = [
      ...this.#cells.load64(GROWTH_OFFSET),
      ...[OP.i64Const, ...signedLeb(bytesOf(unit)), OP.i64DivUnsigned],
    ];
    const fits = [...get, ...(isLong ? [] : [OP.i64ExtendUnsigned]), ...room, OP.i64LessEqualUnsigned];
    return [OP.localSet, ...encodeU32(asked), ...get, ...tooMuch, ...fits, OP.select];
  }

  /** Gives spare pages first, and grows the memory by what they do not cover. */
  #growOverSpare(grow: Code, size: Code, { result }: GrowthLocals): Code {
    const get = localGet(result);
    const set = encodeU32(result);
    const given = [
      ...[...size, ...this.withoutSpare],
      ...this.#cells.store32(SPARE_OFFSET, [...this.#spare, ...get, OP.i32Sub]),
    ];
    const grown = [
      ...[...get, ...this.#spare, OP.i32Sub, ...grow, OP.localTee, ...set],
      ...[OP.i32Const, MINUS_ONE, OP.i32Equal, OP.if, I32, OP.i32Const, MINUS_ONE, OP.else],
      ...[...get, ...this.withoutSpare, ...this.#cells.store32(SPARE_OFFSET, [OP.i32Const, 0]), OP.end],
    ];
    return [
      ...[OP.localTee, ...set, ...this.#spare, OP.i32LessEqualUnsigned],
      ...[OP.if, I32, ...given, OP.else, ...grown, OP.end],
    ];
  }

  /** Takes what was given from the room that is left, or notes that nothing was. The result stays on the stack. */
  #after({ unit, isLong }: Growth, { asked, result }: GrowthLocals): Code {
    const isDone = isLong
      ? [OP.i64Const, MINUS_ONE, OP.i64NotEqual]
      : [OP.i32Const, MINUS_ONE, OP.i32NotEqual];
    const used = [
      ...[...localGet(asked), ...(isLong ? [] : [OP.i64ExtendUnsigned])],
      ...[OP.i64Const, ...signedLeb(bytesOf(unit)), OP.i64Multiply],
    ];
    const left = [...this.#cells.load64(GROWTH_OFFSET), ...used, OP.i64Sub];
    const take = [...this.#cells.store64(GROWTH_OFFSET, left), ...this.#chargeBytes(used)];
    const refuse = this.#cells.store32(REFUSED_OFFSET, [OP.i32Const, 1]);
    return [
      ...[
        OP.localTee,
        ...encodeU32(result),
        ...isDone,
        OP.if,
        NO_RESULT,
        ...take,
        OP.else,
        ...refuse,
        OP.end,
      ],
      ...localGet(result),
    ];
  }
}
