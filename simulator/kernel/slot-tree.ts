/**
 * A tournament over numbered slots: which slot holds the smallest key, found at once and updated in log2(slots)
 * steps. It knows no domain.
 */

const ROOM_MIN = 16;
const OUT = Number.POSITIVE_INFINITY;

/** Keys should differ; of equal ones the lower slot wins. A key of Infinity is out of the tournament. */
export class SlotTree {
  // A full binary tree in an array: node n has the children 2n and 2n + 1, leaf of slot s is room + s.
  #room = ROOM_MIN;
  #keys = new Float64Array(2 * ROOM_MIN).fill(OUT);
  #slots = Int32Array.from({ length: 2 * ROOM_MIN }, (_, node) => (node < ROOM_MIN ? 0 : node - ROOM_MIN));

  /** The slot with the smallest key; below 0 when all are out. */
  get first(): number {
    return this.#keys[1] === OUT ? -1 : (this.#slots[1] as number);
  }

  set(slot: number, key: number): void {
    while (slot >= this.#room) this.#grow();
    const keys = this.#keys;
    const slots = this.#slots;
    let node = this.#room + slot;
    keys[node] = key;
    while (node > 1) {
      node >>= 1;
      const left = 2 * node;
      const winner = (keys[left + 1] as number) < (keys[left] as number) ? left + 1 : left;
      keys[node] = keys[winner] as number;
      slots[node] = slots[winner] as number;
    }
  }

  #grow(): void {
    const old = this.#keys.subarray(this.#room);
    this.#room *= 2;
    this.#keys = new Float64Array(2 * this.#room).fill(OUT);
    this.#slots = Int32Array.from({ length: 2 * this.#room }, (_, node) => Math.max(0, node - this.#room));
    for (let slot = 0; slot < old.length; slot++) this.set(slot, old[slot] as number);
  }
}
