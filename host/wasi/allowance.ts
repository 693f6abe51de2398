/** Bytes that an execution may have in bodies of one kind, all of them together: they are the host's memory. */
export class Allowance {
  readonly #bytesMax: number;
  readonly #onTooLarge: () => never;
  #bytes = 0;

  /** @param onTooLarge throws what ends the execution. */
  constructor(bytesMax: number, onTooLarge: () => never) {
    this.#bytesMax = bytesMax;
    this.#onTooLarge = onTooLarge;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax) this.#onTooLarge();
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}
