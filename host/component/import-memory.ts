/**
 * Turns the one memory that a core module defines into an import, so that memories can be used again. Nothing else
 * changes: imports come first, so its index stays 0.
 */
import { encodeU32 } from './binary.ts';
import { CORE_SECTION } from './core-format.ts';
import { type CoreImport, type CoreSection, coreImports, coreSections } from './core-module.ts';

/** Under this name a rewritten module imports its memory. */
export const MEMORY_IMPORT = { module: 'ebb', name: 'memory' } as const;

/** Sizes in pages of 64 KiB. */
export interface MemoryType {
  readonly pagesInitial: number;
  readonly pagesMax: number;
}

/** Memories that start larger are not kept for others: clearing them would be faster, but a thread at rest should hold little. */
export const KEPT_PAGES_MAX = 256;

/** The most that V8 lets a memory have. */
const PAGES_MAX = 65_536;
const KIND_MEMORY = 2;
const HAS_MAXIMUM = 0x01;

/** The type of the module's only memory, undefined where it has another number or kind of them. */
function onlyMemory(sections: readonly CoreSection[]): MemoryType | undefined {
  const section = sections.find(({ id }) => id === CORE_SECTION.memory);
  const isTaken = ({ module, name, kind }: CoreImport) =>
    kind === 'memory' || (module === MEMORY_IMPORT.module && name === MEMORY_IMPORT.name);
  if (!section || coreImports(sections).some(isTaken)) return undefined;
  const reader = section.body.at(section.body.offset);
  if (reader.u32() !== 1) return undefined;
  const flags = reader.byte();
  if (flags > HAS_MAXIMUM) return undefined;
  const pagesInitial = reader.u32();
  const pagesMax = flags === HAS_MAXIMUM ? reader.u32() : PAGES_MAX;
  return { pagesInitial, pagesMax };
}

const encodeName = (name: string): number[] => [...encodeU32(name.length), ...Buffer.from(name)];

function importEntry({ pagesInitial, pagesMax }: MemoryType): number[] {
  const { module, name } = MEMORY_IMPORT;
  const limits = [HAS_MAXIMUM, ...encodeU32(pagesInitial), ...encodeU32(pagesMax)];
  return [...encodeName(module), ...encodeName(name), KIND_MEMORY, ...limits];
}

/** The import section with one more entry at its end. */
function importSection(before: CoreSection | undefined, entry: readonly number[]): Uint8Array {
  const body = before?.body.at(before.body.offset);
  const count = body?.u32() ?? 0;
  const rest = body?.bytes.subarray(body.offset, body.end) ?? new Uint8Array();
  const counted = encodeU32(count + 1);
  const header = [CORE_SECTION.import, ...encodeU32(counted.length + rest.length + entry.length)];
  return Buffer.concat([Uint8Array.from([...header, ...counted]), rest, Uint8Array.from(entry)]);
}

/**
 * @param module a valid core module.
 * @returns the module, and the memory that it declares: one of a lower maximum does as well. Undefined for a module that
 * does not define exactly one plain memory.
 */
export function importMemory(
  module: Uint8Array,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly memory: MemoryType } | undefined {
  const sections = coreSections(module);
  const memory = onlyMemory(sections);
  if (!memory) return undefined;
  const before = sections.find(({ id }) => id === CORE_SECTION.import);
  const added = importSection(before, importEntry(memory));
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  let isAdded = false;
  for (const { id, start, end } of sections) {
    // Without imports so far, their section goes before the first one that has to come later.
    if (!isAdded && id >= CORE_SECTION.import) {
      parts.push(added);
      isAdded = true;
    }
    if (id !== CORE_SECTION.memory && id !== CORE_SECTION.import) parts.push(module.subarray(start, end));
  }
  return { bytes: new Uint8Array(Buffer.concat(parts)), memory };
}
