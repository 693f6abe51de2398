/** Collects what a guest prints, up to a limit. */
import { BytePile } from './byte-pile.ts';

export class LogBuffer {
  readonly #pile = new BytePile();
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  readonly write = (bytes: Uint8Array): void => {
    this.#pile.push(bytes.subarray(0, this.#bytesMax - this.#pile.bytes));
  };

  /** Undefined where nothing was printed. */
  get bytes(): Uint8Array | undefined {
    return this.#pile.bytes === 0 ? undefined : this.#pile.all;
  }
}
