/** Deletes what the ledger need not keep any more: now and then, in steps so small that nobody has to wait. */
import { setTimeout } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';
import type { Swept } from './ledger-store.ts';

const US_PER_DAY = 86_400_000_000;
/** Entries that one step deletes at most: some milliseconds of work. */
const STEP_ENTRIES = 200;
/** Between two steps, for everything else that has to be written. */
const STEP_PAUSE_MS = 20;
/** Between the end of one round and the next. */
const ROUND_PAUSE_MS = 60_000;
/** Steps of a round in which nothing was found. */
const IDLE_STEPS = 50;

/** What a host knows of the time, and where it tells its own mistakes. */
interface World {
  readonly nowMs: () => number;
  readonly onInternal: (error: unknown) => void;
}

/**
 * Ids are in the order of arrival, but where a run took long or the clock was wrong. So each round begins with the lowest
 * ids for as long as it finds something, and then goes on where the one before has stopped, in the end through all of them.
 */
export class Retention {
  readonly #ledger: Pick<Ledger, 'sweep'>;
  readonly #days: number;
  readonly #world: World;
  readonly #closing = new AbortController();
  /** Where the next round goes on. */
  #cursor = 0;

  /** @param days 0 deletes nothing, ever. */
  constructor(ledger: Pick<Ledger, 'sweep'>, days: number, world: World) {
    this.#ledger = ledger;
    this.#days = days;
    this.#world = world;
    if (days > 0) void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#round().catch((thrown) => this.#world.onInternal(thrown));
      await this.#pause(ROUND_PAUSE_MS);
    }
  }

  async #round(): Promise<void> {
    for (let from: number | undefined = 0; from !== undefined && !this.#isClosed; ) {
      const { deleted, nextId } = await this.#step(from);
      from = deleted > 0 ? nextId : undefined;
    }
    for (let idle = 0; idle < IDLE_STEPS && !this.#isClosed; ) {
      const { deleted, nextId } = await this.#step(this.#cursor);
      this.#cursor = nextId ?? 0;
      if (nextId === undefined) return;
      if (deleted === 0) idle++;
    }
  }

  async #step(fromId: number): Promise<Swept> {
    await this.#pause(STEP_PAUSE_MS);
    if (this.#isClosed) return { deleted: 0, nextId: undefined };
    const arrivedBeforeUs = this.#world.nowMs() * 1_000 - this.#days * US_PER_DAY;
    return this.#ledger.sweep({ fromId, arrivedBeforeUs, deletedMax: STEP_ENTRIES });
  }

  /** Ends early when it is closed. */
  async #pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { ref: false, signal: this.#closing.signal }).catch(() => undefined);
  }
}
