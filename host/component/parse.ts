/**
 * Reads the outside of a component: is it one, what does it import, what does it export. Validating the inside
 * is left to the engine and the code generator.
 */
import { CodedError } from '../../metering/errors.ts';
import { BinaryReader } from './binary.ts';

/** The names at a component's border, as the binary has them. */
export interface ComponentOutline {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d] as const;
const SECTION_IMPORT = 10;
const SECTION_EXPORT = 11;
const LAST_SECTION = 12;

/** More than any toolchain makes, and few enough to be read without holding up the thread that serves. */
const SECTIONS_MAX = 100_000;
const NAMES_MAX = 10_000;

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

function checkPreamble(bytes: Uint8Array): void {
  const start = bytes.subarray(0, 4);
  const isWasm = MAGIC.every((byte, index) => start[index] === byte);
  if (!isWasm && bytes.length >= 4) {
    throw new CodedError(
      'component-not-wasm',
      `expected a WebAssembly component (first bytes 00 61 73 6d), got first bytes ${hex(start)}`,
    );
  }
  if (bytes.length < 8) {
    throw new CodedError(
      bytes.length === 0 || !isWasm ? 'component-not-wasm' : 'component-truncated',
      `expected a WebAssembly component (at least 8 bytes), got ${bytes.length} bytes`,
    );
  }
  const version = bytes[4]! | (bytes[5]! << 8);
  const layer = bytes[6]! | (bytes[7]! << 8);
  if (layer === 0) {
    throw new CodedError(
      'component-core-module',
      'expected a component, got a core module: wrap it with wit-component (`wasm-tools component new`) or build it with `ebb build`',
    );
  }
  if (layer !== 1 || version !== 0x0d) {
    throw new CodedError(
      'component-invalid',
      `expected component binary format version 13 (layer 1), got version ${version} (layer ${layer})`,
    );
  }
}

/** An extern name: a discriminator, the name, and for 0x02 a list of attributes. */
function externName(reader: BinaryReader): string {
  const form = reader.byte();
  const name = reader.name();
  if (form > 1)
    throw new CodedError('component-invalid', `expected a plain extern name for ${name}, got form ${form}`);
  return name;
}

/** Steps over what an import or export is typed with. */
function skipExternType(reader: BinaryReader): void {
  const sort = reader.byte();
  const invalid = () => new CodedError('component-invalid', `expected an extern type, got sort ${sort}`);
  if (sort > 5) throw invalid();
  if (sort === 0) {
    if (reader.byte() !== 0x11) throw invalid();
  } else if (sort === 2 || sort === 3) {
    const bound = reader.byte();
    if (sort === 3 && bound === 1) return;
  }
  reader.u32();
}

/** The length of a list of names. */
function nameCount(reader: BinaryReader): number {
  const count = reader.u32();
  if (count <= NAMES_MAX) return count;
  throw new CodedError(
    'component-invalid',
    `expected at most ${NAMES_MAX} names at offset ${reader.offset}, got ${count}`,
  );
}

function readImports(reader: BinaryReader, names: string[]): void {
  for (let left = nameCount(reader); left > 0; left--) {
    names.push(externName(reader));
    skipExternType(reader);
  }
}

function readExports(reader: BinaryReader, names: string[]): void {
  for (let left = nameCount(reader); left > 0; left--) {
    names.push(externName(reader));
    if (reader.byte() === 0) reader.byte();
    reader.u32();
    if (reader.byte() === 1) skipExternType(reader);
  }
}

/**
 * Reads the imports and exports of a component.
 * @throws CodedError `component-not-wasm`, `component-truncated`, `component-core-module` or `component-invalid`.
 */
export function parseComponent(bytes: Uint8Array): ComponentOutline {
  checkPreamble(bytes);
  const reader = new BinaryReader(bytes, 8);
  const imports: string[] = [];
  const exports: string[] = [];
  for (let sections = 0; !reader.done; sections++) {
    if (sections >= SECTIONS_MAX || imports.length + exports.length > NAMES_MAX) {
      const message = `expected at most ${SECTIONS_MAX} sections and ${NAMES_MAX} names, got more`;
      throw new CodedError('component-invalid', message);
    }
    const start = reader.offset;
    const id = reader.byte();
    if (id > LAST_SECTION) {
      throw new CodedError(
        'component-invalid',
        `expected a component section at offset ${start}, got section id ${id}`,
      );
    }
    const section = reader.slice(reader.u32());
    if (id === SECTION_IMPORT) readImports(section, imports);
    if (id === SECTION_EXPORT) readExports(section, exports);
  }
  return { imports, exports };
}
