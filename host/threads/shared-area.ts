/**
 * The memory that the serving thread shares with its worker threads: one slot for each execution under way, and the
 * words by which a worker tells that a slot has something new.
 */
import { SharedSlot, SLOT_BYTES, SLOT_STATE, SLOTS_MAX } from './shared-slot.ts';

/** Words before the slots: whether the serving thread wants a message, and which slots have news for it. */
const ARMED = 0;
const NEWS_HEAD = 1;
const NEWS_RING = 16;
/** More than there are slots, and each is in it once at most, so that it is never full. */
const NEWS_ENTRIES = 1_024;
const AREA_HEADER_BYTES = (NEWS_RING + NEWS_ENTRIES) * 4;

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
