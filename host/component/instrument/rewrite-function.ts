/**
 * Puts guards into one function: at the head of each loop, before the first call, and wherever straight code grows long,
 * so that between two checks a guest can only do a bounded amount of work. Ways on which nothing is called or repeated
 * have none, which is most runs of a small recursive function. Knows nothing of sections.
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
import { Ways } from './ways.ts';

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

/** Rewrites functions one after the other, with room that is used again. */
export class FunctionRewriter {
  readonly #bytes: Uint8Array;
  readonly #memoryCount: number;
  readonly #guards: Guards;
  readonly #spaces: IndexSpaces;
  readonly #code = new ByteSink(65_536);
  readonly #ways = new Ways();
  /** Up to here the source was copied. */
  #copied = 0;
  #uncharged = 0;
  /** Where the outermost instruction begins that the walk is in. */
  #outerStart = 0;
  /** The same of the first call without a check before it. */
  #firstCallIn: number | undefined;
  /** Whether there is another such call, which the check before the first one does not cover. */
  #isUncovered = false;
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
    const codeStart = body.offset;
    this.#firstCallIn = undefined;
    this.#rewriteCode(body);
    if (this.#isUncovered) {
      body.offset = codeStart;
      this.#rewriteCode(body, this.#firstCallIn);
    }
    const allGroups = encodeU32(groups + this.#added.length);
    const added = this.#added.flatMap((type) => [LOCALS_ADDED, type]);
    const localBytes = allGroups.length + codeStart - groupsStart + added.length;
    out.append(encodeU32(localBytes + this.#code.length));
    out.append(allGroups);
    out.copy(this.#bytes, groupsStart, codeStart);
    out.append(added);
    out.append(this.#code.view());
  }

  #parameterCount(index: number): number {
    const { functionTypes, parameterCounts } = this.#spaces;
    return parameterCounts[functionTypes[index] ?? -1] ?? 0;
  }

  /**
   * Ends early where calls are not covered by a check before the first of them.
   * @param checkAt an instruction outside of all blocks that has to have one: all calls come after it.
   */
  #rewriteCode(body: Cursor, checkAt?: number): void {
    const walker = new Walker(body, this.#memoryCount);
    this.#begin(body.offset);
    while (this.#ways.depth > 0) {
      const opcode = walker.next();
      if (this.#ways.depth === 1) this.#outerStart = walker.start;
      if (walker.start === checkAt) this.#check(checkAt);
      this.#beforeInstruction(opcode, walker.start);
      if (this.#isUncovered) return;
      if (opcode === OP.memoryGrow || opcode === OP.tableGrow) this.#guardGrowth(opcode, walker, body);
      else if (opcode === OP.memorySize) this.#hideSpare(walker, body);
      else if (this.#guards.hasFuel && opcode >= PREFIXED) this.#chargeRange(opcode, walker);
      if (opcode === OP.loop) this.#check(body.offset);
      if (opcode < 0x20) this.#ways.follow(opcode);
    }
    if (!body.done)
      throw new Refusal('module-malformed', body.offset, 'expected the end of a function, got more');
    this.#copyTo(body.offset);
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
    this.#added.length = 0;
    this.#isUncovered = false;
    this.#code.clear();
    this.#copied = offset;
    this.#uncharged = 0;
    this.#ways.begin();
  }

  #beforeInstruction(opcode: number, start: number): void {
    if (this.#guards.hasFuel) {
      this.#uncharged += fuelCost(opcode);
      if (this.#uncharged > 0 && CHARGED.has(opcode)) this.#charge(start);
    }
    if (isCall(opcode) && !this.#ways.isChecked) this.#checkFirstCall(start);
    this.#ways.straight += weightOf(opcode);
    if (this.#ways.straight >= STRAIGHT_MAX) this.#check(start);
  }

  #checkFirstCall(start: number): void {
    this.#isUncovered = this.#firstCallIn !== undefined;
    this.#firstCallIn ??= this.#outerStart;
    this.#check(start);
  }

  #check(offset: number): void {
    this.#ways.checked();
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
