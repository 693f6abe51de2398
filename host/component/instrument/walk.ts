/** Steps through the instructions of one function body or constant expression. Knows where each begins, not what it does. */
import type { Cursor } from './cursor.ts';
import { IMMEDIATE, OP, PLAIN_FORMS, PREFIXED_FORMS, prefixed } from './opcodes.ts';
import { Refusal } from './refusal.ts';

const NULLABLE_REFERENCE = 0x63;
const REFERENCE = 0x64;
/** Marks of forms that no engine accepts without flags: exact and shared heap types. */
const EXACT_TYPE = 0x62;
const SHARED_TYPE = 0x65;

const HAS_MEMORY_INDEX = 0x40;
const CATCHES_WITH_TAG_MAX = 1;
const CATCH_KIND_MAX = 3;

export function skipHeapType(cursor: Cursor): void {
  const first = cursor.peek();
  if (first === EXACT_TYPE || first === SHARED_TYPE) throw unsupportedType(cursor.offset, first);
  cursor.skipLeb();
}

/** A value type, or what a block's type looks like: they share their numbers. */
export function skipValueType(cursor: Cursor): void {
  const first = cursor.peek();
  if (first === NULLABLE_REFERENCE || first === REFERENCE) {
    cursor.offset++;
    skipHeapType(cursor);
    return;
  }
  if (first === EXACT_TYPE || first === SHARED_TYPE) throw unsupportedType(cursor.offset, first);
  cursor.skipLeb();
}

const unsupportedType = (offset: number, code: number): Refusal =>
  new Refusal('form-unsupported', offset, `expected a type that is known, got code ${code}`);

/** Reads one instruction after the other, and refuses memories beyond the module's own. */
export class Walker {
  readonly #cursor: Cursor;
  readonly #memoryCount: number;
  /** Where the instruction begins that was read last. */
  start = 0;
  /** The memory or table that it grows; of no meaning for other instructions. */
  index = 0;

  constructor(cursor: Cursor, memoryCount: number) {
    this.#cursor = cursor;
    this.#memoryCount = memoryCount;
  }

  /** Steps over one instruction and gives its opcode, prefix included. */
  next(): number {
    const cursor = this.#cursor;
    this.start = cursor.offset;
    const first = cursor.byte();
    const form = PLAIN_FORMS[first] as number;
    if (form === IMMEDIATE.none) return first;
    if (form === IMMEDIATE.number) {
      cursor.skipLeb();
      return first;
    }
    if (form !== IMMEDIATE.prefix) {
      this.#skip(form, first);
      return first;
    }
    const code = cursor.u32();
    const opcode = prefixed(first, code);
    this.#skip(PREFIXED_FORMS[first]?.[code] ?? IMMEDIATE.unknown, opcode);
    return opcode;
  }

  #skip(form: number, opcode: number): void {
    const cursor = this.#cursor;
    switch (form) {
      case IMMEDIATE.none:
        return;
      case IMMEDIATE.number:
        if (opcode === OP.tableGrow) this.index = cursor.u32();
        else cursor.skipLeb();
        return;
      case IMMEDIATE.twoNumbers:
        cursor.skipLeb();
        cursor.skipLeb();
        return;
      case IMMEDIATE.memoryAccess:
        this.#skipMemoryAccess();
        return;
      case IMMEDIATE.memoryIndex:
        this.#memoryIndex();
        return;
      case IMMEDIATE.blockType:
        skipValueType(cursor);
        return;
      case IMMEDIATE.fourBytes:
        cursor.skip(4);
        return;
      case IMMEDIATE.eightBytes:
        cursor.skip(8);
        return;
      default:
        this.#skipRare(form, opcode);
    }
  }

  #skipRare(form: number, opcode: number): void {
    const cursor = this.#cursor;
    switch (form) {
      case IMMEDIATE.dataAndMemory:
        cursor.skipLeb();
        this.#memoryIndex();
        return;
      case IMMEDIATE.twoMemories:
        this.#memoryIndex();
        this.#memoryIndex();
        return;
      case IMMEDIATE.branchTable:
        for (let left = cursor.u32() + 1; left > 0; left--) cursor.skipLeb();
        return;
      case IMMEDIATE.valueTypes:
        for (let left = cursor.u32(); left > 0; left--) skipValueType(cursor);
        return;
      case IMMEDIATE.heapType:
        skipHeapType(cursor);
        return;
      case IMMEDIATE.castBranch:
        cursor.skip(1);
        cursor.skipLeb();
        skipHeapType(cursor);
        skipHeapType(cursor);
        return;
      case IMMEDIATE.tryTable:
        this.#skipTryTable();
        return;
      case IMMEDIATE.byte:
        cursor.skip(1);
        return;
      case IMMEDIATE.sixteenBytes:
        cursor.skip(16);
        return;
      case IMMEDIATE.memoryAccessAndLane:
        this.#skipMemoryAccess();
        cursor.skip(1);
        return;
      default: {
        const name = `0x${opcode.toString(16)}`;
        throw new Refusal('opcode-unknown', this.start, `expected an instruction that is known, got ${name}`);
      }
    }
  }

  #skipMemoryAccess(): void {
    const flags = this.#cursor.u32();
    if (flags & HAS_MEMORY_INDEX) this.#memoryIndex();
    else if (this.#memoryCount === 0) throw noMemory(this.start, 0, 0);
    this.#cursor.skipLeb();
  }

  #memoryIndex(): void {
    const index = this.#cursor.u32();
    this.index = index;
    if (index >= this.#memoryCount) throw noMemory(this.start, index, this.#memoryCount);
  }

  #skipTryTable(): void {
    const cursor = this.#cursor;
    skipValueType(cursor);
    for (let left = cursor.u32(); left > 0; left--) {
      const kind = cursor.byte();
      if (kind > CATCH_KIND_MAX)
        throw new Refusal('form-unsupported', cursor.offset, `expected a known kind of catch, got ${kind}`);
      if (kind <= CATCHES_WITH_TAG_MAX) cursor.skipLeb();
      cursor.skipLeb();
    }
  }
}

const noMemory = (offset: number, index: number, count: number): Refusal =>
  new Refusal('module-malformed', offset, `expected one of ${count} memories, got index ${index}`);
