/**
 * One slot of the memory that the serving thread shares with its workers: where an execution stands, what it has used,
 * and a ring of frames in each direction. Knows who may write what, nothing of what the frames say.
 */

import { ROOM_NUMBERS, type RunRoom } from '../component/limit-cells.ts';

/** Executions that can be under way at once, on all threads together. */
export const SLOTS_MAX = 512;
/** Bytes of one ring; a power of two. */
export const RING_BYTES = 131_072;

/** Where an execution stands. The serving thread writes `free` and `queued`, the worker all others. */
export const SLOT_STATE = {
  free: 0,
  /** In a thread's inbox; both sides may still take it. */
  queued: 1,
  /** Computes, or is about to. */
  running: 2,
  /** Waits for news; its thread does other work. */
  parked: 3,
  /** Waits for news, and its thread with it. */
  blocked: 4,
  done: 5,
} as const;
export type SlotState = (typeof SLOT_STATE)[keyof typeof SLOT_STATE];

const STATE_BITS = 3;
const STATE_MASK = (1 << STATE_BITS) - 1;
/** How often a slot was queued, as far as the bits go: an old entry in an inbox is told from a new one by it. */
export const GENERATION_MASK = 0x3f_ffff;

/** Words of a slot. */
const STATE = 0;
export const IN_HEAD = 1;
export const IN_TAIL = 2;
export const OUT_HEAD = 3;
export const OUT_TAIL = 4;
const STOP = 5;
const IN_WANTED = 6;
const OUT_WANTED = 7;
const OUTCOME = 8;
const WARM = 9;
const KEPT = 10;
const SLOT_WORDS = 16;
/** Numbers of a slot, after its words. */
export const USED = {
  /** Processor time of the slices that have ended. */
  cpuUs: 0,
  /** The thread's processor time when the present slice began; -1 outside. */
  sliceCpuUs: 1,
  startupUs: 2,
  runUs: 3,
  memoryBytesPeak: 4,
  /** When a worker took it, in milliseconds since the Unix epoch; 0 before. */
  startedAtMs: 5,
  /** When the present slice began, by `performance.now()`, which is one clock for all threads; later by what it waited. */
  sliceAtMs: 6,
} as const;
const USED_NUMBERS = 8;
const NUMBERS_BYTES = SLOT_WORDS * 4 + USED_NUMBERS * 8;
const SLOT_HEADER_BYTES = NUMBERS_BYTES + ROOM_NUMBERS * 8;
export const SLOT_BYTES = SLOT_HEADER_BYTES + 2 * RING_BYTES;

/** The memory of a ring, looked at in two ways; made once, since such views are dear to make. */
export class Ring {
  readonly bytes: Buffer;
  readonly view: Int32Array;

  constructor(memory: ArrayBufferLike, at = 0) {
    this.bytes = Buffer.from(memory as ArrayBuffer, at, RING_BYTES);
    this.view = new Int32Array(memory, at, RING_BYTES / 4);
  }
}

/** One slot, as both sides see it. */
export class SharedSlot {
  readonly index: number;
  readonly words: Int32Array;
  readonly used: Float64Array;
  /** What is left of its fuel and of its room to grow, while its thread is not in it. */
  readonly room: RunRoom;
  readonly inRing: Ring;
  readonly outRing: Ring;

  /** @param at where its bytes begin in the memory. */
  constructor(memory: SharedArrayBuffer, at: number, index: number) {
    this.index = index;
    this.words = new Int32Array(memory, at, SLOT_WORDS);
    this.used = new Float64Array(memory, at + SLOT_WORDS * 4, USED_NUMBERS);
    this.room = new BigInt64Array(memory, at + NUMBERS_BYTES, ROOM_NUMBERS);
    this.inRing = new Ring(memory, at + SLOT_HEADER_BYTES);
    this.outRing = new Ring(memory, at + SLOT_HEADER_BYTES + RING_BYTES);
  }

  get state(): SlotState {
    return (Atomics.load(this.words, STATE) & STATE_MASK) as SlotState;
  }

  /** Serving thread: empties the slot for another execution. */
  clear(): void {
    this.words.fill(0, 1);
    this.used.fill(0);
    this.room.fill(0n);
    this.used[USED.sliceCpuUs] = -1;
  }

  /** Serving thread: makes it claimable. @returns the entry for an inbox. */
  queue(): number {
    const generation = ((Atomics.load(this.words, STATE) >>> STATE_BITS) + 1) & GENERATION_MASK;
    Atomics.store(this.words, STATE, (generation << STATE_BITS) | SLOT_STATE.queued);
    return generation * SLOTS_MAX + this.index;
  }

  /** Whoever comes first, the worker that runs it or the serving thread that takes it back. */
  claim(generation: number, state: SlotState): boolean {
    const queued = (generation << STATE_BITS) | SLOT_STATE.queued;
    return Atomics.compareExchange(this.words, STATE, queued, (generation << STATE_BITS) | state) === queued;
  }

  /** Serving thread: takes it back from an inbox. @returns false when a worker was faster. */
  recall(): boolean {
    return this.claim(Atomics.load(this.words, STATE) >>> STATE_BITS, SLOT_STATE.free);
  }

  /** Only by whoever has it. */
  become(state: SlotState): void {
    Atomics.store(this.words, STATE, (Atomics.load(this.words, STATE) & ~STATE_MASK) | state);
  }

  get stopReason(): number {
    return Atomics.load(this.words, STOP);
  }

  set stopReason(reason: number) {
    Atomics.store(this.words, STOP, reason);
  }

  get outcome(): number {
    return Atomics.load(this.words, OUTCOME);
  }

  set outcome(outcome: number) {
    Atomics.store(this.words, OUTCOME, outcome);
  }

  /** Whether it runs in an instance that has served before. */
  get isWarm(): boolean {
    return Atomics.load(this.words, WARM) === 1;
  }

  markWarm(): void {
    Atomics.store(this.words, WARM, 1);
  }

  /** Whether its instance waits for another request. */
  get isKept(): boolean {
    return Atomics.load(this.words, KEPT) === 1;
  }

  markKept(): void {
    Atomics.store(this.words, KEPT, 1);
  }

  /** Serving thread: it has more to write than fits, and wants to know when the worker has read. */
  wantInSpace(): void {
    Atomics.store(this.words, IN_WANTED, 1);
  }

  /** Worker: whether the serving thread wants to know that it has read. */
  takeInWanted(): boolean {
    return Atomics.exchange(this.words, IN_WANTED, 0) === 1;
  }

  /** Worker: it waits until the serving thread has read. */
  wantOutSpace(): void {
    Atomics.store(this.words, OUT_WANTED, 1);
  }

  takeOutWanted(): boolean {
    return Atomics.exchange(this.words, OUT_WANTED, 0) === 1;
  }
}
