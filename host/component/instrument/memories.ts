/**
 * The memories of a module, and where it names them outside of its code. Each that it defines becomes an import: imports
 * come first, so every index stays, and the limit cells can come behind them all.
 */

import { encodeU32 } from '../binary.ts';
import { LIMITS_IMPORT } from '../limit-cells.ts';
import type { Cursor } from './cursor.ts';
import { bounded, encodeLimits, type Limits, readLimits } from './limits.ts';
import { OP } from './opcodes.ts';
import { Refusal } from './refusal.ts';
import { skipValueType, Walker } from './walk.ts';

/** A memory that the module defined, and now imports. */
export interface DefinedMemory {
  readonly module: string;
  readonly name: string;
  readonly limits: Limits & { readonly maximum: bigint };
}

const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;
const BYTES_PER_PAGE = 65_536;
/** The most pages that V8 lets a memory of 32-bit addresses have. */
const PAGES_MAX = 65_536;
/** Limits of the one page that holds the limit cells: shared, with a maximum. */
const CELL_LIMITS = [0x03, 0x01, 0x01] as const;

/** `memory`, `memory1`, `memory2`, … */
const nameOf = (index: number): string => `memory${index === 0 ? '' : index}`;

function skipImportType(cursor: Cursor, kind: number): void {
  switch (kind) {
    case KIND.function:
      cursor.u32();
      return;
    case KIND.table:
      skipValueType(cursor);
      readLimits(cursor);
      return;
    case KIND.memory:
      readLimits(cursor);
      return;
    case KIND.global:
      skipValueType(cursor);
      cursor.byte();
      return;
    case KIND.tag:
      cursor.byte();
      cursor.u32();
      return;
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
  readonly memories: number;
  /** Names that are imported from the module whose names are Ebb's. */
  readonly ownNames: readonly string[];
  /** Offset of the first entry. */
  readonly entriesStart: number;
}

export function readImports(cursor: Cursor): Imports {
  const count = cursor.u32();
  const entriesStart = cursor.offset;
  const ownNames: string[] = [];
  let memories = 0;
  for (let left = count; left > 0; left--) {
    const module = cursor.name();
    const name = cursor.name();
    if (module === LIMITS_IMPORT.module) ownNames.push(name);
    const kind = cursor.byte();
    if (kind === KIND.memory) memories++;
    skipImportType(cursor, kind);
  }
  return { count, memories, ownNames, entriesStart };
}

/** @throws CodedError `component-invalid` when a memory starts larger than `bytesMax`. */
export function readDefinedMemories(cursor: Cursor, bytesMax: number): readonly DefinedMemory[] {
  const pagesMax = BigInt(Math.min(PAGES_MAX, Math.floor(bytesMax / BYTES_PER_PAGE)));
  const memories: DefinedMemory[] = [];
  for (let left = cursor.u32(); left > 0; left--) {
    const limits = bounded(readLimits(cursor), pagesMax, 'memory');
    memories.push({ module: LIMITS_IMPORT.module, name: nameOf(memories.length), limits });
  }
  return memories;
}

const encodeName = (name: string): number[] => [...encodeU32(name.length), ...Buffer.from(name)];

const memoryImport = (
  { module, name }: { module: string; name: string },
  limits: readonly number[],
): number[] => [...encodeName(module), ...encodeName(name), KIND.memory, ...limits];

/** Import entries for the module's own memories and, behind them, the limit cells. */
export function encodeMemoryImports(memories: readonly DefinedMemory[]): number[] {
  const own = memories.flatMap((memory) => memoryImport(memory, encodeLimits(memory.limits)));
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

/** A new memory of the kind that a module declared. */
export function createMemory({ limits }: DefinedMemory): WebAssembly.Memory {
  const { initial, maximum, isShared, hasLongAddresses } = limits;
  if (hasLongAddresses) return new WebAssembly.Memory({ initial, maximum, shared: isShared, address: 'i64' });
  return new WebAssembly.Memory({ initial: Number(initial), maximum: Number(maximum), shared: isShared });
}
