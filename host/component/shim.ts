/**
 * Recognizes the pair of small modules by which wit-component breaks a cycle: one forwards calls through a table, the
 * other fills that table once the memory exists. A host that looks memory up late can do without both.
 */
import type { BinaryReader } from './binary.ts';
import { CORE_SECTION } from './core-format.ts';
import { type CoreImport, type CoreSection, coreImports, coreSections } from './core-module.ts';

const FUNCTION_TYPE = 0x60;
const FUNCTION_REFERENCE = 0x70;
const HAS_MAXIMUM = 0x01;
const LOCAL_GET = 0x20;
const I32_CONST = 0x41;
const CALL_INDIRECT = 0x11;
const END = 0x0b;
const KIND_FUNCTION = 0;
const KIND_TABLE = 1;

/** A module whose functions forward to the slots of its one table. */
export interface Forwarder {
  /** Slot by the name of the exported function. */
  readonly slots: ReadonlyMap<string, number>;
  readonly tableName: string;
  /** How many slots there are from the start. */
  readonly tableSize: number;
}

/** A module that puts functions which it imports into an imported table, and may then call one. */
export interface Filler {
  readonly table: CoreImport;
  /** The import that each slot gets. */
  readonly slots: ReadonlyMap<number, CoreImport>;
  readonly start: CoreImport | undefined;
}

/** Something that the pattern does not have; only leaves this file as undefined. */
class OtherShape extends Error {}

function expect(condition: boolean): asserts condition {
  if (!condition) throw new OtherShape();
}

function recognized<T>(recognize: () => T): T | undefined {
  try {
    return recognize();
  } catch (thrown) {
    if (thrown instanceof OtherShape) return undefined;
    throw thrown;
  }
}

function bodyOf(sections: readonly CoreSection[], id: number): BinaryReader {
  const found = sections.filter((section) => section.id === id);
  expect(found.length === 1);
  const [{ body }] = found as [CoreSection];
  return body.at(body.offset);
}

function onlySections(sections: readonly CoreSection[], allowed: readonly number[]): void {
  expect(sections.every(({ id }) => id === CORE_SECTION.custom || allowed.includes(id)));
}

/** Reads a vector; each item takes at least a byte, so a false count ends with the bytes. */
function many<T>(reader: BinaryReader, read: (index: number) => T): T[] {
  const items: T[] = [];
  const count = reader.u32();
  for (let index = 0; index < count; index++) items.push(read(index));
  return items;
}

/** A non-negative number in signed LEB128, as slots are; others are not of this shape. */
function slotNumber(reader: BinaryReader): number {
  const start = reader.offset;
  const value = reader.u32();
  const last = reader.bytes[reader.offset - 1] as number;
  expect((last & 0x40) === 0 && reader.offset - start < 5);
  return value;
}

function parameterCounts(reader: BinaryReader): number[] {
  return many(reader, () => {
    expect(reader.byte() === FUNCTION_TYPE);
    const params = reader.u32();
    reader.slice(params);
    reader.slice(reader.u32());
    return params;
  });
}

function forwardedSlot(body: BinaryReader, typeIndex: number, params: number): number {
  expect(body.u32() === 0);
  for (let local = 0; local < params; local++) {
    expect(body.byte() === LOCAL_GET);
    expect(body.u32() === local);
  }
  expect(body.byte() === I32_CONST);
  const slot = slotNumber(body);
  expect(body.byte() === CALL_INDIRECT);
  expect(body.u32() === typeIndex);
  expect(body.u32() === 0);
  expect(body.byte() === END && body.done);
  return slot;
}

export function recognizeForwarder(bytes: Uint8Array): Forwarder | undefined {
  return recognized(() => {
    const sections = coreSections(bytes);
    const { type, function: functionId, table, export: exportId, code } = CORE_SECTION;
    onlySections(sections, [type, functionId, table, exportId, code]);
    const tableSize = functionTableSize(bodyOf(sections, table));
    const params = parameterCounts(bodyOf(sections, type));
    const functions = bodyOf(sections, functionId);
    const typeIndexes = many(functions, () => functions.u32());
    const codes = bodyOf(sections, code);
    const targets = many(codes, (index) => {
      const typeIndex = typeIndexes[index] ?? -1;
      return forwardedSlot(codes.slice(codes.u32()), typeIndex, params[typeIndex] ?? 0);
    });
    return { ...forwarderExports(bodyOf(sections, exportId), targets), tableSize };
  });
}

function functionTableSize(reader: BinaryReader): number {
  expect(reader.u32() === 1);
  expect(reader.byte() === FUNCTION_REFERENCE);
  expect(reader.byte() <= HAS_MAXIMUM);
  return reader.u32();
}

function forwarderExports(reader: BinaryReader, targets: readonly number[]): Omit<Forwarder, 'tableSize'> {
  const slots = new Map<string, number>();
  let tableName: string | undefined;
  many(reader, () => {
    const name = reader.name();
    const kind = reader.byte();
    const index = reader.u32();
    if (kind === KIND_TABLE) tableName = name;
    else {
      const slot = targets[index];
      expect(kind === KIND_FUNCTION && slot !== undefined);
      slots.set(name, slot);
    }
  });
  expect(tableName !== undefined);
  return { slots, tableName };
}

export function recognizeFiller(bytes: Uint8Array): Filler | undefined {
  return recognized(() => {
    const sections = coreSections(bytes);
    onlySections(sections, [
      CORE_SECTION.type,
      CORE_SECTION.import,
      CORE_SECTION.start,
      CORE_SECTION.element,
    ]);
    const imports = coreImports(sections);
    const functions = imports.filter(({ kind }) => kind === 'func');
    const [table, ...others] = imports.filter(({ kind }) => kind !== 'func');
    expect(table?.kind === 'table' && others.length === 0);
    const hasStart = sections.some(({ id }) => id === CORE_SECTION.start);
    const start = hasStart ? functions[bodyOf(sections, CORE_SECTION.start).u32()] : undefined;
    expect(!hasStart || start !== undefined);
    return { table, slots: filledSlots(bodyOf(sections, CORE_SECTION.element), functions), start };
  });
}

function filledSlots(
  reader: BinaryReader,
  functions: readonly CoreImport[],
): ReadonlyMap<number, CoreImport> {
  const slots = new Map<number, CoreImport>();
  many(reader, () => {
    expect(reader.byte() === 0);
    expect(reader.byte() === I32_CONST);
    const first = slotNumber(reader);
    expect(reader.byte() === END);
    many(reader, (offset) => {
      const source = functions[reader.u32()];
      expect(source !== undefined);
      slots.set(first + offset, source);
    });
  });
  return slots;
}
