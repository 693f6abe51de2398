/**
 * Reads a component that lies within another one, if it is of the one kind that toolchains make for exported
 * interfaces: it imports functions and types and exports them under other names, and has no content of its own.
 */
import type { BinaryReader } from './binary.ts';
import { itemAt, type NestedComponent, readSort, SORT } from './component-model.ts';
import { readExternName } from './component-types.ts';
import { Unfit } from './unfit.ts';

const SECTION = { custom: 0, alias: 6, type: 7, import: 10, export: 11 } as const;
const ALIAS_OUTER = 2;
const BOUND_EQ = 0;

/** Steps over what follows the sort of an import or an export's ascription. */
function skipExternType(reader: BinaryReader): number {
  const sort = reader.byte();
  if (sort !== SORT.function && sort !== SORT.type) {
    throw new Unfit(`a component within it that deals in items of sort ${sort}`);
  }
  if (sort === SORT.function || reader.byte() === BOUND_EQ) reader.u32();
  return sort;
}

function readImports(reader: BinaryReader, functions: string[]): void {
  for (let left = reader.u32(); left > 0; left--) {
    const name = readExternName(reader);
    if (skipExternType(reader) === SORT.function) functions.push(name);
  }
}

function readExports(reader: BinaryReader, functions: string[], renamed: Map<string, string>): void {
  for (let left = reader.u32(); left > 0; left--) {
    const name = readExternName(reader);
    const sort = readSort(reader);
    const index = reader.u32();
    if (reader.byte() === 1) skipExternType(reader);
    if (sort === SORT.function) {
      const inside = itemAt(functions, index, 'function');
      functions.push(inside);
      renamed.set(name, inside);
    } else if (sort !== SORT.type)
      throw new Unfit(`a component within it that exports an item of sort ${sort}`);
  }
}

function checkAliases(reader: BinaryReader): void {
  for (let left = reader.u32(); left > 0; left--) {
    const isOuterType = readSort(reader) === SORT.type && reader.byte() === ALIAS_OUTER;
    if (!isOuterType) throw new Unfit('a component within it that has aliases');
    reader.u32();
    reader.u32();
  }
}

/** @param reader stands behind the preamble. */
export function readNestedComponent(reader: BinaryReader): NestedComponent {
  const functions: string[] = [];
  const renamed = new Map<string, string>();
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.slice(reader.u32());
    if (id === SECTION.import) readImports(section, functions);
    else if (id === SECTION.export) readExports(section, functions, renamed);
    else if (id === SECTION.alias) checkAliases(section);
    else if (id !== SECTION.type && id !== SECTION.custom)
      throw new Unfit('components composed of components');
  }
  return { renamed };
}
