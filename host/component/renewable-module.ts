/**
 * Makes what the engine does when it makes an instance of a core module callable again: a function is added that sets
 * the module's globals and writes its data. An instance whose memories are zero is after a call of it as a new one is,
 * since modules that could change anything else are refused. So are those with a start: it would run while instances
 * that come after it still have what is left of their last request, and it could call them. Nothing but data is renumbered.
 */
import { encodeU32 } from './binary.ts';
import { CORE_SECTION } from './core-format.ts';
import { dataPieces } from './data-segments.ts';
import { ByteSink, signedLeb } from './instrument/byte-sink.ts';
import { Cursor } from './instrument/cursor.ts';
import { readImports } from './instrument/memories.ts';
import { OP, prefixed } from './instrument/opcodes.ts';
import { Refusal } from './instrument/refusal.ts';
import { rankOf, readSections, type Section } from './instrument/sections.ts';
import { skipValueType, Walker } from './instrument/walk.ts';

/** Under this name a renewable module exports the function, which has to be called once for a new instance as well. */
export const RENEW_EXPORT = 'ebb:renew';

const FUNCTION_TYPE = 0x60;
const KIND_FUNCTION = 0;
const MUTABLE = 1;
/** i32, i64, f32, f64 and v128: what needs no reference to be set again. */
const NUMBER_TYPES = new Set([0x7f, 0x7e, 0x7d, 0x7c, 0x7b]);
/** A form of data segment. */
const PASSIVE = 1;
/** Segments and globals: the function should stay small beside the module. */
const ENTRIES_MAX = 10_000;

/**
 * What changes tables, or tells a segment that was written by the engine from one that was not. Instructions on
 * objects of the engine's heap, which globals and tables may lead to, have a prefix of their own.
 */
const UNRENEWABLE = new Set<number>([
  ...[OP.tableSet, OP.tableInit, OP.tableCopy, OP.tableGrow, OP.tableFill],
  ...[OP.memoryInit, OP.dataDrop, OP.elementDrop],
]);
const isUnrenewable = (opcode: number): boolean =>
  UNRENEWABLE.has(opcode) || (opcode >= prefixed(OP.gcPrefix, 0) && opcode < prefixed(OP.miscPrefix, 0));

const refuse = (offset: number, expected: string): Refusal =>
  new Refusal('form-unsupported', offset, expected);

class Renewal {
  readonly #bytes: Uint8Array;
  readonly #sections: readonly Section[];
  readonly #body = new ByteSink(1_024);
  readonly #memoryCount: number;
  readonly #importedFunctions: number;
  readonly #importedGlobals: number;
  readonly #importsTable: boolean;
  #entries = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#sections = readSections(bytes);
    const imports = this.#read(CORE_SECTION.import, readImports);
    this.#memoryCount = imports?.longMemories.length ?? 0;
    this.#importedFunctions = imports?.functions ?? 0;
    this.#importedGlobals = imports?.globals ?? 0;
    this.#importsTable = (imports?.longTables.length ?? 0) > 0;
  }

  run(): Uint8Array<ArrayBuffer> {
    if (this.#section(CORE_SECTION.memory)) throw refuse(0, 'expected no memory of its own, got one');
    if (this.#section(CORE_SECTION.start)) throw refuse(0, 'expected no start, got one');
    if (this.#importsTable) throw refuse(0, 'expected no table of another module, got one');
    this.#checkExports();
    this.#checkCode();
    const types = this.#checkTypes();
    this.#body.append([0]);
    this.#setGlobals();
    const data = this.#writeData();
    this.#body.append([OP.end]);
    const added = new Map<number, Uint8Array>([
      [CORE_SECTION.type, this.#longer(CORE_SECTION.type, [FUNCTION_TYPE, 0, 0])],
      [CORE_SECTION.function, this.#longer(CORE_SECTION.function, encodeU32(types))],
      [CORE_SECTION.export, this.#longer(CORE_SECTION.export, this.#exportEntry())],
      [
        CORE_SECTION.code,
        this.#longer(CORE_SECTION.code, [...encodeU32(this.#body.length), ...this.#body.view()]),
      ],
    ]);
    if (data) {
      added.set(CORE_SECTION.data, data.section);
      added.set(CORE_SECTION.dataCount, Uint8Array.from(encodeU32(data.count)));
    }
    return this.#assembled(added);
  }

  #section(id: number): Section | undefined {
    return this.#sections.find((section) => section.id === id);
  }

  #read<T>(id: number, read: (cursor: Cursor) => T): T | undefined {
    const section = this.#section(id);
    return section && read(new Cursor(this.#bytes, section.bodyStart, section.end));
  }

  /** @returns how many there are. */
  #checkTypes(): number {
    const check = (cursor: Cursor): number => {
      const count = cursor.u32();
      for (let left = count; left > 0; left--) {
        if (cursor.byte() !== FUNCTION_TYPE) throw refuse(cursor.offset, 'expected types of functions alone');
        for (let lists = 2; lists > 0; lists--)
          for (let values = cursor.u32(); values > 0; values--) skipValueType(cursor);
      }
      return count;
    };
    return this.#read(CORE_SECTION.type, check) ?? 0;
  }

  #checkExports(): void {
    this.#read(CORE_SECTION.export, (cursor) => {
      for (let left = cursor.u32(); left > 0; left--) {
        if (cursor.name() === RENEW_EXPORT) throw refuse(cursor.offset, `expected no export ${RENEW_EXPORT}`);
        cursor.skip(1);
        cursor.u32();
      }
    });
  }

  #checkCode(): void {
    this.#read(CORE_SECTION.code, (cursor) => {
      for (let left = cursor.u32(); left > 0; left--) {
        const body = cursor.slice(cursor.u32());
        for (let groups = body.u32(); groups > 0; groups--) {
          body.u32();
          skipValueType(body);
        }
        const walker = new Walker(body, this.#memoryCount);
        while (!body.done) {
          if (isUnrenewable(walker.next())) throw refuse(walker.start, 'expected code that keeps its tables');
        }
      }
    });
  }

  #setGlobals(): void {
    this.#read(CORE_SECTION.global, (cursor) => {
      const count = cursor.u32();
      for (let index = 0; index < count; index++) {
        const type = cursor.peek();
        skipValueType(cursor);
        const mutability = cursor.byte();
        const value = this.#expression(cursor);
        if (mutability === 0) continue;
        if (mutability !== MUTABLE || !NUMBER_TYPES.has(type))
          throw refuse(cursor.offset, 'expected variable globals to be numbers');
        this.#count();
        this.#body.append(value);
        this.#body.append([OP.globalSet, ...encodeU32(this.#importedGlobals + index)]);
      }
    });
  }

  /** A constant expression without its end. */
  #expression(cursor: Cursor): Uint8Array {
    const start = cursor.offset;
    const walker = new Walker(cursor, this.#memoryCount);
    while (walker.next() !== OP.end);
    return this.#bytes.subarray(start, cursor.offset - 1);
  }

  /** @returns the same data in segments that the engine does not write by itself. */
  #writeData(): { readonly section: Uint8Array; readonly count: number } | undefined {
    const pieces = this.#read(CORE_SECTION.data, (cursor) =>
      dataPieces(cursor, (place) => this.#expression(place)),
    );
    if (!pieces) return undefined;
    const section = new ByteSink(1_024);
    section.append(encodeU32(pieces.length));
    for (const [index, { memory, place, bytes }] of pieces.entries()) {
      section.append([PASSIVE, ...encodeU32(bytes.length)]);
      section.append(bytes);
      this.#count();
      this.#body.append(place);
      this.#body.append([OP.i32Const, 0, OP.i32Const, ...signedLeb(bytes.length)]);
      this.#body.append([OP.miscPrefix, OP.memoryInit & 0xff, ...encodeU32(index), ...encodeU32(memory)]);
    }
    return { section: section.view(), count: pieces.length };
  }

  #count(): void {
    if (++this.#entries > ENTRIES_MAX)
      throw refuse(0, `expected at most ${ENTRIES_MAX} segments and globals`);
  }

  #exportEntry(): number[] {
    const functions = this.#read(CORE_SECTION.function, (cursor) => cursor.u32()) ?? 0;
    const name = Buffer.from(RENEW_EXPORT);
    return [name.length, ...name, KIND_FUNCTION, ...encodeU32(this.#importedFunctions + functions)];
  }

  /** The body of a section with one more entry at its end. */
  #longer(id: number, entry: readonly number[]): Uint8Array {
    const section = this.#section(id);
    const body = new ByteSink((section ? section.end - section.bodyStart : 0) + entry.length + 16);
    const cursor = section && new Cursor(this.#bytes, section.bodyStart, section.end);
    body.append(encodeU32((cursor?.u32() ?? 0) + 1));
    if (cursor) body.copy(this.#bytes, cursor.offset, cursor.end);
    body.append(entry);
    return body.view();
  }

  /** The module with other bodies for some of its sections, which it may not have had. */
  #assembled(bodies: Map<number, Uint8Array>): Uint8Array<ArrayBuffer> {
    const out = new ByteSink(this.#bytes.length + this.#body.length + 256);
    const left = [...bodies].sort(([one], [other]) => rankOf(one) - rankOf(other));
    const put = ([id, body]: [number, Uint8Array]): void => {
      out.append([id, ...encodeU32(body.length)]);
      out.append(body);
    };
    out.append(this.#bytes.subarray(0, 8));
    for (const { id, start, end } of this.#sections) {
      while (id !== CORE_SECTION.custom && left[0] && rankOf(left[0][0]) < rankOf(id))
        put(left.shift() as [number, Uint8Array]);
      if (left[0]?.[0] === id) put(left.shift() as [number, Uint8Array]);
      else out.copy(this.#bytes, start, end);
    }
    for (const section of left) put(section);
    return out.view();
  }
}

/**
 * @param module a valid core module that imports its memories.
 * @returns the module with `RENEW_EXPORT`; undefined where an instance could not be made as new again.
 */
export function renewableModule(module: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Renewal(module).run();
  } catch (thrown) {
    if (thrown instanceof Refusal) return undefined;
    throw thrown;
  }
}
