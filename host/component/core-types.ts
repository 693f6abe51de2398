/**
 * The types at the border of a core module: what it imports and what it exports, so that what is linked can be
 * compared. Its code is left to the engine.
 */
import { CORE_SECTION } from './core-format.ts';
import { Cursor } from './instrument/cursor.ts';
import { type Limits, readLimits } from './instrument/limits.ts';
import { OP } from './instrument/opcodes.ts';
import { Refusal } from './instrument/refusal.ts';
import { readSections } from './instrument/sections.ts';
import { Walker } from './instrument/walk.ts';

/** One import or export: for functions `i32,i64->i32`, for globals `mut i32`, for tables the elements. */
export interface CoreType {
  readonly kind: 'func' | 'table' | 'memory' | 'global';
  readonly type: string;
  readonly limits?: Limits;
}

export interface CoreTypes {
  readonly imports: readonly (CoreType & { readonly module: string; readonly name: string })[];
  readonly exports: ReadonlyMap<string, CoreType>;
}

const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;
const FUNCTION_TYPE = 0x60;
const WITH_FIRST_VALUE = 0x40;

/** Value types that mean the same in every module; others refer to a module's own types. */
const VALUE_TYPES: Readonly<Record<number, string>> = {
  ...{ 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64', 123: 'v128' },
  ...{ 112: 'funcref', 111: 'externref' },
};

const other = (cursor: Cursor, what: string): Refusal =>
  new Refusal('form-unsupported', cursor.offset, `expected ${what} that can be compared, got another`);

function valueType(cursor: Cursor): string {
  const known = VALUE_TYPES[cursor.byte()];
  if (known !== undefined) return known;
  throw other(cursor, 'a value type');
}

function many<T>(cursor: Cursor, read: () => T): T[] {
  const items: T[] = [];
  for (let left = cursor.u32(); left > 0; left--) items.push(read());
  return items;
}

function at<T>(space: readonly T[], cursor: Cursor): T {
  const item = space[cursor.u32()];
  if (item !== undefined) return item;
  throw new Refusal('module-malformed', cursor.offset, 'expected an index of something that is there');
}

/** Fills the module's index spaces section by section. */
class BorderReader {
  readonly imports: (CoreType & { module: string; name: string })[] = [];
  readonly exports = new Map<string, CoreType>();
  readonly #types: string[] = [];
  readonly #spaces: readonly [CoreType[], CoreType[], CoreType[], CoreType[]] = [[], [], [], []];

  section(id: number, cursor: Cursor): void {
    switch (id) {
      case CORE_SECTION.type:
        many(cursor, () => this.#types.push(this.#functionType(cursor)));
        return;
      case CORE_SECTION.import:
        many(cursor, () => this.#import(cursor));
        return;
      case CORE_SECTION.function:
        many(cursor, () => this.#spaces[KIND.function].push(this.#described(KIND.function, cursor)));
        return;
      case CORE_SECTION.table:
        many(cursor, () => this.#table(cursor));
        return;
      case CORE_SECTION.memory:
        many(cursor, () => this.#spaces[KIND.memory].push(this.#described(KIND.memory, cursor)));
        return;
      case CORE_SECTION.global:
        many(cursor, () => this.#global(cursor));
        return;
      case CORE_SECTION.export:
        many(cursor, () => this.#export(cursor));
    }
  }

  #functionType(cursor: Cursor): string {
    if (cursor.byte() !== FUNCTION_TYPE) throw other(cursor, 'a type');
    const params = many(cursor, () => valueType(cursor));
    return `${params.join(',')}->${many(cursor, () => valueType(cursor)).join(',')}`;
  }

  #described(kind: number, cursor: Cursor): CoreType {
    switch (kind) {
      case KIND.function:
        return { kind: 'func', type: at(this.#types, cursor) };
      case KIND.table:
        return { kind: 'table', type: valueType(cursor), limits: readLimits(cursor) };
      case KIND.memory:
        return { kind: 'memory', type: '', limits: readLimits(cursor) };
      case KIND.global: {
        const type = valueType(cursor);
        return { kind: 'global', type: cursor.byte() === 0 ? type : `mut ${type}` };
      }
      default:
        throw other(cursor, 'a kind of import');
    }
  }

  #import(cursor: Cursor): void {
    const module = cursor.name();
    const name = cursor.name();
    const kind = cursor.byte();
    const described = this.#described(kind, cursor);
    this.#spaces[kind as 0 | 1 | 2 | 3].push(described);
    this.imports.push({ module, name, ...described });
  }

  #table(cursor: Cursor): void {
    if (cursor.peek() === WITH_FIRST_VALUE) throw other(cursor, 'a table');
    this.#spaces[KIND.table].push(this.#described(KIND.table, cursor));
  }

  #global(cursor: Cursor): void {
    this.#spaces[KIND.global].push(this.#described(KIND.global, cursor));
    const walker = new Walker(cursor, 0);
    while (walker.next() !== OP.end);
  }

  #export(cursor: Cursor): void {
    const name = cursor.name();
    const space = this.#spaces[cursor.byte() as 0 | 1 | 2 | 3];
    if (!space) throw other(cursor, 'a kind of export');
    this.exports.set(name, at(space, cursor));
  }
}

/**
 * @param module a valid core module.
 * @returns undefined for one with types that this reader cannot compare.
 */
export function coreTypes(module: Uint8Array): CoreTypes | undefined {
  try {
    const border = new BorderReader();
    for (const { id, bodyStart, end } of readSections(module)) {
      border.section(id, new Cursor(module, bodyStart, end));
    }
    return border;
  } catch (thrown) {
    if (thrown instanceof Refusal) return undefined;
    throw thrown;
  }
}

/** Whether what is given may stand where something is wanted. */
export function isMatch(wanted: CoreType, given: CoreType): boolean {
  if (wanted.kind !== given.kind || wanted.type !== given.type) return false;
  const [want, give] = [wanted.limits, given.limits];
  if (!want || !give) return true;
  const isSameForm = want.isShared === give.isShared && want.hasLongAddresses === give.hasLongAddresses;
  if (!isSameForm || give.initial < want.initial) return false;
  return want.maximum === undefined || (give.maximum !== undefined && give.maximum <= want.maximum);
}
