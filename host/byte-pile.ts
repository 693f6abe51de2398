/** Bytes that wait, first in, first out. However small the pieces in which they come, they take little more than their own size. */

/** Larger pieces are kept as they come, smaller ones together in stretches of up to this size. */
const STRETCH_BYTES = 65_536;

const NOTHING = new Uint8Array();

export class BytePile {
  /** All that wait. */
  bytes = 0;
  /** Those before the last stretch, oldest first. */
  #full: Uint8Array[] = [];
  #last = NOTHING;
  /** Of the last stretch. */
  #lastBytes = 0;

  /** Keeps a copy. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#lastBytes + bytes.length > this.#last.length) this.#begin(bytes.length);
    this.#last.set(bytes, this.#lastBytes);
    this.#lastBytes += bytes.length;
    this.bytes += bytes.length;
  }

  /** A stretch as large as all before it together, so that one piece alone takes no more than itself. */
  #begin(atLeastBytes: number): void {
    this.#endLast();
    this.#last = new Uint8Array(Math.max(atLeastBytes, Math.min(this.bytes, STRETCH_BYTES)));
  }

  #endLast(): void {
    if (this.#lastBytes > 0) this.#full.push(this.#last.subarray(0, this.#lastBytes));
    this.#last = NOTHING;
    this.#lastBytes = 0;
  }

  /** The oldest bytes, at most so many of them; empty when there are none. */
  take(lengthMax: number): Uint8Array {
    if (this.#full.length === 0) this.#endLast();
    const [first] = this.#full;
    if (!first) return NOTHING;
    const taken = first.subarray(0, lengthMax);
    if (taken.length === first.length) this.#full.shift();
    else this.#full[0] = first.subarray(taken.length);
    this.bytes -= taken.length;
    return taken;
  }

  /** All of them as one; they stay. */
  get all(): Buffer {
    return Buffer.concat([...this.#full, this.#last.subarray(0, this.#lastBytes)]);
  }

  clear(): void {
    this.bytes = 0;
    this.#full = [];
    this.#last = NOTHING;
    this.#lastBytes = 0;
  }
}
