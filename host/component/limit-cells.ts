/**
 * The cells through which a running guest is limited: a page of shared memory that instrumented code reads, that the
 * serving thread raises a flag in, and that the worker keeps fuel and room to grow in. Knows their places, not who decides.
 */

/** Under this name an instrumented module imports the page. */
export const LIMITS_IMPORT = { module: 'ebb', name: 'limits' } as const;

/** A byte: anything but 0 makes the guest trap at its next check, and says which limit it has passed. */
export const STOP_OFFSET = 0;
const REASONS = [undefined, 'time', 'cpu'] as const;
export type StopReason = Exclude<(typeof REASONS)[number], undefined>;
/** A signed 64-bit number: fuel that is left; below 0 the guest traps at its next check. */
export const FUEL_OFFSET = 8;
/** A signed 64-bit number, never below 0: bytes that memories and tables may still grow by. */
export const GROWTH_OFFSET = 16;

/** One page of 64 KiB, the least that a memory can be. */
const PAGES = 1;

export class LimitCells {
  readonly memory: WebAssembly.Memory;
  readonly #bytes: Uint8Array;
  readonly #fuel: BigInt64Array;
  readonly #growth: BigInt64Array;

  /** @param memory cells that another thread has made; without it, new ones. */
  constructor(memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true })) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#fuel = new BigInt64Array(memory.buffer, FUEL_OFFSET, 1);
    this.#growth = new BigInt64Array(memory.buffer, GROWTH_OFFSET, 1);
  }

  /** Makes whatever runs now trap soon, and what begins later trap at once, until `allow`. */
  stop(reason: StopReason): void {
    Atomics.store(this.#bytes, STOP_OFFSET, REASONS.indexOf(reason));
  }

  allow(): void {
    Atomics.store(this.#bytes, STOP_OFFSET, 0);
  }

  get stopReason(): StopReason | undefined {
    return REASONS[Atomics.load(this.#bytes, STOP_OFFSET)];
  }

  /** How much a guest may still use; below 0 once it has used more. */
  get fuelLeft(): bigint {
    return this.#fuel[0] as bigint;
  }

  set fuelLeft(fuel: bigint) {
    this.#fuel[0] = fuel;
  }

  /** By how many bytes memories and tables may still grow, all together. */
  get growthBytesLeft(): number {
    return Number(this.#growth[0]);
  }

  set growthBytesLeft(bytes: number) {
    this.#growth[0] = BigInt(bytes);
  }
}
