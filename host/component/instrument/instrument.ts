/**
 * Rewrites a core module so that its code keeps limits: it looks at the limit cells and traps. The door of this folder;
 * knows modules, not components, and not who sets the limits.
 *
 * Nothing is renumbered. The cells are a memory that is imported behind all others, so they take an index that was free,
 * and no function, global or type is added; locals are, behind a function's own, where it grows something. Own memories
 * become imports in their order, which keeps theirs.
 */

import { encodeU32 } from '../binary.ts';
import { CORE_SECTION } from '../core-format.ts';
import { LIMITS_IMPORT } from '../limit-cells.ts';
import { ByteSink } from './byte-sink.ts';
import { Cursor } from './cursor.ts';
import { type GuardOptions, Guards } from './guards.ts';
import { type DefinedTable, type IndexSpaces, readParameterCounts, readTables } from './index-spaces.ts';
import {
  checkData,
  checkExports,
  type DefinedMemory,
  encodeMemoryImports,
  type Imports,
  readDefinedMemories,
  readImports,
} from './memories.ts';
import { Refusal, type RefusalCode } from './refusal.ts';
import { FunctionRewriter } from './rewrite-function.ts';
import { rankOf, readSections, type Section } from './sections.ts';

export type Instrumented =
  | {
      readonly ok: true;
      /** Imports `LIMITS_IMPORT` and each of `memories`. */
      readonly module: Uint8Array<ArrayBuffer>;
      /** What the module defined; each instance wants new ones. */
      readonly memories: readonly DefinedMemory[];
      /** With how many elements its own tables start, all together. */
      readonly tableElements: number;
    }
  | { readonly ok: false; readonly code: RefusalCode; readonly offset: number; readonly message: string };

/** Custom sections that stay true; others speak of offsets in the code, and no engine needs them. */
const KEPT_CUSTOM = new Set(['name']);

/** Code grows by about a tenth. */
const GROWTH = 1.15;

class Rewrite {
  readonly #bytes: Uint8Array;
  readonly #options: GuardOptions;
  readonly #sections: readonly Section[];
  readonly #out: ByteSink;
  readonly #imports: Imports;
  readonly memories: readonly DefinedMemory[];
  readonly #tables: readonly DefinedTable[];
  readonly #memoryCount: number;

  constructor(bytes: Uint8Array, options: GuardOptions) {
    this.#bytes = bytes;
    this.#options = options;
    this.#sections = readSections(bytes);
    this.#imports = this.#readImports();
    this.memories = this.#read(CORE_SECTION.memory, readDefinedMemories);
    this.#tables = this.#read(CORE_SECTION.table, readTables);
    this.#memoryCount = this.#imports.longMemories.length + this.memories.length;
    this.#checkNames();
    this.#out = new ByteSink(Math.ceil(bytes.length * GROWTH));
  }

  get tableElements(): number {
    return this.#tables.reduce((sum, { elementsInitial }) => sum + elementsInitial, 0);
  }

  run(): Uint8Array<ArrayBuffer> {
    this.#out.append(this.#bytes.subarray(0, 8));
    let isImported = false;
    for (const section of this.#sections) {
      // Without imports so far, their section goes before the first one that has to come later.
      if (
        !isImported &&
        section.id !== CORE_SECTION.custom &&
        rankOf(section.id) >= rankOf(CORE_SECTION.import)
      ) {
        this.#writeImports();
        isImported = true;
      }
      this.#writeSection(section);
    }
    if (!isImported) this.#writeImports();
    return this.#out.view();
  }

  #section(id: number): Section | undefined {
    return this.#sections.find((section) => section.id === id);
  }

  #cursor({ bodyStart, end }: Section): Cursor {
    return new Cursor(this.#bytes, bodyStart, end);
  }

  /** What a section lists; nothing where there is no such section. */
  #read<T>(id: number, read: (cursor: Cursor) => readonly T[]): readonly T[] {
    const section = this.#section(id);
    return section ? read(this.#cursor(section)) : [];
  }

  #readImports(): Imports {
    const section = this.#section(CORE_SECTION.import);
    if (section) return readImports(this.#cursor(section));
    return {
      count: 0,
      functions: 0,
      globals: 0,
      longMemories: [],
      longTables: [],
      ownNames: [],
      entriesStart: 0,
    };
  }

  #indexSpaces(): IndexSpaces {
    const { longMemories, longTables } = this.#imports;
    const own = {
      memories: this.memories.map(({ isLong }) => isLong),
      tables: this.#tables.map(({ isLong }) => isLong),
    };
    return {
      functionTypes: this.#read(CORE_SECTION.function, (cursor) => readIndexes(cursor)),
      parameterCounts: this.#read(CORE_SECTION.type, readParameterCounts),
      longMemories: [...longMemories, ...own.memories],
      longTables: [...longTables, ...own.tables],
    };
  }

  /** A guest that imported the cells could write to them. */
  #checkNames(): void {
    const added = new Set<string>([LIMITS_IMPORT.name, ...this.memories.map(({ name }) => name)]);
    const taken = this.#imports.ownNames.find((name) => added.has(name));
    if (taken === undefined) return;
    const message = `expected no import of ${LIMITS_IMPORT.module} ${taken}, which is a name of the host, got one`;
    throw new Refusal('name-taken', this.#imports.entriesStart, message);
  }

  #writeSection(section: Section): void {
    const { id, start, end } = section;
    switch (id) {
      case CORE_SECTION.import:
      case CORE_SECTION.memory:
        return;
      case CORE_SECTION.custom:
        if (!KEPT_CUSTOM.has(this.#cursor(section).name())) return;
        break;
      case CORE_SECTION.export:
        checkExports(this.#cursor(section), this.#memoryCount);
        break;
      case CORE_SECTION.data:
        checkData(this.#cursor(section), this.#memoryCount);
        break;
      case CORE_SECTION.code:
        this.#append(id, this.#rewriteCode(this.#cursor(section)));
        return;
    }
    this.#out.copy(this.#bytes, start, end);
  }

  #writeImports(): void {
    const { count, entriesStart } = this.#imports;
    const section = this.#section(CORE_SECTION.import);
    const body = new ByteSink(1_024);
    body.append(encodeU32(count + this.memories.length + 1));
    if (section) body.copy(this.#bytes, entriesStart, section.end);
    body.append(encodeMemoryImports(this.memories));
    this.#append(CORE_SECTION.import, body.view());
  }

  #rewriteCode(cursor: Cursor): Uint8Array {
    const out = new ByteSink(Math.ceil((cursor.end - cursor.offset) * GROWTH));
    const guards = new Guards(this.#options, this.#memoryCount);
    const rewriter = new FunctionRewriter(this.#bytes, this.#indexSpaces(), guards);
    const count = cursor.u32();
    out.append(encodeU32(count));
    for (let index = 0; index < count; index++) rewriter.rewrite(index, cursor.slice(cursor.u32()), out);
    if (!cursor.done)
      throw new Refusal('module-malformed', cursor.offset, 'expected the end of the code, got more');
    return out.view();
  }

  #append(id: number, body: Uint8Array): void {
    this.#out.append([id, ...encodeU32(body.length)]);
    this.#out.append(body);
  }
}

function readIndexes(cursor: Cursor): readonly number[] {
  const indexes: number[] = [];
  for (let left = cursor.u32(); left > 0; left--) indexes.push(cursor.u32());
  return indexes;
}

/**
 * @param bytes a core module. One that is not valid stays invalid, or is refused.
 * @returns the module with guards in its code, or why it cannot have any.
 */
export function instrument(bytes: Uint8Array, options: GuardOptions): Instrumented {
  try {
    const rewrite = new Rewrite(bytes, options);
    const { memories, tableElements } = rewrite;
    return { ok: true, module: rewrite.run(), memories, tableElements };
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const { code, offset, message } = thrown;
    return { ok: false, code, offset, message };
  }
}
