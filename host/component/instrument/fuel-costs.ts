/**
 * What each instruction costs in fuel: a static table, so that the same work costs the same on every machine. The
 * numbers are rough ratios of processor time, and a promise: whoever changes one raises the version.
 */
import { OP, prefixed } from './opcodes.ts';

export const FUEL_TABLE_VERSION = 2;

/**
 * Structure costs nothing, an instruction 1; accesses to memory and tables 2; calls, divisions and square roots 5;
 * what allocates or works on ranges 20, and 1 more for every 8 bytes of memory or element of a table or array that it
 * works on (`RANGE_LENGTHS`). What grows pays for the bytes that it was given, as if it had filled them.
 */
const FREE = [OP.nop, OP.block, OP.loop, OP.else, OP.try, OP.end, OP.delegate, OP.drop, OP.tryTable];
const ACCESS = 2;
const HEAVY = 5;
const RANGE = 20;

const PLAIN_COSTS = new Uint8Array(256).fill(1);
for (const opcode of FREE) PLAIN_COSTS[opcode] = 0;
PLAIN_COSTS.fill(ACCESS, 0x25, 0x3f);
PLAIN_COSTS.fill(HEAVY, OP.call, OP.returnCallRef + 1);
PLAIN_COSTS.fill(HEAVY, OP.throw, OP.throwRef + 1);
PLAIN_COSTS[OP.memoryGrow] = RANGE;
/** i32 and i64 div and rem, f32 and f64 sqrt and div. */
for (const first of [0x6d, 0x7f]) PLAIN_COSTS.fill(HEAVY, first, first + 4);
for (const opcode of [0x91, 0x95, 0x9f, 0xa3]) PLAIN_COSTS[opcode] = HEAVY;

/** Bytes of memory that cost 1: as a power of two. */
export const BYTES_PER_FUEL_LOG2 = 3;

/** memory.init to memory.fill, table.init, table.copy, table.grow, table.fill; arrays that are made, filled or copied. */
const RANGES = new Set([
  ...[8, 10, 11, 12, 14, 15, 17].map((code) => prefixed(OP.miscPrefix, code)),
  ...[6, 7, 8, 9, 10, 16, 17, 18, 19].map((code) => prefixed(OP.gcPrefix, code)),
]);

/** What a range is of, and what its length on top of the stack counts. */
export type RangeUnit = 'byte' | 'element';

/** Instructions whose length is the last thing that they take. Those whose length is written in the code are not here. */
const RANGE_LENGTHS: ReadonlyMap<number, RangeUnit> = new Map([
  ...[OP.memoryInit, OP.memoryCopy, OP.memoryFill].map((opcode) => [opcode, 'byte'] as const),
  ...[OP.tableInit, OP.tableCopy, OP.tableFill].map((opcode) => [opcode, 'element'] as const),
  // array.new, array.new_default, array.new_data, array.new_elem, array.fill, array.copy, array.init_data and _elem.
  ...[6, 7, 9, 10, 16, 17, 18, 19].map((code) => [prefixed(OP.gcPrefix, code), 'element'] as const),
]);

export const rangeUnit = (opcode: number): RangeUnit | undefined => RANGE_LENGTHS.get(opcode);

export function fuelCost(opcode: number): number {
  if (opcode < 0x100) return PLAIN_COSTS[opcode] as number;
  return RANGES.has(opcode) ? RANGE : ACCESS;
}
