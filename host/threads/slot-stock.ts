/** Which slots are free. A slot that was given back is free once its worker does not touch it any more. */
import type { SharedArea } from './shared-area.ts';
import { type SharedSlot, SLOT_STATE, SLOTS_MAX } from './shared-slot.ts';

export class SlotStock {
  /** Last used first, so that few pages are ever touched. */
  readonly #free: SharedSlot[] = [];
  /** Given back while their worker may still touch them, and whose worker that is. */
  readonly #ending = new Map<SharedSlot, unknown>();
  readonly #held = new Set<SharedSlot>();

  constructor(area: SharedArea) {
    for (let index = SLOTS_MAX - 1; index >= 0; index--) this.#free.push(area.slot(index));
  }

  get count(): number {
    return this.#free.length;
  }

  /** Only while `count` is above 0. */
  take(): SharedSlot {
    return this.#free.pop() as SharedSlot;
  }

  /** @param thread the one that had it last. */
  giveBack(slot: SharedSlot, thread: unknown): void {
    if (!this.#held.has(slot)) this.#ending.set(slot, thread);
    this.#collect();
  }

  /**
   * Keeps slots whose thread is about to be ended, however far it has come with them: those given, and those that were
   * given back and that it has not let go of, which it may never do now. @returns lets them all go.
   */
  hold(thread: unknown, slots: readonly SharedSlot[]): () => void {
    const left = [...this.#ending].filter(([, of]) => of === thread).map(([slot]) => slot);
    for (const slot of left) this.#ending.delete(slot);
    const all = [...slots, ...left];
    for (const slot of all) this.#held.add(slot);
    return () => {
      for (const slot of all) {
        this.#held.delete(slot);
        slot.become(SLOT_STATE.free);
        this.#free.push(slot);
      }
    };
  }

  #collect(): void {
    for (const slot of this.#ending.keys()) {
      const { state } = slot;
      if (state !== SLOT_STATE.done && state !== SLOT_STATE.free) continue;
      this.#ending.delete(slot);
      this.#free.push(slot);
    }
  }
}
