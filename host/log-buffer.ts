/** Collects what a guest prints, up to a limit. */

export class LogBuffer {
  readonly #chunks: Uint8Array[] = [];
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  readonly write = (bytes: Uint8Array): void => {
    const kept = bytes.subarray(0, this.#bytesMax - this.#bytes);
    this.#bytes += kept.length;
    if (kept.length > 0) this.#chunks.push(kept.slice());
  };

  /** Undefined where nothing was printed. */
  get bytes(): Uint8Array | undefined {
    return this.#chunks.length === 0 ? undefined : Buffer.concat(this.#chunks);
  }
}
