/** Collects bytes of unknown number. Knows nothing of what they mean. */

import { encodeU32 } from '../binary.ts';

/** A signed LEB128 of a number that is not negative. */
export function signedLeb(value: number): number[] {
  const bytes = encodeU32(value);
  const last = bytes.at(-1) as number;
  if (last < 0x40) return bytes;
  return [...bytes.slice(0, -1), last + 0x80, 0x00];
}

export class ByteSink {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(expectedBytes: number) {
    this.#bytes = new Uint8Array(Math.max(16, expectedBytes));
  }

  get length(): number {
    return this.#length;
  }

  append(part: ArrayLike<number>): void {
    this.#room(part.length);
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
  }

  /** Appends `source` from `start` to `end`. */
  copy(source: Uint8Array, start: number, end: number): void {
    if (end > start) this.append(source.subarray(start, end));
  }

  /** Forgets what it holds, and keeps its room. */
  clear(): void {
    this.#length = 0;
  }

  /** What was collected, without a copy: the next change to the sink may change it. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.view());
    this.#bytes = larger;
  }
}
