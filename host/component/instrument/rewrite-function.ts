/**
 * Puts guards into one function: at the head of each loop, at the entry of what calls, and wherever straight code
 * grows long, so that between two checks a guest can only do a bounded amount of work. Knows nothing of sections.
 */
import { encodeU32 } from '../binary.ts';
import { ByteSink } from './byte-sink.ts';
import type { Cursor } from './cursor.ts';
import { fuelCost } from './fuel-costs.ts';
import type { Guards } from './guards.ts';
import { OP } from './opcodes.ts';
import { Refusal } from './refusal.ts';
import { skipValueType, Walker } from './walk.ts';

/** Instructions between two checks of straight code, where a call counts as many: what it calls may run as long. */
const STRAIGHT_MAX = 1_024;
const CALL_WEIGHT = 32;

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
  readonly #code = new ByteSink(65_536);
  readonly #blocks: Block[] = [];
  #depth = 0;
  /** Up to here the source was copied. */
  #copied = 0;
  /** Instructions since the last check, on the worst way to where the walk is. */
  #straight = 0;
  #uncharged = 0;

  constructor(bytes: Uint8Array, memoryCount: number, guards: Guards) {
    this.#bytes = bytes;
    this.#memoryCount = memoryCount;
    this.#guards = guards;
  }

  /** Appends the function, its length in front. */
  rewrite(body: Cursor, out: ByteSink): void {
    const start = body.offset;
    skipLocals(body);
    const codeStart = body.offset;
    const calls = this.#rewriteCode(body);
    const entry = calls ? this.#guards.check : NOTHING;
    out.append(encodeU32(codeStart - start + entry.length + this.#code.length));
    out.copy(this.#bytes, start, codeStart);
    out.append(entry);
    out.append(this.#code.view());
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
      if (opcode < 0x20) this.#follow(opcode, body.offset);
    }
    if (!body.done)
      throw new Refusal('module-malformed', body.offset, 'expected the end of a function, got more');
    this.#copyTo(body.offset);
    return calls;
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
    this.#straight += isCall(opcode) ? CALL_WEIGHT : 1;
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

const NOTHING = new Uint8Array();

function skipLocals(body: Cursor): void {
  for (let left = body.u32(); left > 0; left--) {
    body.skipLeb();
    skipValueType(body);
  }
}
