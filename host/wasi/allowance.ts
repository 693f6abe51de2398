/** Bytes that an execution may have in bodies of one kind, all of them together: they are the host's memory. */
export class Allowance {
  readonly #bytesMax: number;
  readonly #onTooLarge: (bytesMax: number) => never;
  #bytes = 0;

  /** @param onTooLarge throws what ends the execution. */
  constructor(bytesMax: number, onTooLarge: (bytesMax: number) => never) {
    this.#bytesMax = bytesMax;
    this.#onTooLarge = onTooLarge;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax) this.#onTooLarge(this.#bytesMax);
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}
