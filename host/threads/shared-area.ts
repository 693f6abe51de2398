/**
 * The memory that the serving thread shares with its worker threads: one slot for each execution under way, and the
 * words by which a worker tells that a slot has something new.
 */
import { SharedSlot, SLOT_BYTES, SLOT_STATE, SLOTS_MAX } from './shared-slot.ts';

/** Words before the slots: whether the serving thread wants a message, and a bit for each slot that has news for it. */
const ARMED = 0;
const NEWS = 1;
const BITS = 32;
const NEWS_WORDS = SLOTS_MAX / BITS;
/** So many that the slots begin at a place where numbers of eight bytes may lie. */
const AREA_WORDS = 32;
const AREA_HEADER_BYTES = AREA_WORDS * 4;

/** All slots and the news of them for the serving thread. */
export class SharedArea {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #slots: (SharedSlot | undefined)[] = [];
  /** Word of the news that was looked at last, and what of it is still to be told. */
  #at = 0;
  #taken = 0;

  /** @param memory an area that another thread has made; without it, a new one. Its pages cost nothing until used. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(AREA_HEADER_BYTES + SLOTS_MAX * SLOT_BYTES);
    this.#words = new Int32Array(this.memory, 0, AREA_WORDS);
    // The first news of all finds nobody looking.
    if (!memory) Atomics.store(this.#words, ARMED, 1);
  }

  slot(index: number): SharedSlot {
    const known = this.#slots[index];
    if (known) return known;
    const slot = new SharedSlot(this.memory, AREA_HEADER_BYTES + index * SLOT_BYTES, index);
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

  #addNews({ index }: SharedSlot): void {
    Atomics.or(this.#words, NEWS + Math.floor(index / BITS), 1 << (index % BITS));
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

  /** In turn, so that no slot waits for long however often others have news. */
  #takeNews(): SharedSlot | undefined {
    for (let looked = 0; this.#taken === 0; looked++) {
      if (looked === NEWS_WORDS) return undefined;
      this.#at = (this.#at + 1) % NEWS_WORDS;
      if (Atomics.load(this.#words, NEWS + this.#at) !== 0)
        this.#taken = Atomics.exchange(this.#words, NEWS + this.#at, 0);
    }
    const lowest = this.#taken & -this.#taken;
    this.#taken ^= lowest;
    return this.slot(this.#at * BITS + BITS - 1 - Math.clz32(lowest));
  }
}
