/** How many rows of a trace may be unreadable, and what was wrong with the first of them. */
import { CodedError } from '../../metering/errors.ts';

const SHOWN_MAX = 3;

export class BadRows {
  count = 0;
  readonly messages: string[] = [];
  readonly #max: number;

  /** @param max how many may be passed over; 0 makes the first one an error. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Runs what reads one row, and counts the row when it cannot be read. @throws when there are too many. */
  guard(read: () => void): void {
    try {
      read();
    } catch (thrown) {
      this.take(thrown);
    }
  }

  /** Counts a row that could not be read. @throws what was thrown, when it is no row's fault or one too many. */
  take(thrown: unknown): void {
    if (!(thrown instanceof CodedError) || thrown.code !== 'trace-invalid') throw thrown;
    if (this.#max === 0) throw thrown;
    if (++this.count > this.#max) {
      throw new CodedError(
        'trace-invalid',
        `${thrown.message}; it is bad row ${this.count}, and maxBadRows allows ${this.#max}`,
        { ...thrown.details, maxBadRows: this.#max },
      );
    }
    if (this.messages.length < SHOWN_MAX) this.messages.push(thrown.message);
  }
}
