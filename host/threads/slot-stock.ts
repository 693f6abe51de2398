/** Which slots are free. A slot that was given back is free once its worker does not touch it any more. */
import type { SharedArea } from './shared-area.ts';
import { type SharedSlot, SLOT_STATE, SLOTS_MAX } from './shared-slot.ts';

export class SlotStock {
  /** Last used first, so that few pages are ever touched. */
  readonly #free: SharedSlot[] = [];
  readonly #ending = new Set<SharedSlot>();
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

  giveBack(slot: SharedSlot): void {
    if (!this.#held.has(slot)) this.#ending.add(slot);
    this.#collect();
  }

  /** Keeps slots whose worker is about to be ended, however far it has come with them. @returns lets them go. */
  hold(slots: readonly SharedSlot[]): () => void {
    for (const slot of slots) this.#held.add(slot);
    return () => {
      for (const slot of slots) {
        this.#held.delete(slot);
        slot.become(SLOT_STATE.free);
        this.#free.push(slot);
      }
    };
  }

  #collect(): void {
    for (const slot of this.#ending) {
      const { state } = slot;
      if (state !== SLOT_STATE.done && state !== SLOT_STATE.free) continue;
      this.#ending.delete(slot);
      this.#free.push(slot);
    }
  }
}
