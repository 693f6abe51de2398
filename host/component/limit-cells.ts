/**
 * The cells through which a running guest is limited: a page of shared memory that instrumented code reads, that the
 * serving thread raises a flag in, and that the worker keeps fuel, room to grow and spare pages in. Knows their places, not who decides.
 */

/** Under this name an instrumented module imports the page. */
export const LIMITS_IMPORT = { module: 'ebb', name: 'limits' } as const;

/** A byte: anything but 0 makes the guest trap at its next check, and says which limit it has passed. */
export const STOP_OFFSET = 0;
/** The three bytes above it say which execution the thread is in, so that no other is ever stopped in its place. */
const STOP_BITS = 8;
const REASONS = [undefined, 'time', 'cpu'] as const;
export type StopReason = Exclude<(typeof REASONS)[number], undefined>;
/** A signed 64-bit number: fuel that is left; below 0 the guest traps at its next check. */
export const FUEL_OFFSET = 8;
/** A signed 64-bit number, never below 0: bytes that memories and tables may still grow by. */
export const GROWTH_OFFSET = 16;

/**
 * A number, never below 0: how many pages of its memory a guest has not been given yet, and which look to it as if they
 * were not there.
 */
export const SPARE_OFFSET = 24;

/** A number: 1 once something was to grow and did not. */
export const REFUSED_OFFSET = 32;

/** What one execution has left of its fuel, its room to grow and its spare pages, kept while its thread is in another. */
export type RunRoom = BigInt64Array;
/** Places in it, in the order of the cells. */
export const ROOM = { fuel: 0, growthBytes: 1, sparePages: 2 } as const;
export const ROOM_NUMBERS = 3;
const HALF = 2 ** 32;
const GROWTH_HALF = 2 * ROOM.growthBytes;
const SPARE_HALF = 2 * ROOM.sparePages;

/** One page of 64 KiB, the least that a memory can be. */
const PAGES = 1;

const wordOf = (execution: number): number => (execution + 1) << STOP_BITS;

/** The number by which a reason travels; 0 is none. */
export const stopNumber = (reason: StopReason): number => REASONS.indexOf(reason);
export const stopReasonOf = (number: number): StopReason | undefined => REASONS[number];

export class LimitCells {
  readonly memory: WebAssembly.Memory;
  readonly #words: Int32Array;
  readonly #room: RunRoom;
  /** The same in halves, lower ones first: a number is read from them without an object for it. */
  readonly #halves: Uint32Array;
  readonly #refused: Int32Array;
  /** Of the execution that the thread is in. */
  #current: RunRoom | undefined;

  /** @param memory cells that another thread has made; without it, new ones. */
  constructor(memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true })) {
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer, STOP_OFFSET, 1);
    this.#room = new BigInt64Array(memory.buffer, FUEL_OFFSET, ROOM_NUMBERS);
    this.#halves = new Uint32Array(memory.buffer, FUEL_OFFSET, 2 * ROOM_NUMBERS);
    this.#refused = new Int32Array(memory.buffer, REFUSED_OFFSET, 1);
  }

  /**
   * The thread goes into an execution.
   * @param room what that one has left, and will have when the thread leaves it.
   * @param stoppedFor looks whether that one has been stopped before; whoever stops it says so before it stops here.
   */
  enter(execution: number, room: RunRoom, stoppedFor: () => number): void {
    this.#room.set(room);
    this.#current = room;
    Atomics.store(this.#words, 0, wordOf(execution));
    const reason = stoppedFor();
    if (reason !== 0) Atomics.or(this.#words, 0, reason);
  }

  /** The thread leaves the execution it was in. */
  leave(): void {
    Atomics.store(this.#words, 0, 0);
    this.#current?.set(this.#room);
    this.#current = undefined;
  }

  /** Makes the execution trap soon if the thread is in it now. */
  stop(execution: number, reason: StopReason): void {
    const word = wordOf(execution);
    Atomics.compareExchange(this.#words, 0, word, word | stopNumber(reason));
  }

  /** Why the execution that the thread is in has to stop. */
  get stopReason(): StopReason | undefined {
    return REASONS[Atomics.load(this.#words, 0) & ((1 << STOP_BITS) - 1)];
  }

  /** The execution that the thread is in. */
  get current(): number | undefined {
    const execution = (Atomics.load(this.#words, 0) >>> STOP_BITS) - 1;
    return execution < 0 ? undefined : execution;
  }

  /** Whether the thread is in this execution. */
  isIn(execution: number): boolean {
    return this.current === execution;
  }

  /** How much a guest may still use; below 0 once it has used more. */
  get fuelLeft(): bigint {
    return this.#room[ROOM.fuel] as bigint;
  }

  set fuelLeft(fuel: bigint) {
    this.#room[ROOM.fuel] = fuel;
  }

  /** Whether anything was refused to grow since this was set. Of the thread, not of one execution. */
  get hasRefusedGrowth(): boolean {
    return this.#refused[0] !== 0;
  }

  set hasRefusedGrowth(has: boolean) {
    this.#refused[0] = has ? 1 : 0;
  }

  /** By how many bytes memories and tables may still grow, all together. */
  get growthBytesLeft(): number {
    return (this.#halves[GROWTH_HALF] as number) + (this.#halves[GROWTH_HALF + 1] as number) * HALF;
  }

  set growthBytesLeft(bytes: number) {
    this.#halves[GROWTH_HALF] = bytes % HALF;
    this.#halves[GROWTH_HALF + 1] = Math.floor(bytes / HALF);
  }

  set sparePages(pages: number) {
    this.#halves[SPARE_HALF] = pages;
  }

  /** What the execution that the thread is in has left, to be asked for by `sparePagesOf` from then on. */
  get room(): RunRoom {
    return this.#current ?? this.#room;
  }

  /** How many pages of its memory an execution has not been given, whether or not the thread is in it. */
  sparePagesOf(room: RunRoom): number {
    return room === this.#current || room === this.#room
      ? (this.#halves[SPARE_HALF] as number)
      : Number(room[ROOM.sparePages]);
  }
}
