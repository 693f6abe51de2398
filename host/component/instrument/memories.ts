/**
 * The memories of a module, and where it names them outside of its code. Each that it defines becomes an import: imports
 * come first, so every index stays, and the limit cells can come behind them all.
 */

import { encodeU32 } from '../binary.ts';
import { LIMITS_IMPORT } from '../limit-cells.ts';
import type { Cursor } from './cursor.ts';
import { encodeLimits, readLimits } from './limits.ts';
import { OP } from './opcodes.ts';
import { Refusal } from './refusal.ts';
import { skipValueType, Walker } from './walk.ts';

/** A memory that the module defined, and now imports. Sizes in pages of 64 KiB. */
export interface DefinedMemory {
  readonly module: string;
  readonly name: string;
  readonly pagesInitial: number;
  /** As the module declares it, or as much as there can be. */
  readonly pagesMax: number;
  readonly isShared: boolean;
  readonly isLong: boolean;
}

const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
/** The most pages that V8 lets a memory have, by whether it has 64-bit addresses. */
const PAGES_MAX = 65_536;
const LONG_PAGES_MAX = 262_144;
/** Limits of the one page that holds the limit cells: shared, with a maximum. */
const CELL_LIMITS = [0x03, 0x01, 0x01] as const;

/** `memory`, `memory1`, `memory2`, … */
const nameOf = (index: number): string => `memory${index === 0 ? '' : index}`;

/** @returns whether what is imported has 64-bit addresses. */
function skipImportType(cursor: Cursor, kind: number): boolean {
  switch (kind) {
    case KIND.function:
      cursor.u32();
      return false;
    case KIND.table:
      skipValueType(cursor);
      return readLimits(cursor).hasLongAddresses;
    case KIND.memory:
      return readLimits(cursor).hasLongAddresses;
    case KIND.global:
      skipValueType(cursor);
      cursor.byte();
      return false;
    case KIND.tag:
      cursor.byte();
      cursor.u32();
      return false;
    default:
      throw new Refusal(
        'form-unsupported',
        cursor.offset - 1,
        `expected a known kind of import, got ${kind}`,
      );
  }
}

/** What stands in an import section. */
export interface Imports {
  readonly count: number;
  readonly functions: number;
  readonly globals: number;
  /** Of each imported memory and table, whether it has 64-bit addresses. */
  readonly longMemories: readonly boolean[];
  readonly longTables: readonly boolean[];
  /** Names that are imported from the module whose names are Ebb's. */
  readonly ownNames: readonly string[];
  /** Offset of the first entry. */
  readonly entriesStart: number;
}

export function readImports(cursor: Cursor): Imports {
  const count = cursor.u32();
  const entriesStart = cursor.offset;
  const ownNames: string[] = [];
  const longMemories: boolean[] = [];
  const longTables: boolean[] = [];
  let functions = 0;
  let globals = 0;
  for (let left = count; left > 0; left--) {
    const module = cursor.name();
    const name = cursor.name();
    if (module === LIMITS_IMPORT.module) ownNames.push(name);
    const kind = cursor.byte();
    const isLong = skipImportType(cursor, kind);
    if (kind === KIND.memory) longMemories.push(isLong);
    if (kind === KIND.table) longTables.push(isLong);
    if (kind === KIND.function) functions++;
    if (kind === KIND.global) globals++;
  }
  return { count, functions, globals, longMemories, longTables, ownNames, entriesStart };
}

export function readDefinedMemories(cursor: Cursor): readonly DefinedMemory[] {
  const memories: DefinedMemory[] = [];
  for (let left = cursor.u32(); left > 0; left--) {
    const { initial, maximum, isShared, hasLongAddresses: isLong } = readLimits(cursor);
    const most = isLong ? LONG_PAGES_MAX : PAGES_MAX;
    const pagesMax = maximum === undefined || maximum > most ? most : Number(maximum);
    // One that starts larger is not valid, and stays so.
    const pagesInitial = Number(initial);
    const name = nameOf(memories.length);
    memories.push({ module: LIMITS_IMPORT.module, name, pagesInitial, pagesMax, isShared, isLong });
  }
  return memories;
}

const encodeName = (name: string): number[] => [...encodeU32(name.length), ...Buffer.from(name)];

const memoryImport = (
  { module, name }: { module: string; name: string },
  limits: readonly number[],
): number[] => [...encodeName(module), ...encodeName(name), KIND.memory, ...limits];

/** With a maximum always: it says what is the most that a memory which is given for it may have. */
const limitsOf = ({ pagesInitial, pagesMax, isShared, isLong }: DefinedMemory): number[] =>
  encodeLimits({
    initial: BigInt(pagesInitial),
    maximum: BigInt(pagesMax),
    isShared,
    hasLongAddresses: isLong,
  });

/** Import entries for the module's own memories and, behind them, the limit cells. */
export function encodeMemoryImports(memories: readonly DefinedMemory[]): number[] {
  const own = memories.flatMap((memory) => memoryImport(memory, limitsOf(memory)));
  return [...own, ...memoryImport(LIMITS_IMPORT, CELL_LIMITS)];
}

const beyond = (offset: number, index: number, count: number): Refusal =>
  new Refusal('module-malformed', offset, `expected one of ${count} memories, got index ${index}`);

/** Refuses exports of memories that the module does not have: one more is there now. */
export function checkExports(cursor: Cursor, memoryCount: number): void {
  for (let left = cursor.u32(); left > 0; left--) {
    cursor.name();
    const kind = cursor.byte();
    const index = cursor.u32();
    if (kind === KIND.memory && index >= memoryCount) throw beyond(cursor.offset, index, memoryCount);
  }
}

const PASSIVE = 1;
const WITH_MEMORY_INDEX = 2;

function skipExpression(cursor: Cursor, memoryCount: number): void {
  const walker = new Walker(cursor, memoryCount);
  while (walker.next() !== OP.end);
}

/** Refuses data for memories that the module does not have. */
export function checkData(cursor: Cursor, memoryCount: number): void {
  for (let left = cursor.u32(); left > 0; left--) {
    const form = cursor.u32();
    if (form > WITH_MEMORY_INDEX)
      throw new Refusal('form-unsupported', cursor.offset, `expected a known form of data, got ${form}`);
    if (form !== PASSIVE) {
      const index = form === WITH_MEMORY_INDEX ? cursor.u32() : 0;
      if (index >= memoryCount) throw beyond(cursor.offset, index, memoryCount);
      skipExpression(cursor, memoryCount);
    }
    cursor.skip(cursor.u32());
  }
}

/** A new memory of the kind that a module declared, that never grows beyond `pagesLimit`. */
export function createMemory(memory: DefinedMemory, pagesLimit: number): WebAssembly.Memory {
  const { pagesInitial: initial, isShared: shared, isLong } = memory;
  const maximum = Math.min(memory.pagesMax, pagesLimit);
  if (!isLong) return new WebAssembly.Memory({ initial, maximum, shared });
  return new WebAssembly.Memory({
    initial: BigInt(initial),
    maximum: BigInt(maximum),
    shared,
    address: 'i64',
  });
}
