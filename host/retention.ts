/** Deletes what the ledger need not keep any more: now and then, in steps so small that nobody has to wait. */
import type { Ledger } from './ledger.ts';

const US_PER_DAY = 86_400_000_000;
/** Entries of one step: some milliseconds of work. */
const STEP_ENTRIES = 200;
/** Between two steps, for everything else that has to be done. */
const STEP_PAUSE_MS = 20;
/** Between the end of one round and the next. */
const ROUND_PAUSE_MS = 60_000;

/** What a host knows of the time, and where it tells its own mistakes. */
interface World {
  readonly nowMs: () => number;
  readonly onInternal: (error: unknown) => void;
}

export class Retention {
  readonly #ledger: Ledger;
  readonly #days: number;
  readonly #world: World;
  #timer: NodeJS.Timeout | undefined;

  /** @param days 0 deletes nothing, ever. */
  constructor(ledger: Ledger, days: number, world: World) {
    this.#ledger = ledger;
    this.#days = days;
    this.#world = world;
    if (days > 0) this.#stepIn(STEP_PAUSE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #stepIn(pauseMs: number): void {
    this.#timer = setTimeout(() => this.#stepIn(this.#step()), pauseMs);
    this.#timer.unref();
  }

  /** @returns how long to wait for the next one. */
  #step(): number {
    try {
      const beforeUs = this.#world.nowMs() * 1_000 - this.#days * US_PER_DAY;
      const deleted = this.#ledger.deleteBefore(beforeUs, STEP_ENTRIES);
      return deleted < STEP_ENTRIES ? ROUND_PAUSE_MS : STEP_PAUSE_MS;
    } catch (thrown) {
      this.#world.onInternal(thrown);
      return ROUND_PAUSE_MS;
    }
  }
}
