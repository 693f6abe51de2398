/**
 * Puts guards into one function: at the head of each loop, at the entry of what calls, and wherever straight code
 * grows long, so that between two checks a guest can only do a bounded amount of work. Knows nothing of sections.
 */
import { encodeU32 } from '../binary.ts';
import { ByteSink } from './byte-sink.ts';
import type { Cursor } from './cursor.ts';
import { fuelCost, rangeUnit } from './fuel-costs.ts';
import type { Growth, GrowthLocals } from './growth-guards.ts';
import { type Guards, localType } from './guards.ts';
import type { IndexSpaces } from './index-spaces.ts';
import { OP } from './opcodes.ts';
import { Refusal } from './refusal.ts';
import { skipValueType, Walker } from './walk.ts';

/**
 * Instructions between two checks of straight code, where some count as many: what is called may run as long, and to
 * fill or copy a whole memory takes milliseconds.
 */
const STRAIGHT_MAX = 1_024;
const CALL_WEIGHT = 32;
const RANGE_WEIGHT = STRAIGHT_MAX / 2;

const isCall = (opcode: number): boolean => opcode >= OP.call && opcode <= OP.returnCallRef;

/**
 * Where control leaves the straight way or joins it: what was run is charged before. A call comes back, so it is charged
 * with what follows it; only what a trap or an exception skips goes uncharged, at most one stretch a frame.
 */
const CHARGED = new Set<number>([
  ...[OP.unreachable, OP.loop, OP.if, OP.else, OP.catch, OP.throw, OP.rethrow, OP.throwRef, OP.end],
  ...[OP.branch, OP.branchIf, OP.branchTable, OP.return, OP.delegate, OP.catchAll, OP.branchOnNull],
  ...[OP.returnCall, OP.returnCallIndirect, OP.returnCallRef, OP.branchOnNonNull],
  ...[OP.branchOnCast, OP.branchOnCastFail],
]);

function weightOf(opcode: number): number {
  if (isCall(opcode)) return CALL_WEIGHT;
  return rangeUnit(opcode) ? RANGE_WEIGHT : 1;
}

/** One block: how long straight code was at its begin, and at most inside of it. */
interface Block {
  entry: number;
  peak: number;
}

/** Rewrites functions one after the other, with room that is used again. */
export class FunctionRewriter {
  readonly #bytes: Uint8Array;
  readonly #memoryCount: number;
  readonly #guards: Guards;
  readonly #spaces: IndexSpaces;
  readonly #code = new ByteSink(65_536);
  readonly #blocks: Block[] = [];
  #depth = 0;
  /** Up to here the source was copied. */
  #copied = 0;
  /** Instructions since the last check, on the worst way to where the walk is. */
  #straight = 0;
  #uncharged = 0;
  /** Locals of the function, and the ones that are added behind them: two of a type. */
  #localCount = 0;
  readonly #added: number[] = [];

  constructor(bytes: Uint8Array, spaces: IndexSpaces, guards: Guards) {
    this.#bytes = bytes;
    this.#memoryCount = spaces.longMemories.length;
    this.#spaces = spaces;
    this.#guards = guards;
  }

  /**
   * Appends the function, its length in front.
   * @param index its number among those that the module defines.
   */
  rewrite(index: number, body: Cursor, out: ByteSink): void {
    const groups = body.u32();
    const groupsStart = body.offset;
    this.#localCount = skipLocals(body, groups) + this.#parameterCount(index);
    this.#added.length = 0;
    const codeStart = body.offset;
    const calls = this.#rewriteCode(body);
    const entry = calls ? this.#guards.check : NOTHING;
    const allGroups = encodeU32(groups + this.#added.length);
    const added = this.#added.flatMap((type) => [LOCALS_ADDED, type]);
    const localBytes = allGroups.length + codeStart - groupsStart + added.length;
    out.append(encodeU32(localBytes + entry.length + this.#code.length));
    out.append(allGroups);
    out.copy(this.#bytes, groupsStart, codeStart);
    out.append(added);
    out.append(entry);
    out.append(this.#code.view());
  }

  #parameterCount(index: number): number {
    const { functionTypes, parameterCounts } = this.#spaces;
    return parameterCounts[functionTypes[index] ?? -1] ?? 0;
  }

  /** @returns whether anything is called: a function that neither calls nor loops ends by itself. */
  #rewriteCode(body: Cursor): boolean {
    const walker = new Walker(body, this.#memoryCount);
    let calls = false;
    this.#begin(body.offset);
    while (this.#depth > 0) {
      const opcode = walker.next();
      if (isCall(opcode)) calls = true;
      this.#beforeInstruction(opcode, walker.start);
      if (opcode === OP.memoryGrow || opcode === OP.tableGrow) this.#guardGrowth(opcode, walker, body);
      else if (opcode === OP.memorySize) this.#hideSpare(walker, body);
      else if (this.#guards.hasFuel && opcode >= PREFIXED) this.#chargeRange(opcode, walker);
      if (opcode < 0x20) this.#follow(opcode, body.offset);
    }
    if (!body.done)
      throw new Refusal('module-malformed', body.offset, 'expected the end of a function, got more');
    this.#copyTo(body.offset);
    return calls;
  }

  #guardGrowth(opcode: number, { start, index }: Walker, body: Cursor): void {
    const { growth: guards } = this.#guards;
    if (!guards) return;
    const isMemory = opcode === OP.memoryGrow;
    const isLong = (isMemory ? this.#spaces.longMemories : this.#spaces.longTables)[index];
    if (isLong === undefined)
      throw new Refusal('module-malformed', start, `expected something to grow, got index ${index}`);
    const growth: Growth = { unit: isMemory ? 'page' : 'element', isLong };
    const grow = [...this.#bytes.subarray(start, body.offset)];
    const size = [OP.memorySize, ...encodeU32(index)];
    this.#copyTo(start);
    this.#code.append(guards.grow(growth, grow, size, this.#localsFor(growth)));
    this.#copied = body.offset;
  }

  #hideSpare({ index }: Walker, body: Cursor): void {
    const { growth } = this.#guards;
    if (!growth || this.#spaces.longMemories[index]) return;
    this.#copyTo(body.offset);
    this.#code.append(growth.withoutSpare);
  }

  #localsFor(growth: { readonly isLong: boolean }): GrowthLocals {
    const type = localType(growth);
    if (!this.#added.includes(type)) this.#added.push(type);
    const asked = this.#localCount + LOCALS_ADDED * this.#added.indexOf(type);
    return { asked, result: asked + 1 };
  }

  #chargeRange(opcode: number, { start, index, from }: Walker): void {
    const unit = rangeUnit(opcode);
    if (!unit) return;
    const isLong = this.#hasLongLength(opcode, index, from);
    this.#copyTo(start);
    this.#code.append(this.#guards.chargeRange({ unit, isLong }, this.#localsFor({ isLong }).asked));
  }

  /** Between a memory or table of 32-bit sizes and one of 64-bit sizes lengths have 32. */
  #hasLongLength(opcode: number, index: number, from: number): boolean {
    const { longMemories, longTables } = this.#spaces;
    if (opcode === OP.memoryFill || opcode === OP.memoryCopy)
      return longMemories[index] === true && longMemories[from] === true;
    if (opcode === OP.tableFill || opcode === OP.tableCopy)
      return longTables[index] === true && longTables[from] === true;
    return false;
  }

  #begin(offset: number): void {
    this.#code.clear();
    this.#copied = offset;
    this.#straight = 0;
    this.#uncharged = 0;
    this.#depth = 0;
    this.#open();
  }

  #beforeInstruction(opcode: number, start: number): void {
    if (this.#guards.hasFuel) {
      this.#uncharged += fuelCost(opcode);
      if (this.#uncharged > 0 && CHARGED.has(opcode)) this.#charge(start);
    }
    this.#straight += weightOf(opcode);
    if (this.#straight >= STRAIGHT_MAX) this.#check(start);
  }

  /** Keeps up with blocks. At their ends the way may have come from anywhere inside. */
  #follow(opcode: number, end: number): void {
    switch (opcode) {
      case OP.block:
      case OP.if:
      case OP.try:
      case OP.tryTable:
        this.#open();
        return;
      case OP.loop:
        this.#check(end);
        this.#open();
        return;
      case OP.else:
        this.#notePeak();
        this.#straight = this.#block().entry;
        return;
      case OP.catch:
      case OP.catchAll:
        this.#notePeak();
        this.#straight = this.#block().peak;
        return;
      case OP.end:
      case OP.delegate:
        this.#notePeak();
        this.#straight = this.#block().peak;
        this.#depth--;
        if (this.#depth > 0) this.#notePeak();
    }
  }

  #open(): void {
    const block = this.#blocks[this.#depth];
    if (block) {
      block.entry = this.#straight;
      block.peak = this.#straight;
    } else this.#blocks.push({ entry: this.#straight, peak: this.#straight });
    this.#depth++;
  }

  #block(): Block {
    return this.#blocks[this.#depth - 1] as Block;
  }

  #notePeak(): void {
    const block = this.#block();
    if (this.#straight > block.peak) block.peak = this.#straight;
  }

  #check(offset: number): void {
    this.#notePeak();
    this.#straight = 0;
    this.#copyTo(offset);
    this.#code.append(this.#guards.check);
  }

  #charge(offset: number): void {
    this.#copyTo(offset);
    this.#code.append(this.#guards.charge(this.#uncharged));
    this.#uncharged = 0;
  }

  #copyTo(offset: number): void {
    this.#code.copy(this.#bytes, this.#copied, offset);
    this.#copied = offset;
  }
}

/** Opcodes from here on have a prefix. */
const PREFIXED = 0x100;

const NOTHING = new Uint8Array();

/** Of each type that is added. */
const LOCALS_ADDED = 2;

/** @returns how many there are. */
function skipLocals(body: Cursor, groups: number): number {
  let count = 0;
  for (let left = groups; left > 0; left--) {
    count += body.u32();
    skipValueType(body);
  }
  return count;
}
