/**
 * The memory that the serving thread shares with its worker threads: one slot for each execution under way, with a
 * ring of frames in each direction, and the words by which the two tell each other that there is something new.
 * Knows places and who may write them, nothing of what the frames say.
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
const GENERATION_MASK = 0x3f_ffff;

/** Words of a slot. */
const STATE = 0;
export const IN_HEAD = 1;
export const IN_TAIL = 2;
export const OUT_HEAD = 3;
export const OUT_TAIL = 4;
const STOP = 5;
const HAS_NEWS = 6;
const IN_WANTED = 7;
const OUT_WANTED = 8;
const OUTCOME = 9;
const WARM = 10;
const KEPT = 11;
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
} as const;
const USED_NUMBERS = 8;
const NUMBERS_BYTES = SLOT_WORDS * 4 + USED_NUMBERS * 8;
const SLOT_HEADER_BYTES = NUMBERS_BYTES + ROOM_NUMBERS * 8;
const SLOT_BYTES = SLOT_HEADER_BYTES + 2 * RING_BYTES;

/** Words before the slots: whether the serving thread wants a message, and which slots have news for it. */
const ARMED = 0;
const NEWS_HEAD = 1;
const NEWS_RING = 16;
/** More than there are slots, and each is in it once at most, so that it is never full. */
const NEWS_ENTRIES = 1_024;
const AREA_HEADER_BYTES = (NEWS_RING + NEWS_ENTRIES) * 4;

/** One slot, as both sides see it. */
export class SharedSlot {
  readonly index: number;
  readonly words: Int32Array;
  readonly used: Float64Array;
  /** What is left of its fuel and of its room to grow, while its thread is not in it. */
  readonly room: RunRoom;
  readonly inBytes: Buffer;
  readonly outBytes: Buffer;

  constructor(memory: SharedArrayBuffer, index: number) {
    const at = AREA_HEADER_BYTES + index * SLOT_BYTES;
    this.index = index;
    this.words = new Int32Array(memory, at, SLOT_WORDS);
    this.used = new Float64Array(memory, at + SLOT_WORDS * 4, USED_NUMBERS);
    this.room = new BigInt64Array(memory, at + NUMBERS_BYTES, ROOM_NUMBERS);
    this.inBytes = Buffer.from(memory, at + SLOT_HEADER_BYTES, RING_BYTES);
    this.outBytes = Buffer.from(memory, at + SLOT_HEADER_BYTES + RING_BYTES, RING_BYTES);
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

  /** @returns whether it had none before. */
  markNews(): boolean {
    return Atomics.exchange(this.words, HAS_NEWS, 1) === 0;
  }

  unmarkNews(): void {
    Atomics.store(this.words, HAS_NEWS, 0);
  }
}

/** All slots and the news of them for the serving thread. */
export class SharedArea {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #slots: (SharedSlot | undefined)[] = [];
  #newsTail = 0;

  /** @param memory an area that another thread has made; without it, a new one. Its pages cost nothing until used. */
  constructor(memory = new SharedArrayBuffer(AREA_HEADER_BYTES + SLOTS_MAX * SLOT_BYTES)) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, NEWS_RING + NEWS_ENTRIES);
  }

  slot(index: number): SharedSlot {
    const known = this.#slots[index];
    if (known) return known;
    const slot = new SharedSlot(this.memory, index);
    this.#slots[index] = slot;
    return slot;
  }

  /** Worker: there is something in the slot for the serving thread. @returns whether that needs a message to wake. */
  announce(slot: SharedSlot): boolean {
    this.#addNews(slot);
    return this.#disarm();
  }

  /** Worker: the same for the last time; it does not touch the slot any more. */
  announceEnd(slot: SharedSlot): boolean {
    this.#addNews(slot);
    slot.become(SLOT_STATE.done);
    return this.#disarm();
  }

  #addNews(slot: SharedSlot): void {
    if (!slot.markNews()) return;
    const at = Atomics.add(this.#words, NEWS_HEAD, 1) & (NEWS_ENTRIES - 1);
    Atomics.store(this.#words, NEWS_RING + at, slot.index + 1);
  }

  #disarm(): boolean {
    return Atomics.load(this.#words, ARMED) === 1 && Atomics.exchange(this.#words, ARMED, 0) === 1;
  }

  /** Serving thread: the next slot with news; without any, it is told by a message when there are. */
  nextNews(): SharedSlot | undefined {
    const found = this.#takeNews();
    if (found) return found;
    Atomics.store(this.#words, ARMED, 1);
    // What was announced just before is found here, what comes after it sends a message.
    return this.#takeNews();
  }

  #takeNews(): SharedSlot | undefined {
    const at = NEWS_RING + (this.#newsTail & (NEWS_ENTRIES - 1));
    const found = Atomics.exchange(this.#words, at, 0);
    if (found === 0) return undefined;
    this.#newsTail++;
    const slot = this.slot(found - 1);
    slot.unmarkNews();
    return slot;
  }
}

/** Words of a thread. */
const NEWS = 0;
const SLEEPS = 1;
/** How a worker sleeps: for a short time on the counter, and then, so that nothing at all runs, until a message. */
const AWAKE = 0;
const SHORT_SLEEP = 1;
const LONG_SLEEP = 2;
const INBOX_HEAD = 2;
const INBOX = 16;
/** More than there are slots: each may be in it once, and once more for each time it was taken back. */
const INBOX_ENTRIES = 4_096;
const THREAD_WORDS = INBOX + INBOX_ENTRIES;

/** What one worker thread is told by: an inbox of entries, and a counter of news that it sleeps on. */
export class ThreadBell {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  #tail = 0;

  constructor(memory = new SharedArrayBuffer(THREAD_WORDS * 4)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** Serving thread: puts an entry into the inbox. @returns whether the thread needs a message to wake. */
  push(entry: number): boolean {
    const head = Atomics.load(this.#words, INBOX_HEAD);
    Atomics.store(this.#words, INBOX + (head & (INBOX_ENTRIES - 1)), entry);
    Atomics.store(this.#words, INBOX_HEAD, head + 1);
    return this.ring();
  }

  /** Serving thread: there is something new. @returns whether the thread needs a message to wake. */
  ring(): boolean {
    Atomics.add(this.#words, NEWS, 1);
    const sleeps = Atomics.load(this.#words, SLEEPS);
    if (sleeps === SHORT_SLEEP) Atomics.notify(this.#words, NEWS);
    return sleeps === LONG_SLEEP;
  }

  /** Worker: the next entry; undefined when there is none. */
  take(): { readonly index: number; readonly generation: number } | undefined {
    if (this.#tail === Atomics.load(this.#words, INBOX_HEAD)) return undefined;
    const entry = Atomics.load(this.#words, INBOX + (this.#tail & (INBOX_ENTRIES - 1)));
    this.#tail = (this.#tail + 1) | 0;
    return { index: entry & (SLOTS_MAX - 1), generation: (entry >>> 9) & GENERATION_MASK };
  }

  /** Worker: how many news there were; to be read before looking. */
  get news(): number {
    return Atomics.load(this.#words, NEWS);
  }

  /** Worker: sleeps until there are more news than `seen`, at most `timeoutMs`. @returns false after the time. */
  sleep(seen: number, timeoutMs: number): boolean {
    Atomics.store(this.#words, SLEEPS, SHORT_SLEEP);
    const woken = Atomics.wait(this.#words, NEWS, seen, timeoutMs);
    Atomics.store(this.#words, SLEEPS, AWAKE);
    return woken !== 'timed-out';
  }

  /** Worker: from now on a message wakes it. @returns false when there is news by now. */
  beginLongSleep(seen: number): boolean {
    Atomics.store(this.#words, SLEEPS, LONG_SLEEP);
    return Atomics.load(this.#words, NEWS) === seen;
  }

  /** Worker: it was woken, or need not sleep. */
  endLongSleep(): void {
    Atomics.store(this.#words, SLEEPS, AWAKE);
  }
}
