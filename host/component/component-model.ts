/**
 * A component as direct linking sees it: its core modules and the index spaces that say how they are put together.
 * Reads the binary format; what it all means for linking is direct-plan.ts's to say.
 * https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md (version 0x0d)
 */
import { CodedError } from '../../metering/errors.ts';
import { STRING_ENCODINGS, type StringEncoding } from '../wasi/core/strings.ts';
import type { BinaryReader } from './binary.ts';
import type { InstanceExports } from './component-types.ts';
import type { CoreKind } from './core-module.ts';
import type { TypeScope } from './type-scope.ts';
import { Unfit } from './unfit.ts';

/** Something that a core instance exports. */
export interface CoreExport {
  readonly instance: number;
  readonly name: string;
}

/** The options of a lifted or lowered function, by index into the core index spaces. */
export interface CanonOptions {
  readonly encoding: StringEncoding;
  readonly memory?: number;
  readonly realloc?: number;
  readonly postReturn?: number;
}

export type CoreFunctionDefinition =
  | ({ readonly kind: 'export' } & CoreExport)
  | { readonly kind: 'lowered'; readonly func: number; readonly options: CanonOptions }
  | { readonly kind: 'drop'; readonly resource: string };

export type FunctionDefinition =
  | {
      readonly kind: 'imported';
      readonly interfaceName: string;
      readonly name: string;
      readonly text: string;
    }
  | {
      readonly kind: 'lifted';
      readonly coreFunc: number;
      readonly options: CanonOptions;
      readonly text: string;
      readonly names: string;
    };

export type CoreInstanceDefinition =
  | { readonly kind: 'module'; readonly module: number; readonly args: ReadonlyMap<string, number> }
  | { readonly kind: 'bag'; readonly exports: ReadonlyMap<string, CoreItem> };

/** A place in a core index space. */
export interface CoreItem {
  readonly kind: CoreKind;
  readonly index: number;
}

/** A place in a component-level index space; `sort` as in the binary. */
export interface Item {
  readonly sort: number;
  readonly index: number;
}

export type InstanceDefinition =
  | { readonly kind: 'imported'; readonly interfaceName: string; readonly offers: InstanceExports }
  | { readonly kind: 'nested'; readonly component: number; readonly args: ReadonlyMap<string, Item> }
  | { readonly kind: 'bag'; readonly exports: ReadonlyMap<string, Item> };

/** A component within the component that only renames functions: the names it exports, and what they are called inside. */
export interface NestedComponent {
  readonly renamed: ReadonlyMap<string, string>;
  /** Its sections, and the types around it. */
  readonly reader: BinaryReader;
  readonly scope: TypeScope;
}

export interface ComponentModel {
  readonly modules: readonly Uint8Array[];
  readonly types: TypeScope;
  readonly coreInstances: readonly CoreInstanceDefinition[];
  readonly coreFunctions: readonly CoreFunctionDefinition[];
  readonly coreTables: readonly CoreExport[];
  readonly coreMemories: readonly CoreExport[];
  readonly coreGlobals: readonly CoreExport[];
  readonly functions: readonly FunctionDefinition[];
  readonly instances: readonly InstanceDefinition[];
  readonly components: readonly NestedComponent[];
  readonly exports: ReadonlyMap<string, Item>;
}

export const SORT = { core: 0, function: 1, value: 2, type: 3, component: 4, instance: 5 } as const;

/** The item at an index. @throws CodedError `component-invalid` when there is none (yet). */
export function itemAt<T>(space: readonly T[], index: number, what: string): T {
  if (index < space.length) return space[index] as T;
  throw new CodedError(
    'component-invalid',
    `expected an index below ${space.length} of a ${what}, got ${index}`,
  );
}

export function readSort(reader: BinaryReader): number {
  const sort = reader.byte();
  if (sort <= SORT.instance) return sort;
  throw new CodedError('component-invalid', `expected a sort from 0 to ${SORT.instance}, got ${sort}`);
}

export function readItem(reader: BinaryReader): Item {
  const sort = readSort(reader);
  if (sort === SORT.core) throw new Unfit('a core item at the component level');
  return { sort, index: reader.u32() };
}

/** Reads a vector; each item takes at least a byte, so a false count ends with the bytes. */
export function readMap<T>(reader: BinaryReader, name: () => string, value: () => T): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (let left = reader.u32(); left > 0; left--) {
    const key = name();
    if (map.has(key)) throw new CodedError('component-invalid', `expected each name once, got ${key} again`);
    map.set(key, value());
  }
  return map;
}

export function readCanonOptions(reader: BinaryReader): CanonOptions {
  const options: { -readonly [Key in keyof CanonOptions]: CanonOptions[Key] } = { encoding: 'utf8' };
  const seen = new Set<string>();
  for (let left = reader.u32(); left > 0; left--) {
    const code = reader.byte();
    const encoding = STRING_ENCODINGS[code];
    const what = encoding === undefined ? `option ${code}` : 'string encoding';
    if (seen.has(what))
      throw new CodedError('component-invalid', `expected each option once, got ${what} again`);
    seen.add(what);
    if (encoding !== undefined) options.encoding = encoding;
    else if (code === 3) options.memory = reader.u32();
    else if (code === 4) options.realloc = reader.u32();
    else if (code === 5) options.postReturn = reader.u32();
    else throw new Unfit(`a canonical option of code ${code} (asynchronous functions are among them)`);
  }
  return options;
}
