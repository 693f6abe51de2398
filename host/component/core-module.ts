/** The outside of a core module: its sections and what it imports. Its code is left to the engine. */
import { CodedError } from '../../metering/errors.ts';
import { BinaryReader } from './binary.ts';
import { CORE_HEADER, CORE_SECTION } from './core-format.ts';
import { Unfit } from './unfit.ts';

export const CORE_KINDS = ['func', 'table', 'memory', 'global', 'tag'] as const;
export type CoreKind = (typeof CORE_KINDS)[number];

export interface CoreSection {
  readonly id: number;
  /** Offset of the section's id, and of the byte behind the section. */
  readonly start: number;
  readonly end: number;
  readonly body: BinaryReader;
}

export interface CoreImport {
  readonly module: string;
  readonly name: string;
  readonly kind: CoreKind;
}

const VALUE_TYPE_MIN = 0x69;
const HAS_MAXIMUM = 0x01;
const IS_MEMORY64 = 0x04;
const HAS_PAGE_SIZE = 0x08;

export function coreSections(bytes: Uint8Array): readonly CoreSection[] {
  if (bytes.length < 8 || CORE_HEADER.some((byte, index) => bytes[index] !== byte)) {
    throw new CodedError('component-invalid', 'expected a core module of version 1, got other first bytes');
  }
  const reader = new BinaryReader(bytes, 8);
  const sections: CoreSection[] = [];
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte();
    const body = reader.slice(reader.u32());
    sections.push({ id, start, end: reader.offset, body });
  }
  return sections;
}

/** Value and reference types of one byte: all but references to a module's own types. */
function skipValueType(reader: BinaryReader): void {
  const code = reader.byte();
  if (code < VALUE_TYPE_MIN) throw new Unfit(`a core type of code ${code} at an import`);
}

function skipLimits(reader: BinaryReader): void {
  const flags = reader.byte();
  if (flags & IS_MEMORY64) throw new Unfit('a memory or table with 64-bit indexes');
  reader.u32();
  if (flags & HAS_MAXIMUM) reader.u32();
  if (flags & HAS_PAGE_SIZE) reader.u32();
}

function skipImportType(reader: BinaryReader, kind: CoreKind): void {
  switch (kind) {
    case 'func':
      reader.u32();
      return;
    case 'table':
      skipValueType(reader);
      skipLimits(reader);
      return;
    case 'memory':
      skipLimits(reader);
      return;
    case 'global':
      skipValueType(reader);
      reader.byte();
      return;
    case 'tag':
      reader.byte();
      reader.u32();
      return;
    default:
      kind satisfies never;
  }
}

export function coreImports(sections: readonly CoreSection[]): readonly CoreImport[] {
  const section = sections.find(({ id }) => id === CORE_SECTION.import);
  if (!section) return [];
  const reader = section.body.at(section.body.offset);
  const imports: CoreImport[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    const module = reader.name();
    const name = reader.name();
    const code = reader.byte();
    const kind = CORE_KINDS[code];
    if (kind === undefined)
      throw new CodedError('component-invalid', `expected a kind of import, got ${code}`);
    skipImportType(reader, kind);
    imports.push({ module, name, kind });
  }
  return imports;
}
