/**
 * What instructions refer to by index, as far as growth needs it: how many parameters each function has, and which
 * memories and tables have 64-bit sizes. Knows sections, no code.
 */
import type { Cursor } from './cursor.ts';
import { readLimits } from './limits.ts';
import { OP } from './opcodes.ts';
import { Refusal } from './refusal.ts';
import { skipHeapType, skipValueType, Walker } from './walk.ts';

const TYPE_FORM = { rec: 0x4e, subFinal: 0x4f, sub: 0x50, func: 0x60, struct: 0x5f, array: 0x5e } as const;
const PACKED_TYPES = [0x78, 0x77] as const;
/** Stands before a table that has a first value for all its elements. */
const WITH_FIRST_VALUE = 0x40;

function skipField(cursor: Cursor): void {
  if ((PACKED_TYPES as readonly number[]).includes(cursor.peek())) cursor.skip(1);
  else skipValueType(cursor);
  cursor.skip(1);
}

function skipMany(cursor: Cursor, skip: (cursor: Cursor) => void): number {
  const count = cursor.u32();
  for (let left = count; left > 0; left--) skip(cursor);
  return count;
}

/** Steps over one type and gives its number of parameters; 0 for what is no function. */
function parameterCount(cursor: Cursor, form = cursor.byte()): number {
  switch (form) {
    case TYPE_FORM.sub:
    case TYPE_FORM.subFinal:
      skipMany(cursor, skipHeapType);
      return parameterCount(cursor);
    case TYPE_FORM.func: {
      const params = skipMany(cursor, skipValueType);
      skipMany(cursor, skipValueType);
      return params;
    }
    case TYPE_FORM.struct:
      skipMany(cursor, skipField);
      return 0;
    case TYPE_FORM.array:
      skipField(cursor);
      return 0;
    default:
      throw new Refusal('form-unsupported', cursor.offset - 1, `expected a known form of type, got ${form}`);
  }
}

/** The number of parameters of each type. */
export function readParameterCounts(cursor: Cursor): readonly number[] {
  const counts: number[] = [];
  for (let left = cursor.u32(); left > 0; left--) {
    if (cursor.peek() !== TYPE_FORM.rec) counts.push(parameterCount(cursor));
    else {
      cursor.skip(1);
      skipMany(cursor, () => counts.push(parameterCount(cursor)));
    }
  }
  return counts;
}

/** One table that a module defines. */
export interface DefinedTable {
  readonly elementsInitial: number;
  readonly isLong: boolean;
}

export function readTables(cursor: Cursor): readonly DefinedTable[] {
  const tables: DefinedTable[] = [];
  for (let left = cursor.u32(); left > 0; left--) {
    const hasFirstValue = cursor.peek() === WITH_FIRST_VALUE;
    if (hasFirstValue) cursor.skip(2);
    skipValueType(cursor);
    const { initial, hasLongAddresses } = readLimits(cursor);
    tables.push({ elementsInitial: Number(initial), isLong: hasLongAddresses });
    if (!hasFirstValue) continue;
    const walker = new Walker(cursor, 0);
    while (walker.next() !== OP.end);
  }
  return tables;
}

/** By index: what the code of a module may refer to. */
export interface IndexSpaces {
  /** Of the functions that the module defines, the first one first. */
  readonly functionTypes: readonly number[];
  readonly parameterCounts: readonly number[];
  readonly longMemories: readonly boolean[];
  readonly longTables: readonly boolean[];
}
