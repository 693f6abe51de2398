/**
 * Reads a component that lies within another one, if it is of the one kind that toolchains make for exported
 * interfaces: it imports functions and types and exports them under other names, and has no content of its own.
 */
import { CodedError } from '../../metering/errors.ts';
import type { BinaryReader } from './binary.ts';
import {
  type ComponentModel,
  type Item,
  itemAt,
  type NestedComponent,
  readSort,
  SORT,
} from './component-model.ts';
import { readBound, readType } from './component-types.ts';
import { isPlainName, readExternName } from './extern-names.ts';
import { type TypeEntry, TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';

const SECTION = { custom: 0, alias: 6, type: 7, import: 10, export: 11 } as const;
const ALIAS_OUTER = 2;

/** Steps over what follows the sort of an import or an export's ascription. */
function skipExternType(reader: BinaryReader): number {
  const sort = reader.byte();
  if (sort !== SORT.function && sort !== SORT.type) {
    throw new Unfit(`a component within it that deals in items of sort ${sort}`);
  }
  if (sort === SORT.function || readBound(reader)) reader.u32();
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
export function readNestedComponent(reader: BinaryReader, scope: TypeScope): NestedComponent {
  const start = reader.at(reader.offset);
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
  return { renamed, reader: start, scope };
}

const UNKNOWN = '?';

/** Whether two types are known to be the same one. */
const isSame = (a: TypeEntry, b: TypeEntry): boolean =>
  'text' in a &&
  'text' in b &&
  a.kind === b.kind &&
  a.text === b.text &&
  !a.text.includes(UNKNOWN) &&
  (!('names' in a) || !('names' in b) || a.names === b.names);

/** Steps through a component within another one with what that gives to it, and compares types on the way. */
class NestedCheck {
  readonly #args: ReadonlyMap<string, Item>;
  readonly #model: ComponentModel;
  readonly #scope: TypeScope;
  readonly #functions: TypeEntry[] = [];
  readonly #imported = new Set<string>();
  readonly #exported = new Set<string>();

  constructor({ scope }: NestedComponent, args: ReadonlyMap<string, Item>, model: ComponentModel) {
    this.#args = args;
    this.#model = model;
    this.#scope = new TypeScope(scope);
  }

  section(id: number, reader: BinaryReader): boolean {
    if (id === SECTION.custom) return true;
    for (let left = reader.u32(); left > 0; left--) if (!this.#isEntryFit(id, reader)) return false;
    return reader.done;
  }

  #isEntryFit(id: number, reader: BinaryReader): boolean {
    switch (id) {
      case SECTION.type:
        readType(reader, this.#scope);
        return true;
      case SECTION.alias: {
        reader.slice(2);
        const levels = reader.u32();
        this.#scope.entries.push(this.#scope.outward(levels, reader.u32()));
        return true;
      }
      case SECTION.import:
        return this.#isImportFit(reader);
      default:
        return this.#isExportFit(reader);
    }
  }

  #isImportFit(reader: BinaryReader): boolean {
    const name = readExternName(reader);
    const sort = reader.byte();
    const given = this.#args.get(name);
    if (!isPlainName(name) || this.#imported.has(name) || given?.sort !== sort) return false;
    this.#imported.add(name);
    if (sort === SORT.function) {
      const type = this.#scope.at(reader.u32());
      this.#functions.push(type);
      const func = this.#model.functions[given.index];
      return func?.kind === 'lifted' && isSame(type, { ...func, kind: 'function' });
    }
    const type = this.#model.types.at(given.index);
    const isFit = readBound(reader) ? isSame(this.#scope.at(reader.u32()), type) : type.kind === 'resource';
    this.#scope.entries.push(type);
    return isFit;
  }

  #isExportFit(reader: BinaryReader): boolean {
    const name = readExternName(reader);
    const sort = readSort(reader);
    const space = sort === SORT.function ? this.#functions : this.#scope.entries;
    const exported = itemAt(space, reader.u32(), 'nested item');
    space.push(exported);
    if (!isPlainName(name) || this.#exported.has(name)) return false;
    this.#exported.add(name);
    const hasType = reader.byte();
    return hasType === 0 || (hasType === 1 && this.#isAscriptionFit(reader, sort, exported));
  }

  #isAscriptionFit(reader: BinaryReader, sort: number, exported: TypeEntry): boolean {
    if (reader.byte() !== sort) return false;
    if (sort === SORT.function) return isSame(this.#scope.at(reader.u32()), exported);
    if (readBound(reader)) return isSame(this.#scope.at(reader.u32()), exported);
    return exported.kind === 'resource';
  }
}

/** Whether a component within another one gets all that it imports, of the very types that it declares. */
export function isNestedFit(
  { component, args }: { readonly component: number; readonly args: ReadonlyMap<string, Item> },
  model: ComponentModel,
): boolean {
  const nested = model.components[component];
  if (!nested) return false;
  const check = new NestedCheck(nested, args, model);
  const reader = nested.reader.at(nested.reader.offset);
  try {
    while (!reader.done) {
      const id = reader.byte();
      if (!check.section(id, reader.slice(reader.u32()))) return false;
    }
    return true;
  } catch (thrown) {
    if (thrown instanceof Unfit || thrown instanceof CodedError) return false;
    throw thrown;
  }
}
