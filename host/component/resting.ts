/** What one thread keeps for later requests: few things that hold little memory together, the longest unused let go first. */

/** Memories, or instances with them: each memory reserves some 10 GB of addresses, which are plenty but not endless. */
const COUNT_MAX = 16;
/** What they may hold together: a thread that rests should hold little. */
const BYTES_MAX = 32 * 1_048_576;

export interface Resting {
  readonly bytes: number;
  /** It is wanted no more, and forgotten here. */
  letGo(): void;
}

export class RestingPlaces {
  /** Longest unused first. */
  readonly #kept: Resting[] = [];
  #bytes = 0;

  /** How many things are kept. */
  get count(): number {
    return this.#kept.length;
  }

  /** Keeps a thing until it is taken or others need its place. */
  add(resting: Resting): void {
    this.#kept.push(resting);
    this.#bytes += resting.bytes;
    while (this.#kept.length > COUNT_MAX || this.#bytes > BYTES_MAX) {
      const oldest = this.#kept[0] as Resting;
      this.take(oldest);
      oldest.letGo();
    }
  }

  /** It is used again. */
  take(resting: Resting): void {
    const at = this.#kept.lastIndexOf(resting);
    if (at < 0) return;
    this.#kept.splice(at, 1);
    this.#bytes -= resting.bytes;
  }
}
